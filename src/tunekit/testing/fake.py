"""The fake backend: a real backend, of a provider that costs nothing.

It needs no key, no network and no torch, and answers in milliseconds. Jobs go through the same
states, files and failures as everywhere else: the backend speaks HTTP to a
:class:`~tunekit.testing.service.FakeService`, which runs inside the process, or behind a socket in
a :class:`~tunekit.testing.server.ScriptedServer`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import orjson

from ..backends.abilities import Called
from ..backends.base import Event, Journal, ModelRef, Ref, State, Status, Trained
from ..backends.http import AsyncSession, HttpClient, expect
from ..backends.http_errors import ADVICE
from ..backends.once import remove_files, submit_once
from ..durable import disk_errors
from ..errors import (
    BackendError,
    Conflict,
    HyperparameterError,
    MalformedAnswer,
    did_you_mean,
)
from ..formats.base import Header, Undecoded
from ..formats.examples import encode_input
from ..formats.registry import codec
from ..planning import Estimate, Route, Setup, Work
from ..shapes import Failure, Input, Outcome, Shape, Target
from .service import Call, FakeService

__all__ = ["FakeBackend"]

BATCH = 64
#: Options that a job needn't store.
USUAL: Mapping[str, Any] = {"endpoint": None, "key_env": None, "timeout": 10.0, "attempts": 4}

#: In order of preference: most hosted backends train chats, so the fake does so too.
ROUTES = (
    # A chat answers with the number of one option: it can say neither that two are equally good
    # nor which is second.
    Route("sft", Shape.CHAT, "openai-chat", frozenset({"context", "overlap"})),
    Route("head", Shape.LABELLED, "examples", frozenset({"context"})),
    Route("spans", Shape.SPANNED, "examples", frozenset({"context", "overlap"})),
    Route("seq2seq", Shape.TEXT_TO_TEXT, "examples", frozenset({"context"})),
    Route("rank", Shape.RANKED, "examples", frozenset({"context", "ties", "ranking"})),
    # A pair for every two options of different rank: no order is lost, and a tie makes no pair.
    Route("pairs", Shape.PAIR, "examples", frozenset({"context", "ties", "ranking"})),
)

STATES = {
    "created": State.QUEUED,
    "validating": State.VALIDATING,
    "queued": State.QUEUED,
    "running": State.RUNNING,
    "paused": State.PAUSED,
    "cancelling": State.CANCELLING,
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}

DEFAULTS: Mapping[str, int | float] = {
    "epochs": 3,
    "batch_size": 8,
    "learning_rate_multiplier": 1.0,
    "seed": 0,
}
#: The least value of those that are whole numbers.
WHOLE = {"epochs": 1, "batch_size": 1, "seed": 0}
#: What there is instead of a portable name that this backend has no equal for.
INSTEAD = {"learning_rate": "learning_rate_multiplier"}


class FakeBackend:
    """Remembers what it is trained on, and answers from the nearest example.

    For tutorials, for the tests of applications, and for tunekit's own. Without ``endpoint`` the
    provider runs inside the process and keeps its state under ``home``; with one it is called
    there. ``key_env`` names the environment variable with the key, where the provider wants one;
    ``timeout`` is in seconds, ``attempts`` how often a call is made that may be repeated. ``name``
    is what messages call it.

    >>> backend = FakeBackend(home=Path("home"))  # nothing is written before there is a job
    >>> [route.method for route in backend.routes("fake-1")]
    ['sft', 'head', 'spans', 'seq2seq', 'rank', 'pairs']
    """

    type = "fake"
    default_model = "fake-1"

    def __init__(
        self,
        name: str = "fake",
        *,
        home: Path,
        endpoint: str | None = None,
        key_env: str | None = None,
        timeout: float = 10.0,
        attempts: int = 4,
    ) -> None:
        self.name = name
        given = {"endpoint": endpoint, "key_env": key_env, "timeout": timeout, "attempts": attempts}
        self._options = {name: value for name, value in given.items() if value != USUAL[name]}
        self._endpoint = endpoint
        transport = None
        if endpoint is None:
            self.service = FakeService(home / "fake")
            transport = httpx2.MockTransport(self._inside)
        self._client = HttpClient(
            name,
            endpoint or "http://localhost",
            key_env=key_env,
            transport=transport,
            timeout=timeout,
            attempts=attempts,
            first_wait=0.01,
            longest_wait=2.0,
        )

    def __repr__(self) -> str:
        return f"FakeBackend({self.name!r}, {self._client.base_url!r})"

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self._options)

    def calls(self) -> Sequence[Called]:
        return (Called(self._endpoint, self._client.key.variable),)

    def routes(self, model: str) -> Sequence[Route]:
        return ROUTES

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, value in given.items():
            if name not in DEFAULTS:
                there = INSTEAD.get(name)
                way_out = f"It has {there!r}." if there else did_you_mean(name, DEFAULTS)
                raise HyperparameterError(f"{self.name}: there is no {name!r} here. {way_out}")
            _check(self.name, name, value)
        return {**DEFAULTS, **given}

    def prepare(self, setup: Setup) -> Estimate:
        rows = len(setup.data)
        return Estimate(note=f"{rows} rows are remembered; nothing is trained and nothing is paid.")

    # --- training -------------------------------------------------------------------------------

    def submit(self, work: Work, journal: Journal) -> Ref:
        return submit_once(_Remote(self, work, journal.run_id), journal)

    def find(self, run_id: str) -> Ref | None:
        # A job that ended without a model is an attempt that is over: a resumed run has another.
        alive = [job for job in self._jobs(run_id) if job["status"] not in ("failed", "cancelled")]
        return str(alive[-1]["id"]) if alive else None

    def _jobs(self, run_id: str) -> list[dict[str, Any]]:
        """The jobs that carry this run id, oldest first."""
        found: list[dict[str, Any]] = []
        params: dict[str, str] = {}
        while True:
            page = self._client.get("/jobs", params=params)
            jobs = expect(page, "data", list, backend=self.name)
            for job in jobs:
                expect(job, "id", str, backend=self.name)
                # Compared here: a provider may read its own filter generously.
                if expect(job, "metadata", dict, backend=self.name).get("run") == run_id:
                    found.append(job)
            if not jobs or not expect(page, "more", bool, backend=self.name):
                return found
            params = {"after": jobs[-1]["id"]}

    def poll(self, ref: Ref) -> Status:
        job = self._client.get(f"/jobs/{ref}")
        raw = expect(job, "status", str, backend=self.name)
        error = job.get("error") or {}
        return Status(STATES.get(raw, State.UNKNOWN), raw, error.get("message"))

    def events(self, ref: Ref) -> Iterator[Event]:
        answer = self._client.get(f"/jobs/{ref}/events")
        for event in expect(answer, "data", list, backend=self.name):
            try:
                yield Event(event["at"], event["kind"], event["message"], event["data"])
            except (KeyError, TypeError) as error:
                raise MalformedAnswer(
                    f"an event of {ref} lacks {error}. {ADVICE[MalformedAnswer]}", backend=self.name
                ) from error

    def cancel(self, ref: Ref) -> None:
        try:
            self._client.repeat("POST", f"/jobs/{ref}/cancel")
        except Conflict:
            return  # it was over before

    def result(self, ref: Ref) -> Trained:
        job = self._client.get(f"/jobs/{ref}")
        model = expect(job, "tuned_model", str, backend=self.name)
        applied = expect(job, "hyperparameters", dict, backend=self.name)
        return Trained(ModelRef(self.name, model), applied=applied)

    def clean(self, journal: Journal) -> None:
        remove_files(lambda file: self._client.repeat("DELETE", f"/files/{file}"), journal)

    # --- answers --------------------------------------------------------------------------------

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
        async with self._client.session() as session:
            answers = await asyncio.gather(
                *(self._ask(session, ref, batch) for batch in batches), return_exceptions=True
            )
        lost = [answer for answer in answers if isinstance(answer, BaseException)]
        if lost and (len(lost) == len(answers) or not isinstance(lost[0], BackendError)):
            raise lost[0]
        # Answers that came are kept, whatever happened to the other batches.
        return [
            outcome
            for batch, answer in zip(batches, answers, strict=True)
            for outcome in (
                [Failure(type(answer).__name__, str(answer))] * len(batch)
                if isinstance(answer, BaseException)
                else answer
            )
        ]

    async def _ask(
        self, session: AsyncSession, ref: ModelRef, batch: Sequence[Input]
    ) -> list[Outcome]:
        wires = [encode_input(asked) for asked in batch]
        sent = [index for index, wire in enumerate(wires) if _is_json(wire)]
        outcomes: list[Outcome] = [
            Failure("invalid-input", "the text can't be sent: it holds half a character")
        ] * len(batch)
        if not sent:
            return outcomes
        asked = {"model": ref.id, "inputs": [wires[index] for index in sent]}
        answer = await session.repeat("POST", "/answers", json=asked)
        answers = expect(answer, "answers", list, backend=self.name)
        if len(answers) != len(sent):
            raise MalformedAnswer(
                f"{len(answers)} answers to {len(sent)} inputs. {ADVICE[MalformedAnswer]}",
                backend=self.name,
            )
        for index, wire in zip(sent, answers, strict=True):
            outcomes[index] = self._outcome(wire)
        return outcomes

    def _outcome(self, wire: Any) -> Outcome:
        match wire:
            case {"error": {"code": str(code), "message": str(message)}}:
                return Failure(code, message)
        read = codec("examples").decode({"input": {"text": ""}, "target": wire}, Header())
        if isinstance(read, Undecoded):
            raise MalformedAnswer(
                f"an answer {read.message} {ADVICE[MalformedAnswer]}", backend=self.name
            )
        target: Target = read.target
        return target

    def _inside(self, request: httpx2.Request) -> httpx2.Response:
        """The provider inside this process."""
        call = Call(
            request.method,
            request.url.path,
            dict(request.url.params),
            dict(request.headers),
            request.content,
        )
        status, body, headers = self.service.answer(call)
        return httpx2.Response(status, content=body, headers=dict(headers))


class _Remote:
    """The provider's side of one run, as :mod:`tunekit.backends.once` asks it."""

    def __init__(self, backend: FakeBackend, work: Work, run_id: str) -> None:
        self._backend = backend
        self._client = backend._client
        self._work = work
        self._run_id = run_id

    def stored(self, path: Path, sha256: str) -> str | None:
        there = self._client.get("/files", params={"sha256": sha256})
        known = expect(there, "data", list, backend=self._backend.name)
        return expect(known[0], "id", str, backend=self._backend.name) if known else None

    def store(self, path: Path, sha256: str) -> str:
        with disk_errors(f"reading {path}"):
            data = path.open("rb")
        with data:  # a time-out is an OSError, too, and none of the disk
            answer = self._client.create("/files", content=data)
        return expect(answer, "id", str, backend=self._backend.name)

    def begin(self, files: Mapping[str, str]) -> Ref:
        asked = {
            "file": files["train.jsonl"],
            "validation": files.get("validation.jsonl"),
            "format": self._work.route.format,
            "model": self._work.model,
            "method": self._work.route.method,
            "hyperparameters": dict(self._work.hyperparameters),
            "metadata": {"run": self._run_id},
        }
        answer = self._client.create("/jobs", json=asked)
        return expect(answer, "id", str, backend=self._backend.name)

    def begun(self, journal: Journal) -> Sequence[Ref]:
        return [str(job["id"]) for job in self._backend._jobs(journal.run_id)]

    def over(self, ref: Ref) -> bool:
        return self._backend.poll(ref).state in (State.FAILED, State.CANCELLED)


def _check(backend: str, name: str, value: object) -> None:
    least = WHOLE.get(name)
    if least is None:
        good = type(value) in (int, float) and 0 < value < math.inf  # type: ignore[operator]
        what = "a number above 0"
    else:
        good = type(value) is int and value >= least
        what = f"a whole number from {least}"
    if not good:
        raise HyperparameterError(f"{backend}: {name} is {value!r}; give {what}.")


def _is_json(wire: object) -> bool:
    try:
        orjson.dumps(wire)
    except TypeError:
        return False
    return True
