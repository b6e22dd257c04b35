"""Jobs: a command on a rented machine; here it is a process, or a story without one."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from .access import User, account_id, may_write
from .hardware import FLAVORS
from .logs import Log, streamed
from .programs import Ending, Program, environment_of, plain_command
from .replies import Refusal, timestamp
from .state import State

__all__ = ["Job", "JobRun", "cancel", "create", "label", "listed", "logs", "look"]

OVER = ("COMPLETED", "CANCELED", "ERROR", "DELETED")
STAGES = ("SCHEDULING", "RUNNING", *OVER)
FIELDS = frozenset(
    {
        "command", "arguments", "environment", "flavor", "secrets", "timeoutSeconds", "attempts",
        "labels", "volumes", "expose", "ssh", "network", "resourceGroupId", "spaceId",
        "dockerImage",
    }
)  # fmt: skip
LABEL = re.compile(r"[A-Za-z0-9_-]{1,100}")
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
#: Seconds that a job may take which doesn't say how many.
USUAL_LIMIT = 30 * 60


@dataclass
class JobRun:
    """What a job is to do.

    Args:
        id: of the job.
        namespace: whose it is.
        command: as it was asked for.
        environment: variables it was given, without the secrets.
        secrets: variables that are shown nowhere.
        flavor: of the machine.
        labels: of the job.
        folder: where it runs here; its own.
        endpoint: the server's address.
    """

    id: str
    namespace: str
    command: list[str]
    environment: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    flavor: str
    labels: dict[str, str]
    folder: Path
    endpoint: str


@dataclass
class Job:
    """A job: what is shown of it, what it said, and what runs."""

    run: JobRun
    shown: dict[str, Any]
    log: Log
    #: Stages to come; nothing where a process has the say.
    story: list[str] | None = None
    program: Program | None = None
    begun: float = field(default_factory=time.monotonic)
    running: float | None = None
    #: The server's thread and the program's both have a say.
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stage(self) -> str:
        """Where it is."""
        return str(self.shown["status"]["stage"])

    @property
    def over(self) -> bool:
        """Whether it goes no further."""
        return self.stage in OVER

    def go(self, stage: str, message: str | None = None) -> None:
        """On to a stage, unless it is over."""
        with self.lock:
            if not self.over:
                self._go(stage, message)

    def _go(self, stage: str, message: str | None) -> None:
        now = time.monotonic()
        if stage == "RUNNING" and self.running is None:
            self.running = now
            self.shown["startedAt"] = timestamp()
            self.log.write(f"===== Job started at {timestamp()} =====")
        if stage in OVER:
            self.shown["finishedAt"] = timestamp()
            waited = None if self.running is None else int(self.running - self.begun)
            ran = None if self.running is None else int(now - self.running)
            self.shown["durations"] = {
                "schedulingSecs": waited, "runningSecs": ran, "totalSecs": int(now - self.begun),
            }  # fmt: skip
        self.shown["status"] = {"stage": stage, "message": message}


async def create(
    state: State, user: User | None, namespace: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """A new job, if the request is one. It starts by itself."""
    author = may_write(user, namespace, "create a job")
    _check(body)
    if not state.credit:
        raise Refusal(
            402,
            "Pre-paid credit balance is insufficient - add more credits to your account to use "
            "Jobs.",
        )
    if state.closing:
        raise Refusal(503, "Service Unavailable")
    id = state.new_id()
    labels = dict(body.get("labels") or {})
    run = JobRun(
        id,
        namespace,
        [*body["command"], *(body.get("arguments") or [])],
        {name: str(value) for name, value in (body.get("environment") or {}).items()},
        {name: str(value) for name, value in (body.get("secrets") or {}).items()},
        body.get("flavor", "cpu-basic"),
        labels,
        state.scratch(f"jobs/{id}"),
        state.origin,
    )
    shown = {
        "id": id,
        "createdAt": timestamp(),
        "startedAt": None,
        "finishedAt": None,
        "dockerImage": body.get("dockerImage"),
        "spaceId": body.get("spaceId"),
        "command": body["command"],
        "arguments": body.get("arguments") or [],
        "environment": run.environment,
        "secrets": {},  # nobody gets to see them again
        "flavor": run.flavor,
        "timeout": body.get("timeoutSeconds"),
        "labels": labels,
        "volumes": body.get("volumes"),
        "status": {"stage": "SCHEDULING", "message": None},
        "owner": {
            "id": account_id(namespace),
            "name": namespace,
            "type": "user" if namespace == author.name else "org",
        },
        "initiator": {"type": "user", "id": account_id(author.name), "name": author.name},
    }
    job = state.jobs[id] = Job(run, shown, Log())
    if state.job_story is not None:
        job.story = list(state.job_story)
        await _further(state, job)
    else:
        _start(state, job, float(body.get("timeoutSeconds") or USUAL_LIMIT))
    return shown


def _start(state: State, job: Job, limit: float) -> None:
    run = job.run

    def ended(how: Ending, code: int) -> None:
        if how == "timeout":
            job.go("ERROR", f"Job timeout: it ran longer than {limit:g} seconds")
        elif how == "stopped":
            job.go("CANCELED")
        elif code:
            job.go("ERROR", f"Job failed with exit code: {code}. Reason: Error")
        else:
            job.go("COMPLETED")

    def command() -> list[str]:
        return plain_command(run.command) if state.job_runner is None else state.job_runner(run)

    of_jobs = {"JOB_ID": run.id, "ACCELERATOR": "none", "CPU_CORES": "2", "MEMORY": "16Gi"}
    job.program = Program(
        command,
        environment_of(
            state.origin, run.folder, state.local_environment, of_jobs, run.environment, run.secrets
        ),
        run.folder,
        job.log,
        started=lambda: job.go("RUNNING"),
        ended=ended,
        wait=state.job_wait,
        limit=limit,
    )
    state.programs.append(job.program)


async def _further(state: State, job: Job) -> None:
    """The next stage of a story."""
    if not job.story:
        return
    stage = job.story.pop(0)
    if stage == "RUNNING" and job.running is None:
        job.go(stage)
        for line in state.job_logs:
            job.log.write(line)
    elif stage == "ERROR":
        job.go(stage, state.job_message or "Job failed with exit code: 1. Reason: Error")
    elif stage == "COMPLETED" and state.job_work is not None:
        try:
            # In a thread of its own, since it may ask this server.
            await asyncio.to_thread(state.job_work, job.run)
        except Exception as error:  # the test's own function
            job.go("ERROR", f"{type(error).__name__}: {error}")
        job.go(stage)
    else:
        job.go(stage)


def _check(body: Mapping[str, Any]) -> None:
    """Raise Refusal for a request that creates no job."""
    unknown = sorted(set(body) - FIELDS)
    if unknown:
        raise Refusal(400, f'"{unknown[0]}" is not allowed')
    command = body.get("command")
    if not _texts(command) or not command:
        raise Refusal(400, '"command" must be a list of texts')
    if not _texts(body.get("arguments") or []):
        raise Refusal(400, '"arguments" must be a list of texts')
    if bool(body.get("dockerImage")) == bool(body.get("spaceId")):
        raise Refusal(400, 'one of "dockerImage" and "spaceId" is required')
    if body.get("flavor") not in FLAVORS:
        raise Refusal(400, f'"flavor" must be one of {sorted(FLAVORS)}')
    for name in ("environment", "secrets"):
        given = body.get(name) or {}
        if not isinstance(given, dict) or not _texts(list(given.values())):
            # By its name alone: what is in it stays unsaid.
            raise Refusal(400, f'"{name}" must be an object of texts')
    limit = body.get("timeoutSeconds")
    if limit is not None and (not isinstance(limit, int) or limit <= 0):
        raise Refusal(400, '"timeoutSeconds" must be a positive number')
    _check_labels(body.get("labels") or {})


def _texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _check_labels(labels: Any) -> None:
    if not isinstance(labels, dict):
        raise Refusal(400, '"labels" must be an object')
    for name, value in labels.items():
        fits = NAME if name == "name" else LABEL
        if not isinstance(value, str) or not LABEL.fullmatch(name) or not fits.fullmatch(value):
            raise Refusal(
                400,
                f'label "{name}" must have up to 100 letters, digits, dashes and underscores',
            )


# --- what can be done with one --------------------------------------------------------------------


def _job(state: State, user: User | None, namespace: str, id: str) -> Job:
    _reader(user, namespace)
    job = state.jobs.get(id)
    if job is None or job.run.namespace != namespace:
        raise Refusal(404, "Job not found")
    return job


def _reader(user: User | None, namespace: str) -> None:
    if user is None:
        raise Refusal(401, "Invalid username or password.")
    if not user.owns(namespace):
        raise Refusal(403, f'You don\'t have the rights to see jobs of "{namespace}"')


async def look(state: State, user: User | None, namespace: str, id: str) -> dict[str, Any]:
    """A job as it stands; a story is a stage further."""
    job = _job(state, user, namespace, id)
    await _further(state, job)
    return job.shown


def listed(
    state: State, user: User | None, namespace: str, query: QueryParams
) -> list[dict[str, Any]]:
    """Jobs, newest first, without moving them."""
    _reader(user, namespace)
    stages = query.getlist("stage")
    wanted = [said.partition("=") for said in query.getlist("label")]
    return [
        job.shown
        for job in reversed(state.jobs.values())
        if job.run.namespace == namespace
        and (not stages or job.stage in stages)
        and all(job.shown["labels"].get(name) == value for name, _, value in wanted)
    ]


def cancel(state: State, user: User | None, namespace: str, id: str) -> dict[str, Any]:
    """End a job, unless it is over."""
    job = _job(state, user, namespace, id)
    may_write(user, namespace, "cancel a job")
    job.go("CANCELED")
    job.story = None if job.story is None else []
    if job.program is not None:
        job.program.stop()
    return job.shown


def label(
    state: State, user: User | None, namespace: str, id: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Other labels, in place of those it has."""
    job = _job(state, user, namespace, id)
    may_write(user, namespace, "label a job")
    _check_labels(body.get("labels"))
    job.shown["labels"] = job.run.labels = dict(body["labels"])
    return job.shown


def logs(
    state: State, user: User | None, namespace: str, id: str, query: Mapping[str, str]
) -> Response:
    """What a job says: from the start, and on while it runs. A story has said all there is."""
    job = _job(state, user, namespace, id)
    tail = query.get("tail", "")
    return streamed(
        state,
        job.log,
        lambda: job.story is not None or job.program is None or not job.program.alive,
        tail=int(tail) if tail.isdecimal() else None,
    )
