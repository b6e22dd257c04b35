"""What a backend is: small protocols, since the halves of one have different lives.

Providers stop training and go on serving, some only ever served, some need a deployment between
the two. So a backend is a :class:`Backend` (what it could train, and an offline estimate), and
then whichever of :class:`Trains`, :class:`Predicts` and :class:`Batches` it is; what else it may
be is in :mod:`tunekit.backends.abilities`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from ..planning import Estimate, Route, Setup, Work
from ..shapes import Input, Outcome
from ..tasks.base import Task

__all__ = [
    "Backend",
    "Batches",
    "Event",
    "Journal",
    "ModelRef",
    "Predicts",
    "Ref",
    "State",
    "Status",
    "Step",
    "Trained",
    "Trains",
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
    def run_id(self) -> str:
        """The run's id, which travels to the provider with the job."""
        ...

    @property
    def folder(self) -> Path:
        """The run folder: ``data/train.jsonl`` and, where there is one, ``data/validation.jsonl``
        hold the rendered bytes."""
        ...

    @property
    def steps(self) -> Sequence[Step]:
        """The remote steps that were noted so far, oldest first."""
        ...

    def note(self, name: str, **facts: Any) -> None:
        """Note a remote step with its facts; it is on the disk when this returns."""
        ...


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
    def options(self) -> Mapping[str, Any]:
        """Everything needed to build it again, secrets by the name of their variable only."""
        ...

    @property
    def default_model(self) -> str:
        """The base model where none is named."""
        ...

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

    def poll(self, ref: Ref) -> Status:
        """How it stands. A state that we have no word for is UNKNOWN, and kept raw."""
        ...

    def events(self, ref: Ref) -> Iterator[Event]:
        """All events so far, oldest first."""
        ...

    def cancel(self, ref: Ref) -> None:
        """Stop it. One that is over stays as it is."""
        ...

    def result(self, ref: Ref) -> Trained:
        """What came of a job that succeeded, or BackendError where it has no model."""
        ...

    def clean(self, journal: Journal) -> None:
        """Take back what a refused or failed job left at the provider."""
        ...


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

    def poll_batch(self, ref: Ref) -> Status:
        """How it stands."""
        ...

    def cancel_batch(self, ref: Ref) -> None:
        """Stop it; answers that are there are kept."""
        ...

    def batch_lines(self, ref: Ref) -> Iterator[bytes]:
        """All answers and failures of a batch that is over, as the provider has them."""
        ...

    def batch_outcomes(
        self, lines: Iterable[bytes], inputs: Sequence[Input]
    ) -> Iterator[tuple[int, Outcome]]:
        """Those lines read, each with the number of the input it answers."""
        ...


def trains_weights(backend: Backend) -> bool:
    """Whether tuning changes a model. A backend that says ``trains_weights = False`` compiles a
    prompt instead, and its models say so."""
    return bool(getattr(backend, "trains_weights", True))


def supported(backend: Backend, tasks: Iterable[Task], model: str) -> dict[tuple[str, str], str]:
    """The support table of one backend: ``{(task name, method): shape}``, from its routes."""
    return {
        (task.kind, route.method): str(route.shape)
        for task in tasks
        for route in backend.routes(model)
        if route.shape in task.offers
    }
