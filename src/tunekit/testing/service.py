"""A small fine-tuning provider: files, jobs and answers, over HTTP-like calls.

The provider side of the fake backend. Its state is JSON files in one folder, so that a job
outlives the process; it needs no network, and no clock moves it: a job takes one step of its
story each time somebody asks how it is.

Routes::

    POST   /files                a data file, by content: the same bytes are the same file
    GET    /files?sha256=…       the file with these bytes, if it is there
    DELETE /files/{id}
    POST   /jobs                 the fields are in JOB_FIELDS
    GET    /jobs?after=…         in order of creation, a page at a time
    GET    /jobs/{id}            …and the next step of its story
    GET    /jobs/{id}/events
    POST   /jobs/{id}/cancel
    POST   /answers              {model, inputs}
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from filelock import FileLock

from ..durable import write_file
from ..errors import InputError
from ..formats.base import Header, Undecoded
from ..formats.examples import encode_target
from ..formats.registry import codec
from ..shapes import Example, Failure, Outcome
from .memory import Memory

__all__ = ["Call", "FakeService", "Reply"]

PAGE = 20
USUAL_STORY = ("queued", "running", "succeeded")
OVER = ("succeeded", "failed", "cancelled")
JOB_FIELDS = ("file", "validation", "format", "model", "method", "hyperparameters", "metadata")


class Call(NamedTuple):
    """A request. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """A response; ``body`` is JSON."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Refusal(Exception):
    """A call that the service answers with an error status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class FakeService:
    """A provider whose state lives in ``folder``.

    Every new job goes through the states of ``story``, one each time it is polled; a job that
    ends as ``failed`` says ``error``. With ``key``, calls need that bearer token. ``now`` gives
    the times that events bear. Several processes may use the same folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     service = FakeService(Path(folder))
    ...     service.answer(Call("GET", "/jobs", {}, {}, b"")).body
    b'{"data":[],"more":false}'
    """

    def __init__(
        self,
        folder: Path,
        *,
        story: Sequence[str] = USUAL_STORY,
        error: str = "the training data were refused",
        key: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = folder
        self.story = tuple(story)
        self.error = error
        self.key = key
        self._now = now
        self._numbers = itertools.count(1)
        self._files = folder / "files"
        self._jobs = folder / "jobs"

    def answer(self, call: Call) -> Reply:
        """The answer to a call: never an exception, as over a network."""
        headers = {"x-request-id": f"req-{next(self._numbers)}"}
        try:
            return Reply(200, orjson.dumps(self._answer(call)), headers)
        except Refusal as refusal:
            error = {"code": refusal.code, "message": str(refusal)}
            return Reply(refusal.status, orjson.dumps({"error": error}), headers)
        except OSError as failed:
            error = {"code": "storage", "message": f"the service can't write: {failed}"}
            return Reply(507, orjson.dumps({"error": error}), headers)

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs as they stand, in order of creation, without moving them."""
        numbers = sorted(int(path.stem.removeprefix("job-")) for path in self._jobs.glob("job-*"))
        return [self._job(f"job-{number}") for number in numbers]

    def _answer(self, call: Call) -> Any:
        if self.key is not None:
            given = call.headers.get("authorization", "").removeprefix("Bearer ")
            if given != self.key:
                # Providers do repeat the key; what reads this has to keep it to itself.
                raise Refusal(401, "invalid_key", f"incorrect API key provided: {given}")
        routes: tuple[tuple[str, str, Callable[..., Any]], ...] = (
            ("POST", r"/files", lambda: self._upload(call.body)),
            ("GET", r"/files", lambda: self._find_file(call.query.get("sha256", ""))),
            ("DELETE", r"/files/(file-\w+)", self._delete_file),
            ("POST", r"/jobs", lambda: self._create(_json(call.body))),
            ("GET", r"/jobs", lambda: self._page(call.query.get("after"))),
            ("GET", r"/jobs/(job-\d+)", self._poll),
            ("GET", r"/jobs/(job-\d+)/events", lambda name: {"data": self._job(name)["events"]}),
            ("POST", r"/jobs/(job-\d+)/cancel", self._cancel),
            ("POST", r"/answers", lambda: self._say(_json(call.body))),
        )
        for method, pattern, action in routes:
            match = re.fullmatch(pattern, call.path)
            if match and method == call.method:
                # A model never changes, so answers needn't wait for each other.
                with nullcontext() if pattern == r"/answers" else self._alone():
                    return action(*match.groups())
        raise Refusal(404, "no_route", f"there is no {call.method} {call.path}")

    def _alone(self) -> AbstractContextManager[Any]:
        """Keeps other processes, and other calls of this one, from changing things meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / "service.lock").acquire(poll_interval=0.005)

    # --- files ----------------------------------------------------------------------------------

    def _upload(self, body: bytes) -> dict[str, Any]:
        if not body:
            raise Refusal(400, "empty_file", "the file is empty")
        name = _file_name(hashlib.sha256(body).hexdigest())
        self._files.mkdir(exist_ok=True)
        write_file(self._files / name, body)
        return {"id": name, "bytes": len(body)}

    def _find_file(self, sha256: str) -> dict[str, Any]:
        name = _file_name(sha256)
        return {"data": [{"id": name}] if (self._files / name).exists() else []}

    def _delete_file(self, name: str) -> dict[str, Any]:
        if any(name in (job["file"], job["validation"]) for job in self.jobs()):
            raise Refusal(409, "file_in_use", f"a job uses {name}")
        try:
            (self._files / name).unlink()
        except FileNotFoundError:
            raise Refusal(404, "no_file", f"there is no file {name}") from None
        return {"id": name, "deleted": True}

    # --- jobs -----------------------------------------------------------------------------------

    def _create(self, asked: Any) -> dict[str, Any]:
        if not isinstance(asked, dict) or set(asked) != set(JOB_FIELDS):
            raise Refusal(400, "fields", f"a job has exactly the fields {', '.join(JOB_FIELDS)}")
        for part in (asked["file"], asked["validation"]):
            if part is not None and not (self._files / str(part)).exists():
                raise Refusal(400, "no_file", f"there is no file {part}")
        number = len(list(self._jobs.glob("job-*"))) + 1
        job = {
            "id": f"job-{number}",
            "status": "created",
            "story": list(self.story),
            "error": None,
            "failure": self.error,
            "tuned_model": None,
            "events": [],
            **asked,
        }
        self._move(job, "created")
        return job

    def _page(self, after: str | None) -> dict[str, Any]:
        jobs = self.jobs()
        first = 1 + next((i for i, job in enumerate(jobs) if job["id"] == after), -1)
        return {"data": jobs[first : first + PAGE], "more": len(jobs) > first + PAGE}

    def _poll(self, name: str) -> dict[str, Any]:
        job = self._job(name)
        if job["story"]:
            self._move(job, job["story"].pop(0))
        return job

    def _cancel(self, name: str) -> dict[str, Any]:
        job = self._job(name)
        if job["status"] in OVER:
            raise Refusal(409, "job_over", f"{name} is {job['status']} already")
        job["story"] = ["cancelled"]
        self._move(job, "cancelling")
        return job

    def _move(self, job: dict[str, Any], status: str) -> None:
        """The next state of a job, with what comes of it, written down."""
        if status == "succeeded":
            try:
                examples = len(self._memory(job["file"], job["format"]))
            except ValueError as error:
                status, job["failure"] = "failed", str(error)
            else:
                job["tuned_model"] = f"{job['model']}:{job['id']}"
                self._tell(job, "metric", "trained", {"step": 1, "examples": examples})
                self._tell(job, "progress", "trained", {"done": 1, "total": 1})
        if status == "failed":
            job["error"] = {"code": "job_failed", "message": job["failure"]}
        job["status"] = status
        self._tell(job, "state", status, {})
        self._jobs.mkdir(exist_ok=True)
        write_file(self._jobs / f"{job['id']}.json", orjson.dumps(job))

    def _tell(self, job: dict[str, Any], kind: str, message: str, data: Any) -> None:
        at = self._now().isoformat()
        job["events"].append({"at": at, "kind": kind, "message": message, "data": data})

    def _job(self, name: str) -> dict[str, Any]:
        try:
            job: dict[str, Any] = orjson.loads((self._jobs / f"{name}.json").read_bytes())
        except FileNotFoundError:
            raise Refusal(404, "no_job", f"there is no job {name}") from None
        return job

    # --- answers --------------------------------------------------------------------------------

    def _say(self, asked: Any) -> dict[str, Any]:
        match asked:
            case {"model": str(model), "inputs": list(inputs)}:
                name = re.fullmatch(r".+:(job-\d+)", model)
            case _:
                raise Refusal(422, "fields", "answers take a model and a list of inputs")
        job = self._job(name[1]) if name else None
        if job is None or job["tuned_model"] != model:
            raise Refusal(404, "no_model", f"there is no model {model}")
        memory = self._memory(job["file"], job["format"])
        return {"answers": [_answered(memory, wire) for wire in inputs]}

    def _memory(self, name: str, format: str) -> Memory:
        return _remember(self._files / name, format)


