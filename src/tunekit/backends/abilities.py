"""What some backends can do besides training and answering: each a small protocol of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..data.dataset import Dataset
from ..errors import UnsupportedTask
from ..shapes import Failure, Input, Shape, Turn
from ..tasks.base import Task
from .base import Backend, ModelRef, Ref

__all__ = [
    "Called",
    "Calls",
    "Curves",
    "Exports",
    "Keeps",
    "Pauses",
    "Price",
    "Prices",
    "Recommends",
    "Rules",
    "Serving",
    "Source",
    "Sources",
    "Writes",
    "ZeroShot",
    "exporter",
    "model_for",
]


@runtime_checkable
class Recommends(Protocol):
    """A backend whose default base model depends on the task."""

    def model_for(self, task: Task) -> str:
        """The base model for this kind of task where none is named."""
        ...


@runtime_checkable
class Pauses(Protocol):
    """A backend whose jobs can be paused."""

    def pause(self, ref: Ref) -> None:
        """Let a job rest."""
        ...

    def resume(self, ref: Ref) -> None:
        """Let a paused job go on."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A backend whose models are files that can be saved with the model."""

    def save(self, ref: ModelRef, folder: Path) -> None:
        """Write all that ``open`` needs into this (new, empty) folder."""
        ...

    def open(self, folder: Path) -> ModelRef:
        """The model that ``save`` wrote into this folder, for as long as the folder is there."""
        ...


class Called(NamedTuple):
    """Somebody that a backend calls: the address (``None`` where that is inside this process), and
    the environment variable that has to hold a key for it; ``None`` where none is wanted."""

    address: str | None
    key_env: str | None


@runtime_checkable
class Calls(Protocol):
    """A backend that calls somebody: for those who want to know what that takes, before it does."""

    def calls(self) -> Sequence[Called]:
        """Whom it will call, as options and environment are now. This asks nobody."""
        ...


class Serving(NamedTuple):
    """What has to be known outside of tunekit to get a model's answers: the turns before every
    input, and the temperature of its probabilities, where one was fitted."""

    before: tuple[Turn, ...] = ()
    temperature: float | None = None


@runtime_checkable
class Exports(Protocol):
    """A backend that writes its models in other tools' formats."""

    def exports(self, ref: ModelRef) -> Sequence[str]:
        """The kinds that this model can be written as."""
        ...

    def export(self, ref: ModelRef, kind: str, folder: Path, serving: Serving) -> None:
        """Write it into this (new, empty) folder, and make sure that what was written answers as
        the model does. Raises UnsupportedTask where ``kind`` isn't one of ``exports``."""
        ...


class Price(NamedTuple):
    """What a thousand predictions cost: ``amount`` is None where no price is known, and never 0
    for that. ``price_date`` is the day (ISO 8601) that the price was true on."""

    amount: float | None
    currency: str
    price_date: str | None
    note: str


@runtime_checkable
class Curves(Protocol):
    """A backend that knows more of the steps of a training than its events tell."""

    def curve(self, run_id: str) -> Sequence[Mapping[str, float]]:
        """Points with ``step`` and whichever there are of ``train_loss``, ``validation_loss``,
        ``validation_metric`` and ``epoch``, in order of their steps."""
        ...


@runtime_checkable
class Prices(Protocol):
    """A backend whose answers cost money."""

    def price_of(self, ref: ModelRef, inputs: Sequence[Input], said: Sequence[str]) -> Price:
        """What a thousand inputs like these, answered like this, cost; said without asking
        anybody."""
        ...


class Source(NamedTuple):
    """What a job at a provider was trained on, fetched to this disk: a file, its format where the
    provider says it, and the model that came of it, where one did."""

    path: Path
    format: str | None
    model: str | None


@runtime_checkable
class Sources(Protocol):
    """A backend that gives back what a job was trained on, whoever started it."""

    def source_of(self, job: str, path: Path) -> Source:
        """Fetch the training file of a job into this file."""
        ...


@runtime_checkable
class ZeroShot(Protocol):
    """A backend that answers without training, from the task's own words."""

    def zero_shot(self, task: Task, model: str) -> ModelRef:
        """This base model, as one that is told the task and was never trained on it."""
        ...


@runtime_checkable
class Rules(Protocol):
    """A backend that answers by a rule made of what rows show, without reading what is asked, or
    next to: what any model has to beat."""

    def rule(self, data: Dataset) -> tuple[ModelRef, Shape]:
        """Make the rule of these rows; gives where it is, and the shape it answers in."""
        ...


@runtime_checkable
class Writes(Protocol):
    """A backend that gives an answer in pieces, while it is written."""

    def write(self, ref: ModelRef, asked: Input, how: Mapping[str, Any]) -> Iterator[str | Failure]:
        """The pieces of one answer; a Failure is the last of them.

        Args:
            ref: the model.
            asked: what it is asked.
            how: ``temperature``, ``top_p``, ``seed`` and ``max_tokens`` where they are to differ
                from the backend's own.
        """
        ...


def exporter(backend: Backend, ref: ModelRef, kind: str) -> Exports:
    """The backend, as one that writes this model as this kind.

    Raises:
        UnsupportedTask: it doesn't; the message says what there is.
    """
    kinds = backend.exports(ref) if isinstance(backend, Exports) else ()
    if isinstance(backend, Exports) and kind in kinds:
        return backend
    there = f"there are {', '.join(map(repr, kinds))}; " if kinds else ""
    raise UnsupportedTask(
        f"{ref.id} of backend {backend.name!r} can't be exported as {kind!r}; {there}save() writes "
        "it as safetensors and JSON."
    )


def model_for(backend: Backend, task: Task) -> str:
    """The base model that a backend takes for a task where none is named."""
    return backend.model_for(task) if isinstance(backend, Recommends) else backend.default_model
