"""What the conformance suite needs to know about a backend, and what a check is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import orjson

import tunekit

from ..backends.base import Backend, State
from ..data.dataset import Dataset
from ..job import Job
from ..model import Model
from ..planning import Plan, Route
from ..shapes import Shape
from ..tasks.base import Row
from .samples import SAMPLES, Sample
from .server import Fault

__all__ = ["BackendHarness", "Case", "Check", "Pair", "Provider", "check", "expect_that"]

#: What a backend asks of its provider; ``Provider.script`` maps each to its own requests.
Step = Literal["upload", "create", "poll", "answer"]


class Provider(ABC):
    """A scripted stand-in for the service that a backend calls."""

    #: The key that it demands.
    key: str

    @abstractmethod
    def script(self, step: Step, *faults: Fault, always: bool = False) -> None:
        """The next requests of this kind meet these faults; with ``always`` all of them do."""

    @abstractmethod
    def clear(self) -> None:
        """No faults any more."""

    @abstractmethod
    def story(self, *states: State) -> None:
        """The states that new jobs go through, one each time they are polled.

        ``State.UNKNOWN`` stands for a word that the backend has never heard of.
        """

    @abstractmethod
    def jobs(self) -> int:
        """How many jobs there are."""

    @abstractmethod
    def requests(self) -> int:
        """How many requests came, of any kind."""


class Pair(NamedTuple):
    """A task and a method that a backend trains it with, as the support table pins it."""

    sample: Sample
    method: str
    shape: Shape

    @property
    def name(self) -> str:
        """``classification_head``: part of a test's name."""
        return f"{self.sample.name}_{self.method}".replace("-", "_")


class BackendHarness(ABC):
    """How to build one backend so that the suite can try it.

    ``support`` is a JSON file that pins what the backend trains, ``{"classification": {"head":
    "labelled"}}`` under the backend's ``name``; ``golden`` a folder with the rendered bytes of the
    sample rows, ``golden/NAME/SAMPLE.METHOD.jsonl``.

    Example:
        >>> from tunekit.testing.fake import FakeBackend
        >>> class MyHarness(BackendHarness):
        ...     name, support, golden = "mine", Path("pins.json"), Path("golden")
        ...     def make(self, home, provider):
        ...         return FakeBackend("mine", home=home)
        >>> pins = Path("pins.json").write_text('{"mine": {"classification": {"sft": "chat"}}}')
        >>> harness = MyHarness()
        >>> [pair.name for pair in harness.pairs()], harness.serve(Path("home"))
        (['classification_sft'], None)
        >>> harness.make(Path("home"), None).name
        'mine'
    """

    #: The name in the support table and of the folder of golden files.
    name: ClassVar[str]
    support: ClassVar[Path]
    golden: ClassVar[Path]
    #: The base model, or ``None`` for the backend's default.
    model: ClassVar[str | None] = None
    #: Hyperparameters that make a run short.
    hyperparameters: ClassVar[Mapping[str, Any]] = {}
    #: Whether a tuned model gives back exactly what it was trained on.
    memorises: ClassVar[bool] = False
    #: Whether tuning compiles a prompt here and sends nothing: ``trains_weights`` is False.
    prompts: ClassVar[bool] = False
    #: Whether models answer on this machine, so that no answer meets a fault of the provider.
    answers_here: ClassVar[bool] = False
    #: Whether the provider has a word for a job that is paused.
    pauses: ClassVar[bool] = True
    #: A text that no model of this backend answers, or ``None`` where there is none.
    refused_text: ClassVar[str | None] = None
    #: The longest that one job may take, in seconds.
    patience: ClassVar[float] = 120.0

    @abstractmethod
    def make(self, home: Path, provider: Provider | None) -> Backend:
        """A new instance that keeps its files under ``home``, as another process would build it;
        with a ``provider``, one that calls it, with short time-outs and with its key in the
        variable :attr:`key_env`."""

    #: The environment variable that ``make`` names for the key of a provider.
    key_env: ClassVar[str] = "CONFORMANCE_KEY"

    def serve(self, home: Path) -> AbstractContextManager[Provider] | None:
        """The scripted provider, with its state under ``home``, where the backend calls one;
        ``None`` for one that calls nobody.

        With a provider the suite also has its checks of faults, time-outs and keys.
        """
        return None

    @property
    def scripted(self) -> bool:
        """Whether there is a provider to script."""
        return type(self).serve is not BackendHarness.serve

    @property
    def sends_jobs(self) -> bool:
        """Whether jobs are created at the provider, and looked at there."""
        return self.scripted and not self.prompts

    def pairs(self) -> list[Pair]:
        """What the support table pins for this backend."""
        pinned = orjson.loads(self.support.read_bytes())[self.name]
        return [
            Pair(SAMPLES[sample], method, Shape(shape))
            for sample, methods in pinned.items()
            for method, shape in methods.items()
        ]


