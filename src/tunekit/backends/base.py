"""What a backend is: small protocols, since the halves of one have different lives.

Providers stop training and go on serving, some only ever served, some need a deployment between
the two. So a backend is a :class:`Backend` (what it could train, and an offline estimate), and
then whichever of :class:`Trains`, :class:`Pauses`, :class:`Predicts`, :class:`Keeps`,
:class:`Exports` and :class:`ZeroShot` it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from ..data.dataset import Dataset
from ..errors import UnsupportedTask
from ..planning import Estimate, Route, Setup, Work
from ..shapes import Input, Outcome, Shape, Turn
from ..tasks.base import Task

__all__ = [
    "Backend",
    "Batches",
    "Curves",
    "Event",
    "Exports",
    "Journal",
    "Keeps",
    "ModelRef",
    "Pauses",
    "Predicts",
    "Price",
    "Prices",
    "Ref",
    "Rules",
    "Serving",
    "Source",
    "Sources",
    "State",
    "Status",
    "Step",
    "Trained",
    "Trains",
    "ZeroShot",
    "exporter",
    "trains_weights",
]

#: The backend's own name for a job: an id at a provider, a folder on this machine.
Ref: TypeAlias = str


class State(StrEnum):
    """Where a job stands. Order matters: states only move forward (see ``job.py``)."""

    CREATED = "created"  # on disk here, nothing sent yet
    VALIDATING = "validating"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"  # nobody works on it; attach and wait go on with it
    UNKNOWN = "unknown"  # a provider state we don't know: kept raw, never terminal
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will come of it."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Status(NamedTuple):
    """An answer to "how is it going": our state, the provider's own word, and why it failed."""

    state: State
    raw: str
    error: str | None = None


class Event(NamedTuple):
    """Something that happened in a job.

    ``at`` is ISO 8601 in UTC, ``kind`` one of ``state``, ``log``, ``metric``, ``progress``;
    ``data`` has the numbers (``{"step": 3, "loss": 0.2}``; for progress ``done`` and ``total``).
    """

    at: str
    kind: str
    message: str
    data: Mapping[str, Any] = {}


class ModelRef(NamedTuple):
    """Where a backend finds a model again: an id at a provider, or a folder on this machine."""

    backend: str
    id: str


class Trained(NamedTuple):
    """What came of a job: the model, its temperature where one was fitted, what was applied, and
    ``artifact``: what is known of the file that holds it, such as its version and hash."""

    ref: ModelRef
    temperature: float | None = None
    applied: Mapping[str, Any] = {}
    metrics: Mapping[str, Any] = {}
    artifact: Mapping[str, Any] = {}


class Step(NamedTuple):
    """A remote step that was taken: an upload, a create."""

    at: str
    name: str
    facts: Mapping[str, Any]


class Journal(Protocol):
    """What a backend may know of the run it works for. Noting is durable before it returns."""

    @property
    def run_id(self) -> str: ...
    @property
    def folder(self) -> Path:
        """The run folder: ``data/train.jsonl`` and, where there is one, ``data/validation.jsonl``
        hold the rendered bytes."""
        ...

    @property
    def steps(self) -> Sequence[Step]: ...
    def note(self, name: str, **facts: Any) -> None: ...


