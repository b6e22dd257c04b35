"""Fine-tuning jobs: started, found, looked at, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from ...errors import Conflict, InvalidRequest, MalformedAnswer
from ...planning import Work
from ..base import Event, Journal, Ref, State, Status
from .files import LARGEST, file_name, file_named, send_file
from .hosts import Host
from .methods import body_of
from .wire import Wire, field

__all__ = [
    "Attempt",
    "cancel",
    "events",
    "job",
    "jobs_of_run",
    "pause",
    "resume",
    "status_of",
    "uses",
]

#: The key of a job's metadata that says which run it belongs to.
RUN = "tunekit_run"
PURPOSE = "fine-tune"
PAGE = 100

#: The provider's words. Any other is kept as it is, and ends nothing.
STATES: Mapping[str, State] = {
    "validating_files": State.VALIDATING,
    "queued": State.QUEUED,
    "running": State.RUNNING,
    "pausing": State.PAUSED,
    "paused": State.PAUSED,
    "cancelling": State.CANCELLING,
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}


class Attempt:
    """The provider's side of one run, as :mod:`tunekit.backends.once` asks it.

    Args:
        wire: how to call.
        host: whose server it is.
        work: what is to be trained.
        run_id: goes along in the job's metadata, so that it is found again.
        extra: more fields of the request, for this host alone.
        largest: bytes of a file that is sent as a whole.
    """

    def __init__(
        self,
        wire: Wire,
        host: Host,
        work: Work,
        run_id: str,
        *,
        extra: Mapping[str, Any],
        largest: int = LARGEST,
    ) -> None:
        self._wire = wire
        self._host = host
        self._work = work
        self._run_id = run_id
        self._extra = extra
        self._largest = largest

    def stored(self, path: Path, sha256: str) -> str | None:
        return file_named(self._wire, file_name(path, sha256), path.stat().st_size, PURPOSE)

    def store(self, path: Path, sha256: str) -> str:
        name = file_name(path, sha256)
        return send_file(self._wire, path, name, PURPOSE, largest=self._largest)

    def begin(self, files: Mapping[str, str]) -> Ref:
        work, wire = self._work, self._wire
        body = body_of(work.route, work.hyperparameters, outside=self._host.hyperparameters_outside)
        if "validation.jsonl" in files:
            body["validation_file"] = files["validation.jsonl"]
        what = "creating the job"
        with wire.errors(what), wire.client(once=True) as client:
            raw = client.fine_tuning.jobs.with_raw_response.create(
                model=work.model,
                training_file=files["train.jsonl"],
                metadata={RUN: self._run_id},
                extra_body=dict(self._extra) or None,
                **body,
            )
        return str(field(wire.read(raw, what), "id", str, wire))

    def begun(self, journal: Journal) -> Sequence[Ref]:
        of_run = jobs_of_run(self._wire, journal.run_id)
        return [str(one["id"]) for one in of_run or self._unnamed(journal)]

    def _unnamed(self, journal: Journal) -> list[dict[str, Any]]:
        """Jobs on this run's file, of a server that keeps no metadata."""
        asked = [step for step in journal.steps if step.name == "creating"]
        sent = {step.facts["id"] for step in journal.steps if step.name == "uploaded"}
        if not asked:
            return []
        # A minute for clocks that don't agree.
        since = datetime.fromisoformat(asked[0].at).timestamp() - 60
        recent = takewhile(lambda one: _created(one) >= since, _all_jobs(self._wire, {}))
        ours = [
            one for one in recent if not one.get("metadata") and one.get("training_file") in sent
        ]
        return ours[::-1]

    def over(self, ref: Ref) -> bool:
        state = status_of(self._wire, job(self._wire, ref)).state
        return state in (State.FAILED, State.CANCELLED)


def _created(one: Mapping[str, Any]) -> float:
    at = one.get("created_at")
    return float(at) if isinstance(at, int | float) else 0.0


def jobs_of_run(wire: Wire, run_id: str) -> list[dict[str, Any]]:
    """The jobs that carry this run's id, oldest first."""
    # Compared here as well: servers exist that ignore the filter.
    found = [
        one
        for one in _all_jobs(wire, {RUN: run_id})
        if isinstance(one.get("metadata"), dict) and one["metadata"].get(RUN) == run_id
    ]
    return found[::-1]


