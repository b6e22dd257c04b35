"""The public verbs that answer "did it help?": baselines, comparisons, and the way elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from .api import load, tune
from .backends.base import Backend
from .comparison import Comparison, compare_models, judge_of
from .curves import curve_of
from .data.dataset import Dataset
from .errors import ModelError
from .job import Job
from .model import Model
from .origins import in_words_of, origin_of, still_answers
from .resolving import backend_for, check_data, current_config
from .tasks.base import Task
from .untrained import untrained

__all__ = ["baseline", "compare", "migrate"]


def baseline(
    data: Dataset,
    *,
    backend: str | Backend | None = None,
    model: str | Path | None = None,
    shots: int = 0,
) -> Model:
    """What answers without training on these rows: the measure for a model that was trained.

    Args:
        data: training rows. A pretrained model is given their task (labels, descriptions) and, with
            ``shots``, some of the rows; a rule is made of all of them.
        backend: as in :func:`tune`; ``"trivial"`` for a rule (the majority label, the most frequent
            spans, the input itself, the option that looks like the best ones).
        model: the base model; the backend's default without it.
        shots: examples shown to the model in its prompt, chosen by class and diversity.

    Returns:
        A model of kind ``"zero-shot"``, ``"prompted"`` (with shots) or ``"trivial"``.

    Raises:
        UnsupportedTask: the backend has no such baseline for this task.
        InputError: no data set, or no number of shots.
        ConfigError, MissingExtra: no such backend, or what it needs isn't installed.

    Example:
        >>> import tunekit
        >>> rows = [{"text": f"t{n}", "label": "b" if n > 3 else "a"} for n in range(9)]
        >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
        >>> tunekit.baseline(data, backend="trivial")
        <Model trivial classification on trivial: majority:...>
    """
    check_data("data", data)
    return untrained(backend_for(backend), data, model, shots)


def compare(test: Dataset, models: Mapping[str, Model]) -> Comparison:
    """Put models side by side on rows that none of them was trained on.

    Args:
        test: rows with the right answers.
        models: by the names to show them by, such as ``{"tuned": …, "pretrained": …}``; they may
            live on different backends, but do the same task.

    Returns:
        A comparison: prints well, ``to_html(path)``, ``to_markdown()``, ``to_dict()``, and
        ``require("tuned.macro_f1 > pretrained.macro_f1")`` as a gate.

    Raises:
        InputError: something that is no model or no data set, or of another task.
        UnsupportedTask: answers of this task can't be right or wrong.
        DataError: there are no rows.
        BackendError: a model couldn't be asked at all.

    Example:
        >>> import tunekit
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
        >>> tuned = tunekit.tune(data, backend="fake")
        >>> rule = tunekit.baseline(data, backend="trivial")
        >>> found = tunekit.compare(data, {"tuned": tuned, "rule": rule})
        >>> found.difference("tuned", "rule").measure.value
        0.5
    """
    check_data("test", test)
    curves = {name: curve_of(model, current_config().home) for name, model in _models(models)}
    return compare_models(test, models, curves=curves, today=date.today())


def migrate(
    source: str | Path | Job,
    task: Task,
    *,
    to: str | Backend,
    was: Model | str | None = None,
    test: float = 0.2,
    seed: int = 0,
    **same: Any,
) -> Comparison:
    """Tune elsewhere what was tuned at a provider, and compare the two.

    Args:
        source: a provider's training file; a job of ours (``run:ID`` or the :class:`Job`); or a job
            at a provider, as ``BACKEND:JOB-ID``, whose training file is fetched.
        task: what the rows are rows of.
        to: the backend to tune on from now on.
        was: the model that answered until now, or a reference to it, where the source doesn't say.
            One of a provider is asked with the system turn of the training file.
        test: the share of rows that is held out, to compare on. The old model may have been trained
            on them: then its figure is flattering.
        seed: decides which rows those are.
        same: what :func:`tune` takes: ``model``, ``method``, hyperparameters.

    Returns:
        A comparison of ``"migrated"`` with ``"before"`` (where the old model still answers) and
        with ``"rule"``, what a rule of the same rows gets. An old model that the source names and
        that no longer answers is left out, with a warning. ``.model("migrated")`` is the new model.

    Raises:
        DataError: the file can't be read as rows of this task.
        UnsupportedTask: the backend doesn't train this, or answers of the task can't be compared.
        Everything else that :func:`tune` raises.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n * n}", "label": word} for word in "ab" for n in range(9)]
        >>> path = Dataset.from_rows(rows, Classification()).to("openai-chat", "theirs.jsonl")
        >>> moved = tunekit.migrate(path, Classification(), to="fake", test=0.3)
        >>> list(moved.models)
        ['migrated', 'rule']
    """
    found = origin_of(source, task, current_config().home)
    judge_of(found.data.task)
    train, held_out = found.data.split(test=test, seed=seed)
    before = _model_of(was, found.data) if was is not None else found.model
    # Whatever may go wrong goes wrong before a training is paid for.
    rule = baseline(train, backend="trivial")
    if before is not None and was is None and not still_answers(before, held_out):
        before = None
    models = {"migrated": tune(train, backend=to, **same)}
    if before is not None:
        models["before"] = before
    return compare(held_out, models | {"rule": rule})


def _model_of(was: Model | str, data: Dataset) -> Model:
    """The model that answered until now."""
    if not isinstance(was, str):
        return was
    try:
        return load(was)
    except ModelError:  # a reference that doesn't say what the model does
        return in_words_of(load(was, task=data.task), data)


def _models(models: Any) -> Iterator[tuple[str, Model]]:
    """Pairs of name and model, of whatever was given; what is wrong with it is said later."""
    if isinstance(models, Mapping):
        yield from ((name, one) for name, one in models.items() if isinstance(one, Model))