@runtime_checkable
class Backend(Protocol):
    """Something that could train or serve.

    ``name`` is the name in config (``"azure"``), ``type`` the kind of backend (``"openai"``).
    ``options`` is everything needed to build it again, secrets by the name of their variable only.
    One that has ``trains_weights = False`` changes no model, see :func:`trains_weights`.
    """

    name: str
    type: str

    @property
    def options(self) -> Mapping[str, Any]: ...

    @property
    def default_model(self) -> str: ...

    def routes(self, model: str) -> Sequence[Route]:
        """How this base model can be trained, in order of preference."""
        ...

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Map portable names to what will be applied, or raise HyperparameterError."""
        ...

    def prepare(self, setup: Setup) -> Estimate:
        """Offline: what this will take. The same setup always gives the same estimate."""
        ...


@runtime_checkable
class Recommends(Protocol):
    """A backend whose default base model depends on the task."""

    def model_for(self, task: Task) -> str: ...


@runtime_checkable
class Trains(Protocol):
    """A backend that trains. Synchronous; every call may be made by another process than the
    last one."""

    def submit(self, work: Work, journal: Journal) -> Ref:
        """Start the job, going on from the steps in the journal. Called again on an interrupted
        one, maybe in another process. Nothing that creates something is ever sent twice without
        ``find`` in between. On ``resume`` the last attempt's ``result.json`` was moved aside."""
        ...

    def find(self, run_id: str) -> Ref | None:
        """The job that carries this run id, if the backend has one."""
        ...

    def poll(self, ref: Ref) -> Status: ...

    def events(self, ref: Ref) -> Iterator[Event]:
        """All events so far, oldest first."""
        ...

    def cancel(self, ref: Ref) -> None: ...

    def result(self, ref: Ref) -> Trained: ...

    def clean(self, journal: Journal) -> None:
        """Take back what a refused or failed job left at the provider."""
        ...


@runtime_checkable
class Pauses(Protocol):
    """A backend whose jobs can be paused."""

    def pause(self, ref: Ref) -> None: ...

    def resume(self, ref: Ref) -> None: ...


@runtime_checkable
class Predicts(Protocol):
    """A backend that answers. One method, asynchronous; ``Model`` runs it on one loop thread."""

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        """One outcome per input, in order. A bad input is a Failure, never an exception."""
        ...


@runtime_checkable
class Batches(Protocol):
    """A backend that answers many inputs as a job of its own: later, and for less."""

    def batch_requests(
        self, model: str, inputs: Iterable[tuple[int, Input]]
    ) -> Iterator[Iterator[bytes]]:
        """The files of requests for numbered inputs, each as large as one batch may be. Each is to
        be read to its end before the next is asked for."""
        ...

    def submit_batch(self, journal: Journal) -> Ref:
        """Start a batch on the file in the journal's ``data``, or find the one that was started."""
        ...

    def find_batch(self, journal: Journal) -> Ref | None:
        """The batch that was started on that file, where one was. Starts none."""
        ...

    def poll_batch(self, ref: Ref) -> Status: ...

    def cancel_batch(self, ref: Ref) -> None: ...

    def batch_lines(self, ref: Ref) -> Iterator[bytes]:
        """All answers and failures of a batch that is over, as the provider has them."""
        ...

    def batch_outcomes(
        self, lines: Iterable[bytes], inputs: Sequence[Input]
    ) -> Iterator[tuple[int, Outcome]]:
        """Those lines read, each with the number of the input it answers."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A backend whose models are files that can be saved with the model."""

    def save(self, ref: ModelRef, folder: Path) -> None:
        """Write all that ``open`` needs into this (new, empty) folder."""
        ...

    def open(self, folder: Path) -> ModelRef: ...


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

    def zero_shot(self, task: Task, model: str) -> ModelRef: ...


@runtime_checkable
class Rules(Protocol):
    """A backend that answers by a rule made of what rows show, without reading what is asked, or
    next to: what any model has to beat."""

    def rule(self, data: Dataset) -> tuple[ModelRef, Shape]:
        """Make the rule of these rows; gives where it is, and the shape it answers in."""
        ...


def trains_weights(backend: Backend) -> bool:
    """Whether tuning changes a model. A backend that says ``trains_weights = False`` compiles a
    prompt instead, and its models say so."""
    return bool(getattr(backend, "trains_weights", True))


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
        "it as safetensors and JSON"
    )


def model_for(backend: Backend, task: Task) -> str:
    """The base model that a backend takes for a task where none is named."""
    return backend.model_for(task) if isinstance(backend, Recommends) else backend.default_model


def supported(backend: Backend, tasks: Iterable[Task], model: str) -> dict[tuple[str, str], str]:
    """The support table of one backend: ``{(task name, method): shape}``, from its routes."""
    return {
        (task.kind, route.method): str(route.shape)
        for task in tasks
        for route in backend.routes(model)
        if route.shape in task.offers
    }
