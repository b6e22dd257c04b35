"""A model: a task, the prompt it was made with, and a backend that answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .backends.abilities import Keeps, Serving, exporter
from .backends.base import Batches
from .data.dataset import Dataset
from .durable import new_folder, write_file
from .errors import InputError, UnsupportedTask
from .model_card import model_card
from .model_file import Kind, SavedModel
from .predicting import Predicting
from .shapes import Asked, Input

if TYPE_CHECKING:
    from .bulk import Answering, PredictionJob
    from .evaluation import Report

__all__ = ["Kind", "Model"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Model(Predicting):
    """Something that predicts. Made by :func:`tunekit.tune`, :func:`tunekit.load` and others.

    ``kind`` says honestly what it is: ``"tuned"`` (weights were trained), ``"prompted"``,
    ``"zero-shot"`` or ``"trivial"``. ``task`` is the task it was trained on, ``base`` its base
    model, ``provenance`` what it was made from, ``temperature`` what its probabilities are
    calibrated with (``None`` where they aren't). Safe to use from several threads.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> data = Dataset.from_rows(rows, Classification())
        >>> model = tunekit.tune(data, backend="fake")
        >>> model.kind, model.task.labels
        ('tuned', ('no', 'yes'))
        >>> model.predict(["yes 1", "no 2"])[1].label, model.rendered("yes 1")[0].turns[-1].text
        ('no', 'yes 1')
        >>> model.evaluate(data).accuracy.value
        1.0
        >>> tunekit.load(model.save("models/yes-or-no")).predict("no 3").label
        'no'
    """

    def __repr__(self) -> str:
        return f"<Model {self.kind} {self.task.kind} on {self.spec.name}: {self.ref.id}>"

    def submit_predictions(self, x: Any) -> PredictionJob:
        """Predict as a job at the provider, for less and within a day, where it has such a thing.

        Args:
            x: a Dataset, or a list of inputs as for :meth:`predict`.

        Returns:
            A job that outlives this process: ``job.wait()`` gives the predictions in order,
            ``tunekit.attach_predictions(job.id)`` finds it again.

        Raises:
            UnsupportedTask: the backend has no batches.
            InputError: an input that isn't one of this task.
            BackendError: the provider refused.

        Example:
            >>> import tunekit
            >>> rows = [{"text": text, "label": text[0]} for text in ("a1", "a2", "b1", "b2")]
            >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
            >>> tunekit.tune(data, backend="fake").submit_predictions(data)
            Traceback (most recent call last):
            ...
            tunekit.errors.UnsupportedTask: backend 'fake' has no batches. Use predict() or ...
        """
        from .bulk import new_bulk
        from .config import load_config

        asked: Iterable[Asked]
        if isinstance(x, Dataset):
            self._check_kind(x)
            asked = (self.task.asked(row) for row in x)
        elif isinstance(x, str | Mapping) or not isinstance(x, Iterable):
            raise InputError("submit_predictions takes several inputs. Use predict() for one.")
        else:
            asked = self._all_asked(x)
        return new_bulk(load_config().home, self.answering, asked)

    @property
    def answering(self) -> Answering:
        """What :mod:`tunekit.bulk` needs of a model.

        Raises:
            UnsupportedTask: the backend has no batches.
        """
        return _Answering(self)

    def evaluate(self, data: Dataset) -> Report:
        """Predict for all rows of a data set and compare.

        Args:
            data: rows that the model wasn't trained on, such as the test part of a split.

        Returns:
            A report: prints well, ``to_dict()`` for machines. A row without an answer counts as
            wrong.

        Raises:
            UnsupportedTask: there are no metrics for this task.
            DataError: the rows are of another task.
            InputError: that is no data set.
            BackendError: the backend couldn't be asked at all.
        """
        from .evaluation import evaluate

        if not isinstance(data, Dataset):
            raise InputError(
                f"evaluate takes a Dataset, not {type(data).__name__}. Make one: "
                "Dataset.from_rows(rows, model.task)."
            )
        self._check_kind(data)
        rows = list(data)
        answers = self.predict(data, errors="return")
        return evaluate(self.task, rows, answers, model_kind=self.kind)

    def save(self, path: str | Path) -> Path:
        """Save to a new folder: JSON and, where the backend's models are files, safetensors.

        Args:
            path: new; :func:`tunekit.load` takes it.

        Returns:
            The path.

        Raises:
            StoreError: the folder exists, or the disk refused. Nothing is left behind.
        """
        path = Path(path)
        saved = SavedModel(
            kind=self.kind,
            task={"kind": self.task.kind, **self.task.model_dump(mode="json")},
            prompt=self.prompt,
            backend=(self.spec.name, self.spec.type, dict(self.spec.options)),
            model=self.base,
            shape=self.shape,
            ref=self.ref.id,
            temperature=self.temperature,
            provenance=dict(self.provenance),
        )
        with new_folder(path) as folder:
            if isinstance(self.backend, Keeps):
                (folder / "artifact").mkdir()
                self.backend.save(self.ref, folder / "artifact")
            write_file(folder / "model.json", saved.model_dump_json(indent=1).encode())
            write_file(folder / "README.md", model_card(self).encode())
        return path

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool = True,
        token_env: str = "HF_TOKEN",  # noqa: S107 - a variable's name
        revision: str | None = None,
        overwrite: bool = False,
    ) -> str:
        """Save to a repository on the Hugging Face Hub, with its card, in one commit.

        Args:
            repo: ``"user/name"``; made where it isn't there.
            private: a new repository is; one that is there has to be.
            token_env: the environment variable with a token that may write.
            revision: a branch, made where it isn't there.
            overwrite: write into a repository that holds something else than a model of tunekit.

        Returns:
            ``"hf://user/name@commit"``, for :func:`tunekit.load`.

        Raises:
            UnsupportedTask: the model is a provider's, and has no weights here.
            ModelError: the repository holds something else, is public, or the Hub refused.
            AuthenticationFailed, ConnectionFailed: no token; no Hub.

        Example:
            >>> import tunekit
            >>> rows = [{"text": text, "label": text[0]} for text in ("a1", "a2", "b1")]
            >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
            >>> rule = tunekit.baseline(data, backend="trivial")
            >>> rule.push_to_hub("user/rule", token_env="NO_SUCH_TOKEN")
            Traceback (most recent call last):
            ...
            tunekit.errors.AuthenticationFailed: hub: the environment variable NO_SUCH_TOKEN ...
        """
        from .publishing import Place, push

        return push(self, Place(repo, private, token_env, revision, overwrite))

    def export(self, kind: str, path: str | Path) -> Path:
        """Write the model in another tool's format, into a new folder with a card.

        What is written is compared with this model first.

        Args:
            kind: ``"safetensors"``; of encoders also ``"onnx"``; of language models also
                ``"gguf"`` and ``"gguf-q8_0"``.
            path: new.

        Returns:
            The path.

        Raises:
            UnsupportedTask: this model can't be written so; the message says what there is.
            MissingExtra: the packages that it takes aren't installed.
            ModelError: what was written doesn't answer as this model does.
            StoreError: the folder exists, or the disk refused. Nothing is left behind.

        Example:
            >>> import tunekit
            >>> rows = [{"text": text, "label": text[0]} for text in ("a1", "a2", "b1")]
            >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
            >>> tunekit.baseline(data, backend="trivial").export("onnx", "models/rule")
            Traceback (most recent call last):
            ...
            tunekit.errors.UnsupportedTask: majority:... can't be exported as 'onnx'; save() ...
        """
        path = Path(path)
        backend = exporter(self.backend, self.ref, kind)
        with new_folder(path) as folder:
            known = Serving(self.prompt.turns, self.temperature)
            backend.export(self.ref, kind, folder, known)
            write_file(folder / "README.md", model_card(self, kind).encode())
        return path


class _Answering:
    """A model as :mod:`tunekit.bulk` sees it."""

    def __init__(self, model: Model) -> None:
        if not isinstance(model.backend, Batches):
            raise UnsupportedTask(
                f"backend {model.spec.name!r} has no batches. Use predict() or stream(), which "
                "answer at once."
            )
        self.batches: Batches = model.backend
        self.ref_id = model.ref.id
        self.save = model.save
        self.read = model._read
        self._model = model

    def as_input(self, asked: Asked) -> Input:
        return self._model.task.input(asked, self._model.shape, self._model.prompt)