# Files never change (their name is their content), so neither does what is remembered of one.
@lru_cache(maxsize=8)
def _remember(path: Path, format: str) -> Memory:
    """The memory of a data file. Raises ValueError where a line is no record of the format."""
    with path.open("rb") as lines:
        return Memory(
            _example(format, line, f"line {number}") for number, line in enumerate(lines, start=1)
        )


def _example(format: str, line: bytes, place: str) -> Example:
    try:
        read = codec(format).decode(orjson.loads(line), Header())
    except (InputError, orjson.JSONDecodeError) as error:
        raise ValueError(f"{place}: {error}") from error
    if isinstance(read, Undecoded):
        raise ValueError(f"{place}: {read.field or 'record'} {read.message}")
    return read


def _answered(memory: Memory, wire: Any) -> dict[str, Any]:
    """One answer in JSON, in the layout of the format ``examples``, or an error."""
    read = codec("examples").decode({"input": wire, "target": {"text": ""}}, Header())
    outcome: Outcome
    if isinstance(read, Undecoded):
        outcome = Failure("invalid-input", read.message)
    else:
        outcome = memory.answer(read.input)
    if isinstance(outcome, Failure):
        return {"error": {"code": outcome.code, "message": outcome.detail}}
    return encode_target(outcome)


def _file_name(sha256: str) -> str:
    return f"file-{sha256[:32]}"


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "no_json", f"the request is no JSON ({error})") from error
