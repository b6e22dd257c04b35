"""The run folder: everything a job is, on disk before anything is sent.

::

    TUNEKIT_HOME/runs/RUN-ID/
      job.json       written by clients only, under job.lock
      data/          the rendered rows
      events.jsonl, result.json, artifact/     written by the local worker only

A run is built beside its place and renamed into it, so it is there as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .backends.base import State, Status, Step, Trained
from .durable import disk_errors, locked, new_folder, sweep, write_file
from .errors import JobNotFound, StoreError
from .planning import BackendSpec, Plan, Route
from .shapes import Shape
from .tasks.base import Prompt

__all__ = ["Record", "Run", "Runs", "now"]

SCHEMA: Literal[1] = 1

#: States only move forward along these; between equals a job may go back and forth.
RANK = {
    State.CREATED: 0,
    State.VALIDATING: 1,
    State.QUEUED: 2,
    State.RUNNING: 3,
    State.PAUSED: 3,
    State.INTERRUPTED: 3,
    State.CANCELLING: 4,
    State.SUCCEEDED: 5,
    State.FAILED: 5,
    State.CANCELLED: 5,
}


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Passed(BaseModel):
    """A state that a job was seen in."""

    model_config = ConfigDict(frozen=True)

    at: str
    state: State
    raw: str
    error: str | None = None
    attempt: int = 1


class Kept(BaseModel):
    """What came of a job, as :class:`~tunekit.backends.base.Trained` has it."""

    model_config = ConfigDict(frozen=True)

    ref: tuple[str, str]
    temperature: float | None
    applied: dict[str, Any]
    metrics: dict[str, Any]
    artifact: dict[str, Any] = {}

    @classmethod
    def of(cls, trained: Trained) -> Self:
        """The same, as a record holds it."""
        return cls(
            ref=trained.ref,
            temperature=trained.temperature,
            applied=dict(trained.applied),
            metrics=dict(trained.metrics),
            artifact=dict(trained.artifact),
        )


class Record(BaseModel):
    """``job.json``. Keys of backends are in it by the name of their variable only."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = SCHEMA
    id: str
    key: str
    created: str
    tunekit: str
    task: dict[str, Any]
    prompt: Prompt
    backend: tuple[str, str, dict[str, Any]]
    model: str
    route: tuple[str, Shape, str, tuple[str, ...]]
    hyperparameters: dict[str, Any]
    rows: int
    fingerprints: dict[str, str]
    files: dict[str, str]  # name: SHA-256 of the rendered bytes
    attempt: int = 1
    ref: str | None = None
    past_refs: tuple[str, ...] = ()  # of earlier attempts
    steps: tuple[dict[str, Any], ...] = ()
    states: tuple[Passed, ...] = Field(min_length=1)
    trained: Kept | None = None

    @property
    def spec(self) -> BackendSpec:
        """The backend it was made for."""
        return BackendSpec(*self.backend)

    @property
    def way(self) -> Route:
        """The route it takes."""
        method, shape, format, carries = self.route
        return Route(method, shape, format, frozenset(carries))

    @property
    def last(self) -> Passed:
        """The state it was last seen in."""
        return self.states[-1]

    @property
    def provenance(self) -> dict[str, Any]:
        """What its model was made from, and how; what came of it once it has one."""
        kept = self.trained
        return {
            "run": self.id,
            "created": self.created,
            "tunekit": self.tunekit,
            "fingerprints": self.fingerprints,
            "rows": self.rows,
            "prompt": self.prompt.hash,
            "backend": self.spec.name,
            "model": self.model,
            "method": self.way.method,
            "hyperparameters": {**self.hyperparameters, **(kept.applied if kept else {})},
            "metrics": dict(kept.metrics) if kept else {},
            **({"artifact": dict(kept.artifact)} if kept and kept.artifact else {}),
        }

    def seen(self, status: Status) -> Self:
        """The record with a new state, if that is new and no step back."""
        before = self.last
        if (before.state, before.raw, before.error) == status or before.state.terminal:
            return self
        reached = max(RANK.get(one.state, 0) for one in self.states if one.attempt == self.attempt)
        if RANK.get(status.state, reached) < reached:
            return self
        passed = Passed(
            at=now(),
            state=status.state,
            raw=status.raw,
            error=status.error,
            attempt=self.attempt,
        )
        return self.model_copy(update={"states": (*self.states, passed)})


