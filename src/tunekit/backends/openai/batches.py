"""Many answers as a job: the Batch API. What it is sent is what a single call would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from ...errors import Conflict, InvalidRequest, MalformedAnswer, NotFound
from ...shapes import Failure, Input, Outcome
from ..base import Journal, Ref, State, Status
from ..portions import in_files
from .asking import Asking, body_for, outcome_of
from .files import LARGEST, file_name, file_named, read_file, send_file
from .wire import Wire, field

__all__ = ["Batch", "cancel", "lines", "outcomes", "requests", "status"]

#: The most that one batch holds (OpenAI's guide): lines, and bytes with some room.
MOST_LINES, MOST_BYTES = 50_000, 190 * 1024 * 1024
RUN = "tunekit_run"
PURPOSE = "batch"
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
PAGE = 100

#: The provider's words. One that expired has answered what it could.
STATES: Mapping[str, State] = {
    "validating": State.VALIDATING,
    "in_progress": State.RUNNING,
    "finalizing": State.RUNNING,
    "completed": State.SUCCEEDED,
    "expired": State.SUCCEEDED,
    "failed": State.FAILED,
    "cancelling": State.CANCELLING,
    "cancelled": State.CANCELLED,
}


def requests(asking: Asking, inputs: Iterable[tuple[int, Input]]) -> Iterator[Iterator[bytes]]:
    """Files of requests, each as large as one batch may be, to be read one after the other.

    An input that can't be sent has no request.
    """
    written = (_line(asking, place, asked) for place, asked in inputs)
    return in_files((line for line in written if line is not None), MOST_LINES, MOST_BYTES)


def _line(asking: Asking, place: int, asked: Input) -> bytes | None:
    body = body_for(asking, asked)
    if isinstance(body, Failure):
        return None
    url = COMPLETIONS if "prompt" in body else CHAT
    request = {"custom_id": str(place), "method": "POST", "url": url, "body": body}
    return orjson.dumps(request) + b"\n"


class Batch:
    """The provider's side of one batch, as :mod:`tunekit.backends.once` asks it."""

    def __init__(self, wire: Wire, run_id: str, *, largest: int = LARGEST) -> None:
        self._wire = wire
        self._run_id = run_id
        self._largest = largest
        self._url = CHAT

    def stored(self, path: Path, sha256: str) -> str | None:
        with path.open("rb") as lines:
            self._url = orjson.loads(lines.readline())["url"]
        return file_named(self._wire, file_name(path, sha256), path.stat().st_size, PURPOSE)

    def store(self, path: Path, sha256: str) -> str:
        name = file_name(path, sha256)
        return send_file(self._wire, path, name, PURPOSE, largest=self._largest)

    def begin(self, files: Mapping[str, str]) -> Ref:
        what = "creating the batch"
        endpoint: Any = self._url
        with self._wire.errors(what), self._wire.client(once=True) as client:
            raw = client.batches.with_raw_response.create(
                input_file_id=files["requests.jsonl"],
                endpoint=endpoint,
                completion_window="24h",
                metadata={RUN: self._run_id},
            )
        return str(field(self._wire.read(raw, what), "id", str, self._wire))

    def begun(self, journal: Journal) -> Sequence[Ref]:
        found = self._wire.pages(
            "looking for batches",
            lambda client, after: client.batches.with_raw_response.list(limit=PAGE, **after),
        )
        return [
            str(one["id"])
            for one in found
            if isinstance(one.get("metadata"), dict) and one["metadata"].get(RUN) == journal.run_id
        ][::-1]

    def over(self, ref: Ref) -> bool:
        return False  # a batch that failed isn't tried again by itself


def _batch(wire: Wire, ref: Ref) -> dict[str, Any]:
    what = f"looking at batch {ref}"
    with wire.errors(what), wire.client() as client:
        raw = client.batches.with_raw_response.retrieve(ref)
    return wire.read(raw, what)


def status(wire: Wire, ref: Ref) -> Status:
    """How a batch stands."""
    answer = _batch(wire, ref)
    raw = field(answer, "status", str, wire)
    errors = answer.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else None
    all_ = listed if isinstance(listed, list) else []
    said = "; ".join(str(one.get("message")) for one in all_ if isinstance(one, dict))
    return Status(STATES.get(raw, State.UNKNOWN), raw, wire.key.hide(said) or None)


def cancel(wire: Wire, ref: Ref) -> None:
    """Cancel a batch; one that is over stays as it is."""
    try:
        with wire.errors(f"cancelling batch {ref}"), wire.client() as client:
            client.batches.with_raw_response.cancel(ref)
    except (Conflict, InvalidRequest):
        if not status(wire, ref).state.terminal:
            raise


def lines(wire: Wire, ref: Ref) -> Iterator[bytes]:
    """All lines of a batch's files of answers and of errors."""
    answer = _batch(wire, ref)
    for name in ("output_file_id", "error_file_id"):
        file = answer.get(name)
        if not isinstance(file, str) or not file:
            continue
        with suppress(NotFound):  # what is gone is no answer, and costs no other
            for line in read_file(wire, file).splitlines():
                yield line + b"\n"


def outcomes(
    wire: Wire, given: Iterable[bytes], inputs: Sequence[Input]
) -> Iterator[tuple[int, Outcome]]:
    """Those lines read, each with the number of its input. A line that can't be read is left out:
    its input has no answer then."""
    for line in given:
        try:
            one = orjson.loads(line)
            place = int(one["custom_id"])
            yield place, _outcome(wire, one, inputs[place])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, IndexError):
            continue


def _outcome(wire: Wire, one: Any, asked: Input) -> Outcome:
    match one:
        case {"response": {"status_code": 200, "body": dict(body)}}:
            try:
                return outcome_of(body, asked, wire)
            except MalformedAnswer as error:
                return Failure(type(error).__name__, str(error))
        case {"response": {"status_code": int(code), "body": {"error": {"message": message}}}}:
            return Failure(f"refused-{code}", wire.key.hide(str(message)))
        case {"error": {"message": message}}:
            return Failure("refused", wire.key.hide(str(message)))
        case _:
            return Failure("MalformedAnswer", "the provider's line says nothing")