@dataclass
class Case:
    """One check of one backend: a fresh home, a provider where there is one, and a pair."""

    harness: BackendHarness
    home: Path
    provider: Provider | None
    pair: Pair
    #: Finished jobs by pair, where training is too slow to do it for every check.
    kept: dict[str, str] = field(default_factory=dict)

    def backend(self) -> Backend:
        """A new instance of the backend."""
        return self.harness.make(self.home, self.provider)

    @property
    def model(self) -> str:
        """The base model."""
        return self.harness.model or self.backend().default_model

    @property
    def route(self) -> Route:
        """The route of the pair."""
        for route in self.backend().routes(self.model):
            if route.method == self.pair.method and route.shape is self.pair.shape:
                return route
        raise AssertionError(
            f"{self.harness.name} no longer trains {self.pair.sample.name} with "
            f"{self.pair.method!r} as {self.pair.shape}, which its support table pins"
        )

    def rows(self) -> list[Row]:
        """The sample rows that the route carries."""
        task, carries = self.pair.sample.task, self.route.carries
        return [row for row in self.pair.sample.rows if carries.issuperset(task.needs(row))]

    def data(self, rows: Iterable[Row] | None = None) -> Dataset:
        """A data set of these rows, by default of :meth:`rows`."""
        return Dataset.from_rows(self.rows() if rows is None else rows, self.pair.sample.task)

    def data_of(self, sample: Sample) -> Dataset:
        """A data set of all rows of another sample."""
        return Dataset.from_rows(sample.rows, sample.task)

    def plan(self, data: Dataset | None = None, **changes: Any) -> Plan:
        """The plan for a data set, by default for :meth:`data`."""
        arguments: dict[str, Any] = {
            "backend": self.backend(),
            "model": self.harness.model,
            "method": self.pair.method,
            **self.harness.hyperparameters,
            **changes,
        }
        return tunekit.plan(self.data() if data is None else data, **arguments)

    def submit(self, data: Dataset | None = None, *, resume: bool = False) -> Job:
        """A job for a data set, begun."""
        return tunekit.submit(
            self.data() if data is None else data,
            backend=self.backend(),
            model=self.harness.model,
            method=self.pair.method,
            resume=resume,
            **self.harness.hyperparameters,
        )

    def train(self, data: Dataset | None = None) -> Model:
        """A model tuned on a data set."""
        return self.submit(data).wait(timeout=self.harness.patience)

    def done(self) -> Job:
        """A finished job on :meth:`data`, which may be one that an earlier check waited for."""
        known = self.kept.get(self.pair.name)
        job = tunekit.attach(known) if known else self.submit()
        job.wait(timeout=self.harness.patience)
        self.kept[self.pair.name] = job.id
        return job


class Check(NamedTuple):
    """A named check: for ``every`` pair, or for the first alone where the task makes no
    difference; of the pairs those that ``when`` allows. One that only ``reads`` may be given a
    home with a job that is finished already."""

    name: str
    run: Callable[[Case], None]
    every: bool = True
    reads: bool = False
    when: Callable[[BackendHarness, Pair], bool] = lambda harness, pair: True


def check(
    *,
    every: bool = True,
    reads: bool = False,
    when: Callable[[BackendHarness, Pair], bool] = lambda harness, pair: True,
) -> Callable[[Callable[[Case], None]], Check]:
    """Make a function a :class:`Check` of its name."""

    def decorate(run: Callable[[Case], None]) -> Check:
        return Check(run.__name__, run, every, reads, when)

    return decorate


def expect_that(truth: object, message: str) -> None:
    """Fail with a message. Not an ``assert``: the suite is shipped, and ``-O`` drops those."""
    if not truth:
        raise AssertionError(message)


def checks_of(harness: BackendHarness, checks: Sequence[Check]) -> list[tuple[str, Check, Pair]]:
    """The checks that apply to a backend, each with a test's name and its pair."""
    pairs = harness.pairs()
    found: list[tuple[str, Check, Pair]] = []
    for one in checks:
        apply = [pair for pair in pairs if one.when(harness, pair)]
        for pair in apply if one.every else apply[:1]:
            found.append((f"{one.name}__{pair.name}" if one.every else one.name, one, pair))
    return found