class Run:
    """One run folder. It is the journal that a backend writes its steps into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def run_id(self) -> str:
        """The folder's name, which is the job's id."""
        return self.folder.name

    def read(self) -> Record:
        """The record as it is now.

        Raises:
            JobNotFound: there is no such run.
            StoreError: it can't be read.
        """
        path = self.folder / "job.json"
        with disk_errors(f"reading {path}"):
            try:
                text = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise JobNotFound(
                    f"no run {self.run_id!r} in {self.folder.parent}. "
                    "tunekit.list_jobs() has those that are there; TUNEKIT_HOME says where.",
                    job_id=self.run_id,
                ) from error
        try:
            record = Record.model_validate_json(text)
        except ValidationError as error:
            raise StoreError(
                f"{path} is no record of a run ({error.error_count()} errors). "
                "It was written by another version of tunekit, or damaged. Submit again."
            ) from error
        return record

    def change(self, change: Callable[[Record], Record]) -> Record:
        """Read, change and write the record, with other clients kept out meanwhile."""
        with locked(self.folder / "job.lock"):
            sweep(self.folder, ".job.json.*.tmp")
            before = self.read()
            after = change(before)
            if after is not before:
                write_file(self.folder / "job.json", after.model_dump_json(indent=1).encode())
            return after

    @property
    def steps(self) -> Sequence[Step]:
        """The remote steps that were taken."""
        return [Step(one["at"], one["name"], one["facts"]) for one in self.read().steps]

    def note(self, name: str, **facts: Any) -> None:
        """Note a remote step; it is on the disk when this returns."""
        step = {"at": now(), "name": name, "facts": facts}
        self.change(lambda record: record.model_copy(update={"steps": (*record.steps, step)}))

    def discard(self) -> None:
        """Remove a run that never began. One that a backend was told of stays."""
        if self.steps or self.read().ref is not None:
            return
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_over(self) -> Record:
        """Begin another attempt of a failed or cancelled run."""
        with disk_errors(f"resuming {self.folder}"):
            result = self.folder / "result.json"
            if result.exists():
                result.replace(self.folder / f"result.{self.read().attempt}.json")

        def again(record: Record) -> Record:
            passed = Passed(
                at=now(), state=State.CREATED, raw="resumed", attempt=record.attempt + 1
            )
            return record.model_copy(
                update={
                    "attempt": record.attempt + 1,
                    "ref": None,
                    "past_refs": (*record.past_refs, *filter(None, [record.ref])),
                    "states": (*record.states, passed),
                }
            )

        return self.change(again)


class Runs:
    """All runs under one home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "runs"
        with disk_errors(f"making {self.folder}"):
            self.folder.mkdir(parents=True, exist_ok=True)

    def __iter__(self) -> Iterator[Run]:
        """Newest first. Folders without a record are no runs."""
        return (Run(folder) for folder in self._folders("*"))

    def get(self, run_id: str) -> Run:
        """The run of that id.

        Raises:
            JobNotFound: there is none.
        """
        # Whatever else it may be, an id is no path.
        named = run_id if re.fullmatch(r"[\w-]+", run_id) else "no-id"
        run = Run(self.folder / named)
        run.read()
        return run

    def with_key(self, key: str) -> list[Run]:
        """Runs of this key, newest first."""
        runs = [Run(folder) for folder in self._folders(f"*-{key[:8]}-*")]
        return [run for run in runs if run.read().key == key]

    def _folders(self, pattern: str) -> list[Path]:
        found = (one for one in self.folder.glob(pattern) if (one / "job.json").is_file())
        return sorted((one for one in found if not one.name.startswith(".")), reverse=True)

    @contextmanager
    def key_lock(self, key: str) -> Iterator[None]:
        """Keeps two clients from starting the same run at the same time."""
        with locked(self._lock_of(key)):
            yield

    @contextmanager
    def key_lock_if_free(self, key: str) -> Iterator[bool]:
        """The same without waiting; gives whether it was free."""
        with disk_errors(f"locking {self.folder}"):
            lock = FileLock(self._lock_of(key))
            with suppress(Timeout):
                lock.acquire(timeout=0)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def _lock_of(self, key: str) -> Path:
        return self.folder / f".{key[:16]}.lock"

    def create(self, plan: Plan, version: str) -> Run:
        """Write the run: rendered data and record, as a whole. Callers hold the key's lock.

        Raises:
            StoreError: the disk refused.
            DataError: the data changed, or rows can't be rendered. Nothing is left behind.
        """
        sweep(self.folder, f".*-{plan.key[:8]}-*.tmp")
        moment = datetime.now(UTC)
        stamp = f"{moment:%Y%m%d-%H%M%S}{moment.microsecond // 1000:03}"
        run_id = f"{stamp}-{plan.key[:8]}-{secrets.token_hex(2)}"
        with new_folder(self.folder / run_id) as folder:
            (folder / "data").mkdir()
            files: dict[str, str] = {}
            for name, lines in plan.files():
                digest = hashlib.sha256()
                write_file(folder / "data" / name, _hashed(lines, digest.update))
                files[name] = digest.hexdigest()
            record = _record(plan, run_id, files, version)
            write_file(folder / "job.json", record.model_dump_json(indent=1).encode())
        return Run(self.folder / run_id)


def _record(plan: Plan, run_id: str, files: Mapping[str, str], version: str) -> Record:
    setup = plan.setup
    fingerprints = {"train": setup.data.fingerprint}
    if setup.validation is not None:
        fingerprints["validation"] = setup.validation.fingerprint
    route = setup.route
    created = now()
    return Record(
        id=run_id,
        key=plan.key,
        created=created,
        tunekit=version,
        task={"kind": setup.task.kind, **setup.task.model_dump(mode="json")},
        prompt=setup.prompt,
        backend=(plan.backend.name, plan.backend.type, dict(plan.backend.options)),
        model=setup.model,
        route=(route.method, route.shape, route.format, tuple(sorted(route.carries))),
        hyperparameters=dict(setup.hyperparameters),
        rows=plan.rows,
        fingerprints=fingerprints,
        files=dict(files),
        states=(Passed(at=created, state=State.CREATED, raw="created"),),
    )


def _hashed(lines: Iterator[bytes], update: Callable[[bytes], Any]) -> Iterator[bytes]:
    for line in lines:
        update(line)
        yield line
