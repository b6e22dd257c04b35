"""How a model predicts: at once, in portions, in pieces, with or without an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from . import loop
from .backends.abilities import Writes
from .backends.base import Backend, ModelRef, Predicts
from .data.dataset import Dataset
from .errors import DataError, InputError, ModelError, UnsupportedTask
from .model_file import Kind
from .planning import BackendSpec
from .shapes import Asked, Failure, Input, Outcome, Shape, Turns
from .tasks.base import Prompt, Task
from .unanswered import check_errors, raise_failures

__all__ = ["Predicting"]

#: Inputs that a stream of them is predicted by: enough for batches of equal length.
AT_ONCE = 4_096


@dataclass(frozen=True, kw_only=True, eq=False)
class Predicting:
    """What a model is made of, and its answers. See :class:`tunekit.Model`."""

    task: Task
    kind: Kind
    ref: ModelRef
    prompt: Prompt
    shape: Shape
    base: str
    spec: BackendSpec
    backend: Backend = field(repr=False)
    temperature: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def predict(
        self, x: Any, *, errors: Literal["raise", "return"] = "raise", **fields: Any
    ) -> Any:
        """Predict for one input, or for a list or Dataset of them.

        Args:
            x: what the task predicts for (a text; see the task), or a mapping with its fields, or
                a list of these, or a Dataset.
            errors: ``"raise"`` for a PredictionError that holds all outcomes, or ``"return"`` for
                a :class:`~tunekit.Failure` in the place of each input that had no answer.
            fields: further fields of a single input, such as ``options=`` and ``context=``.

        Returns:
            The prediction, or a list of them in order.

        Raises:
            InputError: an input that isn't one of this task.
            PredictionError: inputs without an answer.
            BackendError: the backend couldn't be asked at all.

        Example:
            >>> import tunekit
            >>> rows = [{"text": text, "label": text[0]} for text in ("a1", "a2", "b1", "b2")]
            >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
            >>> model = tunekit.tune(data, backend="fake")
            >>> model.predict("b1").label
            'b'
            >>> [answer.label for answer in model.predict(["a1", {"text": "b2"}])]
            ['a', 'b']
        """
        check_errors(errors)
        asked, single = self._asked(x, fields)
        return self._answered(loop.run(self._outcomes(asked)), single, errors)

    async def apredict(
        self, x: Any, *, errors: Literal["raise", "return"] = "raise", **fields: Any
    ) -> Any:
        """:meth:`predict` for callers with an event loop of their own. Takes ``x``, ``errors`` and
        ``fields`` and raises as that does.

        Example:
            >>> import tunekit
            >>> rows = [{"text": text, "label": text[0]} for text in ("a1", "a2", "b1", "b2")]
            >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
            >>> model = tunekit.tune(data, backend="fake")
            >>> asyncio.run(model.apredict("b1")).label
            'b'
        """
        check_errors(errors)
        asked, single = self._asked(x, fields)
        outcomes = await asyncio.wrap_future(loop.start(self._outcomes(asked)))
        return self._answered(outcomes, single, errors)

    def stream(
        self, xs: Iterable[Any], *, errors: Literal["raise", "return"] = "raise"
    ) -> Iterator[Any]:
        """Predict for any number of inputs in the memory that a few thousand take.

        Args:
            xs: as for :meth:`predict` of several inputs; read as the answers are asked for.
            errors: as for :meth:`predict`. An error ends the stream at the inputs it belongs to;
                what was given before stays true.

        Returns:
            The predictions in order, one by one.

        Raises:
            InputError: a single input, or one that isn't one of this task.
            PredictionError: inputs without an answer. Its positions count from the first of all
                inputs; its ``outcomes`` are those that were asked for together.
            BackendError: the backend couldn't be asked at all.

        Example:
            >>> import tunekit
            >>> rows = [{"text": text, "label": text[0]} for text in ("a", "a1", "b", "b1")]
            >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
            >>> model = tunekit.tune(data, backend="fake")
            >>> [answer.label for answer in model.stream(text for text in "ab")]
            ['a', 'b']
        """
        check_errors(errors)
        if isinstance(xs, str | Mapping) or not isinstance(xs, Iterable):
            raise InputError("stream takes several inputs. Use predict() for one.")
        return self._streamed(xs, errors)

    def _streamed(self, xs: Iterable[Any], errors: Literal["raise", "return"]) -> Iterator[Any]:
        first, rest = 0, iter(xs)
        if isinstance(xs, Dataset):
            self._check_kind(xs)
            rest = (self.task.asked(row) for row in xs)
        while part := list(islice(rest, AT_ONCE)):
            asked = part if isinstance(xs, Dataset) else self._all_asked(part, first)
            yield from self._answered(loop.run(self._outcomes(asked)), False, errors, first)
            first += len(part)

    def write(
        self,
        x: Any,
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        max_tokens: int | None = None,
        seed: int | None = None,
        **fields: Any,
    ) -> Iterator[str]:
        """The words of one answer in pieces, while a language model writes them.

        Args:
            x: one input, as for :meth:`predict`.
            temperature: at which tokens are drawn; 0 takes the likeliest. This and what follows is
                the backend's own where it isn't given.
            top_p: tokens are drawn among the likeliest that together have this probability.
            max_tokens: that the answer may have.
            seed: of what is drawn.
            fields: further fields of the input.

        Returns:
            The pieces. Joined they are what the model said, before the task reads it.

        Raises:
            InputError: not an input of this task.
            UnsupportedTask: the backend gives no answers in pieces, or answers from a closed set.
            PredictionError: no answer, or none that ended: after the pieces so far.

        Example:
            Language models of the local backend write in pieces; others say that they don't.

            >>> import tunekit
            >>> data = tunekit.Dataset.from_rows(
            ...     [{"input": "teh", "output": "the"}], tunekit.Transformation()
            ... )
            >>> for piece in tunekit.tune(data, backend="fake").write("teh", max_tokens=9):
            ...     print(piece)
            Traceback (most recent call last):
            ...
            tunekit.errors.UnsupportedTask: ... predict() gives it as a whole.
        """
        asked = self.task.input(self.task.ask(x, **fields), self.shape, self.prompt)
        if not isinstance(self.backend, Writes) or not isinstance(asked, Turns) or asked.choices:
            raise UnsupportedTask(
                f"{self!r} gives no answer in pieces: language models of the local backend do "
                "where the answer is free. predict() gives it as a whole."
            )
        given = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "seed": seed}
        how = {name: value for name, value in given.items() if value is not None}
        return self._pieces(self.backend.write(self.ref, asked, how))

    def _pieces(self, pieces: Iterator[str | Failure]) -> Iterator[str]:
        for piece in pieces:
            if isinstance(piece, Failure):
                raise_failures(self.spec.name, [piece], 0)
            else:
                yield piece

    def rendered(self, x: Any, **fields: Any) -> list[Input]:
        """What the backend would be sent for these inputs, in the stored prompt. Takes ``x`` and
        ``fields`` as :meth:`predict` does.

        Raises:
            InputError: an input that isn't one of this task.

        Example:
            >>> import tunekit
            >>> data = tunekit.Dataset.from_rows(
            ...     [{"input": "teh", "output": "the"}], tunekit.Transformation("Spell it well.")
            ... )
            >>> model = tunekit.tune(data, backend="fake")
            >>> [(turn.role, turn.text) for turn in model.rendered("wrod")[0].turns]
            [('system', 'Spell it well.'), ('user', 'wrod')]
        """
        asked, _ = self._asked(x, fields)
        return [self.task.input(one, self.shape, self.prompt) for one in asked]

    def _asked(self, x: Any, fields: Mapping[str, Any]) -> tuple[list[Asked], bool]:
        if isinstance(x, Dataset):
            self._refuse_fields(fields)
            self._check_kind(x)
            return [self.task.asked(row) for row in x], False
        if isinstance(x, str | Mapping) or not isinstance(x, Iterable):
            return [self.task.ask(x, **fields)], True
        self._refuse_fields(fields)
        return self._all_asked(x), False

    def _all_asked(self, xs: Iterable[Any], first: int = 0) -> list[Asked]:
        """All of several inputs, of which the first is at this position."""
        asked: list[Asked] = []
        wrong: list[str] = []
        for position, one in enumerate(xs, first):
            try:
                asked.append(self.task.ask(one))
            except InputError as error:
                wrong.append(f"input {position}: {error}")
        if wrong:
            raise InputError("; ".join(wrong[:20]))
        return asked

    def _check_kind(self, data: Dataset) -> None:
        if data.task.kind != self.task.kind:
            raise DataError(
                f"{data.name} has rows of {data.task.kind}; this is {self!r}. Give rows of that."
            )

    @staticmethod
    def _refuse_fields(fields: Mapping[str, Any]) -> None:
        if fields:
            raise InputError(
                f"{', '.join(fields)}: for several inputs, give each as a mapping with its fields."
            )

    def _outcomes(self, asked: Sequence[Asked]) -> Coroutine[Any, Any, list[Any]]:
        if not isinstance(self.backend, Predicts):
            raise UnsupportedTask(
                f"backend {self.spec.name!r} serves no models; it only trains. Take another: "
                "tunekit.list_backends() has all."
            )
        return self._ask_backend(self.backend, asked)

    async def _ask_backend(self, backend: Predicts, asked: Sequence[Asked]) -> list[Any]:
        inputs = [self.task.input(one, self.shape, self.prompt) for one in asked]
        outcomes = await backend.predict(self.ref, inputs) if inputs else []
        if len(outcomes) != len(inputs):
            raise ModelError(
                f"{self.spec.name}: {len(outcomes)} answers to {len(inputs)} inputs. Mend the "
                "backend: it gives one for each."
            )
        return [self._read(*pair) for pair in zip(asked, outcomes, strict=True)]

    def _read(self, asked: Asked, outcome: Outcome) -> Any:
        if isinstance(outcome, Failure):
            return outcome
        if self.temperature is not None:
            from .calibration import apply

            outcome = apply(outcome, self.temperature)
        return self.task.parse(asked, outcome, self.shape)

    def _answered(self, outcomes: list[Any], single: bool, errors: str, first: int = 0) -> Any:
        if errors == "raise":
            raise_failures(self.spec.name, outcomes, first)
        return outcomes[0] if single else outcomes
