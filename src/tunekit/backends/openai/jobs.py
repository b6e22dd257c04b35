"""Fine-tuning jobs: started, found, looked at, and what came of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import Conflict, InvalidRequest, MalformedAnswer, NotFound
from ...planning import Work
from ..base import Event, Journal, Ref, State, Status
from ..http_errors import ADVICE
from .files import LARGEST, file_name, file_named, send_file
from .hosts import Host
from .methods import AUTO, body_of, portable
from .wire import Wire, field

__all__ = [
    "Attempt",
    "applied_of",
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
        ours = [
            one
            for one in _all_jobs(self._wire, {})
            if not one.get("metadata")
            and one.get("training_file") in list(sent)
            and one.get("validation_file") in [*sent, None]
            and one.get("model") == self._work.model
            and self._has_our_settings(one)
            and _created(one) >= since
        ]
        return sorted(ours, key=_created)

    def _has_our_settings(self, one: Mapping[str, Any]) -> bool:
        """Whether every setting that was named is that of a job."""
        applied, ours = applied_of(one), self._work.hyperparameters
        return all(
            applied.get(name, value) == value for name, value in ours.items() if value != AUTO
        )

    def over(self, ref: Ref) -> bool:
        try:
            state = status_of(self._wire, job(self._wire, ref)).state
        except NotFound:
            return True  # forgotten
        return state in (State.FAILED, State.CANCELLED)


def _created(one: Mapping[str, Any]) -> float:
    """When a job was created; the latest of times where that isn't said."""
    at = one.get("created_at")
    return float(at) if isinstance(at, int | float) else math.inf


def applied_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters of a job by portable names, wherever this server says them."""
    method = answer.get("method")
    method = method if isinstance(method, dict) else {}
    inside = method.get(str(method.get("type")))
    applied: dict[str, Any] = {}
    for holder in (answer, inside if isinstance(inside, dict) else {}):
        named = holder.get("hyperparameters")
        applied.update(named if isinstance(named, dict) else {})
    said = portable({name: value for name, value in applied.items() if value is not None})
    if isinstance(answer.get("seed"), int):
        said["seed"] = answer["seed"]
    return said


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
    given: dict[str, Any] = {"metadata": metadata} if metadata else {}
    return wire.pages(
        "looking for jobs",
        lambda client, after: client.fine_tuning.jobs.with_raw_response.list(
            limit=PAGE, **given, **after
        ),
    )


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
    error = _error(answer)
    shown = None if error is None else wire.key.hide(error)
    return Status(STATES.get(raw, State.UNKNOWN), raw, shown)


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
    told = wire.pages(
        f"reading events of job {ref}",
        lambda client, after: client.fine_tuning.jobs.with_raw_response.list_events(
            ref, limit=PAGE, **after
        ),
    )
    return [_event(wire, one) for one in told][::-1]  # the newest come first


def _event(wire: Wire, one: Any) -> Event:
    message, data = wire.key.hide(field(one, "message", str, wire)), one.get("data")
    try:
        at = datetime.fromtimestamp(field(one, "created_at", int, wire), UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise MalformedAnswer(
            f"an event is of no time ({error}). {ADVICE[MalformedAnswer]}", backend=wire.backend
        ) from error
    moment = at.isoformat(timespec="milliseconds")
    if one.get("type") == "metrics" and isinstance(data, dict):
        return Event(moment, "metric", message, data)
    return Event(moment, "log", message, data if isinstance(data, dict) else {})
