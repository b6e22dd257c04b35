"""Jobs of the Hub: started, found, looked at. A job's ref is ``NAMESPACE/ID``.

A job carries two labels: the run it belongs to, and which attempt at it this is. What an attempt
brought back is in the run's repository under ``attempts/NUMBER``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ...errors import Conflict, InvalidRequest, MalformedAnswer, NotFound
from ..base import Event, Journal, Ref, State, Status
from ..http_errors import ADVICE
from ..huggingface.hub import Hub
from .bundle import BOOTSTRAP
from .job import MARK

if TYPE_CHECKING:
    from huggingface_hub import JobInfo

__all__ = [
    "STATES",
    "Attempt",
    "Order",
    "cancel",
    "events_of",
    "job",
    "jobs_of_run",
    "lines_of",
    "place_of",
    "repo_of",
    "stage_of",
]

#: Labels of a job.
RUN, ATTEMPT = "tunekit_run", "tunekit_attempt"
RUN_ID = re.compile(r"[\w-]+")
#: The Hub's words. Any other is kept as it is, and ends nothing.
STATES: Mapping[str, State] = {
    "SCHEDULING": State.QUEUED,
    "RUNNING": State.RUNNING,
    "COMPLETED": State.SUCCEEDED,
    "CANCELED": State.CANCELLED,
    "ERROR": State.FAILED,
    "DELETED": State.FAILED,
}
#: What stands for Python on the command line; huggingface_hub would upload a file of that name.
PYTHONS = ("python", "python3")
KINDS = frozenset(("state", "log", "metric", "progress"))


class Order(NamedTuple):
    """What a job is to be: the machine, how long, and what is installed on it."""

    flavor: str
    timeout: int
    dependencies: Sequence[str]
    python: str
    image: str | None
    processes: int


def repo_of(namespace: str, run_id: str) -> str:
    """The repository of a run."""
    return f"{namespace}/tunekit-{run_id}"


def place_of(one: JobInfo, namespace: str, backend: str) -> tuple[str, str, str]:
    """The run that a job belongs to, its repository, and where in that this attempt's results are.

    Raises:
        NotFound: it is no job of ours.
    """
    labels = one.labels or {}
    run, attempt = labels.get(RUN), labels.get(ATTEMPT)
    # Both become paths, and whoever may start jobs there could have written them.
    if not (run and RUN_ID.fullmatch(run) and attempt and attempt.isdecimal()):
        raise NotFound(
            f"job {one.id} carries no label {RUN!r}: it is no run. Check its id.", backend=backend
        )
    return run, repo_of(namespace, run), f"attempts/{attempt}"


class Attempt:
    """The Hub's side of one run, as :mod:`tunekit.backends.once` asks it.

    Args:
        hub: how to call.
        namespace: whose jobs they are.
        journal: of the run.
        status: how a job stands.
        order: what the job is to be.
        revision: the commit with all that it needs.
    """

    def __init__(
        self,
        hub: Hub,
        namespace: str,
        journal: Journal,
        status: Callable[[Ref], Status],
        order: Order | None = None,
        revision: str = "",
    ) -> None:
        self._hub = hub
        self._namespace = namespace
        self._journal = journal
        self._status = status
        self._order = order
        self._revision = revision

    def begin(self, files: Mapping[str, str]) -> Ref:
        order, run_id = self._order, self._journal.run_id
        assert order is not None, "nothing was ordered"
        # Noted before this, so that no two attempts have one number.
        attempt = str(sum(step.name == "creating" for step in self._journal.steps))
        environment = {
            "TUNEKIT_REPO": repo_of(self._namespace, run_id),
            "TUNEKIT_REVISION": self._revision,
            "TUNEKIT_ATTEMPT": attempt,
            "TUNEKIT_PROCESSES": str(order.processes),
            "HF_ENDPOINT": self._hub.endpoint,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONUNBUFFERED": "1",
        }
        token = self._hub.key.value()
        python = next((one for one in PYTHONS if not Path(one).is_file()), PYTHONS[0])
        created = self._hub.once(
            f"creating a job for run {run_id}",
            lambda api: api.run_uv_job(
                python,
                script_args=["-c", BOOTSTRAP],
                dependencies=list(order.dependencies),
                python=order.python,
                image=order.image,
                env=environment,
                secrets={"HF_TOKEN": token} if token else None,
                flavor=order.flavor,
                timeout=order.timeout,
                name=f"tunekit-{run_id}",
                labels={RUN: run_id, ATTEMPT: attempt},
                namespace=self._namespace,
            ),
        )
        return self._ref(created)

    def begun(self, journal: Journal) -> Sequence[Ref]:
        return [self._ref(one) for one in jobs_of_run(self._hub, self._namespace, journal.run_id)]

    def over(self, ref: Ref) -> bool:
        try:
            state = self._status(ref).state
        except NotFound:
            return True  # forgotten
        return state in (State.FAILED, State.CANCELLED)

    def _ref(self, one: JobInfo) -> Ref:
        told: Any = one.id
        if not isinstance(told, str) or not told:
            raise MalformedAnswer(
                f"the answer has no id of a job. {ADVICE[MalformedAnswer]}",
                backend=self._hub.backend,
            )
        return f"{self._namespace}/{one.id}"


def jobs_of_run(hub: Hub, namespace: str, run_id: str) -> list[JobInfo]:
    """The jobs that carry this run's id, oldest first."""
    found = hub.read(
        f"looking for jobs of run {run_id}",
        lambda api: list(api.list_jobs(labels={RUN: run_id}, namespace=namespace)),
    )
    ours = [one for one in found if (one.labels or {}).get(RUN) == run_id]
    return sorted(ours, key=lambda one: one.created_at.timestamp() if one.created_at else 0.0)


def job(hub: Hub, ref: Ref) -> JobInfo:
    """A job as it is now."""
    namespace, _, name = ref.partition("/")
    if not namespace or not name:
        raise InvalidRequest(f"no job {ref!r}. Give NAMESPACE/ID.", backend=hub.backend)
    return hub.read(
        f"looking at job {ref}", lambda api: api.inspect_job(job_id=name, namespace=namespace)
    )


def stage_of(one: JobInfo) -> str:
    """The Hub's word for where a job is."""
    stage: Any = one.status.stage
    return str(getattr(stage, "value", stage))


def cancel(hub: Hub, ref: Ref) -> None:
    """Cancel a job; one that is over stays as it is."""
    namespace, _, name = ref.partition("/")
    try:
        hub.read(
            f"cancelling job {ref}", lambda api: api.cancel_job(job_id=name, namespace=namespace)
        )
    except (Conflict, InvalidRequest):
        if not STATES.get(stage_of(job(hub, ref)), State.UNKNOWN).terminal:
            raise


def lines_of(hub: Hub, ref: Ref, *, tail: int | None = None) -> list[str]:
    """What a job has said so far."""
    namespace, _, name = ref.partition("/")
    return hub.read(
        f"reading the log of job {ref}",
        lambda api: list(api.fetch_job_logs(job_id=name, namespace=namespace, tail=tail)),
    )


def events_of(lines: Sequence[str]) -> list[Event]:
    """The worker's events among the lines of a job's log, oldest first."""
    found: list[Event] = []
    for line in lines:
        _, mark, text = line.partition(MARK)
        if not mark:
            continue
        try:
            event = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue  # cut short by who keeps the log
        if isinstance(event, dict) and event.get("kind") in KINDS:
            data = event.get("data")
            found.append(
                Event(
                    str(event.get("at", "")),
                    str(event["kind"]),
                    str(event.get("message", "")),
                    data if isinstance(data, dict) else {},
                )
            )
    return found