def _all_jobs(wire: Wire, metadata: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Every job, newest first; where the server filters, only those with this metadata."""
    after: dict[str, Any] = {}
    given: dict[str, Any] = {"metadata": metadata} if metadata else {}
    while True:
        what = "looking for jobs"
        with wire.errors(what), wire.client() as client:
            raw = client.fine_tuning.jobs.with_raw_response.list(limit=PAGE, **given, **after)
        page = wire.read(raw, what)
        jobs = field(page, "data", list, wire)
        for one in jobs:
            if not isinstance(one, dict) or not isinstance(one.get("id"), str):
                raise MalformedAnswer("a job in the list has no id.", backend=wire.backend)
            yield one
        if not jobs or not page.get("has_more"):
            return
        after = {"after": jobs[-1]["id"]}


def uses(wire: Wire, file: str) -> bool:
    """Whether a job that isn't over trains on this file."""
    return any(
        file in (one.get("training_file"), one.get("validation_file"))
        and not STATES.get(str(one.get("status")), State.UNKNOWN).terminal
        for one in _all_jobs(wire, {})
    )


def job(wire: Wire, ref: Ref) -> dict[str, Any]:
    """A job as it is now."""
    what = f"looking at job {ref}"
    with wire.errors(what), wire.client() as client:
        raw = client.fine_tuning.jobs.with_raw_response.retrieve(ref)
    return wire.read(raw, what)


def status_of(wire: Wire, answer: Mapping[str, Any]) -> Status:
    """How a job stands, from what the provider says of it."""
    raw = field(answer, "status", str, wire)
    return Status(STATES.get(raw, State.UNKNOWN), raw, _error(answer))


def _error(answer: Mapping[str, Any]) -> str | None:
    error = answer.get("error")
    if not isinstance(error, dict) or not error.get("message"):
        return None  # some say "no error" with empty fields
    code = error.get("code")
    return f"{error['message']} [{code}]" if code else str(error["message"])


def cancel(wire: Wire, ref: Ref) -> None:
    """Cancel a job; one that is over stays as it is."""
    what = f"cancelling job {ref}"
    try:
        with wire.errors(what), wire.client() as client:
            client.fine_tuning.jobs.with_raw_response.cancel(ref)
    except (Conflict, InvalidRequest):
        if not status_of(wire, job(wire, ref)).state.terminal:
            raise


def pause(wire: Wire, ref: Ref) -> None:
    """Pause a job."""
    with wire.errors(f"pausing job {ref}"), wire.client() as client:
        client.fine_tuning.jobs.with_raw_response.pause(ref)


def resume(wire: Wire, ref: Ref) -> None:
    """Let a paused job go on."""
    with wire.errors(f"resuming job {ref}"), wire.client() as client:
        client.fine_tuning.jobs.with_raw_response.resume(ref)


def events(wire: Wire, ref: Ref) -> list[Event]:
    """All events of a job so far, oldest first."""
    told: list[Event] = []
    after: dict[str, Any] = {}
    while True:
        what = f"reading events of job {ref}"
        with wire.errors(what), wire.client() as client:
            raw = client.fine_tuning.jobs.with_raw_response.list_events(ref, limit=PAGE, **after)
        page = wire.read(raw, what)
        found = field(page, "data", list, wire)
        told.extend(_event(wire, one) for one in found)
        if not found or not page.get("has_more"):
            break
        after = {"after": found[-1]["id"]}
    return told[::-1]  # the newest come first


def _event(wire: Wire, one: Any) -> Event:
    match one:
        case {"id": str(), "created_at": int() | float() as at, "message": str(message)}:
            data = one.get("data")
        case _:
            raise MalformedAnswer("an event has no id, time or message.", backend=wire.backend)
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    if one.get("type") == "metrics" and isinstance(data, dict):
        return Event(moment, "metric", message, data)
    return Event(moment, "log", message, data if isinstance(data, dict) else {})
