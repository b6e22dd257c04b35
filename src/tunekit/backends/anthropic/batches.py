"""Many answers as a job: the Message Batches API. What it is sent is what a single call would be.

A batch at the provider says nothing of whom it is for but the ids of its requests, and it shows
those only in its results, once it has ended. So a batch whose creation nobody saw the answer of is
looked for among those of the same size and time; while one of them is still at work, nobody can
know whose it is, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson

from ...durable import disk_errors
from ...errors import Conflict, InvalidRequest, MalformedAnswer, NotFound
from ...shapes import Failure, Input, Outcome
from ..base import Journal, Ref, State, Status, Step
from ..http_errors import ADVICE
from ..portions import in_files
from .bodies import Asking, body_for, outcome_of
from .wire import Wire, field

__all__ = ["Batch", "cancel", "lines", "outcomes", "requests", "status"]

#: The most that one batch holds: requests as the API has it; bytes that are held at once here, a
#: quarter of what the API takes.
MOST_LINES, MOST_BYTES = 100_000, 64 * 1024 * 1024
PATH = "/v1/messages/batches"
PAGE = 100
#: How far our clock and the provider's may be apart.
CLOCKS = timedelta(minutes=15)

STATES: Mapping[str, State] = {
    "in_progress": State.RUNNING,
    "canceling": State.CANCELLING,
    "ended": State.SUCCEEDED,
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
    return orjson.dumps({"custom_id": str(place), "params": body}) + b"\n"


def _noted(steps: Sequence[Step]) -> list[Ref]:
    return [str(one.facts["id"]) for one in steps if one.name == "created"]


class Batch:
    """The provider's side of one batch, as :mod:`tunekit.backends.once` asks it."""

    def __init__(self, wire: Wire, journal: Journal) -> None:
        self._wire = wire
        self._run_id = journal.run_id
        self._folder = journal.folder
        self._path = journal.folder / "data" / "requests.jsonl"

    def _requests(self) -> list[bytes]:
        """The requests, named after the run."""
        with disk_errors(f"reading {self._path}"), self._path.open("rb") as lines:
            read = [orjson.loads(line) for line in lines]
        return [orjson.dumps({**one, "custom_id": self._name(one["custom_id"])}) for one in read]

    def _name(self, place: str) -> str:
        return f"{self._run_id}-{place}"

    def begin(self, files: Mapping[str, str]) -> Ref:
        what = "creating the batch"
        body = b'{"requests":[' + b",".join(self._requests()) + b"]}"
        headers = {"content-type": "application/json"}
        with self._wire.errors(what), self._wire.client(once=True) as client:
            answer = client.post(
                PATH, cast_to=httpx2.Response, content=body, options={"headers": headers}
            )
        return str(field(self._wire.read(answer, what), "id", str, self._wire))

    def begun(self, journal: Journal) -> Sequence[Ref]:
        asked = [datetime.fromisoformat(one.at) for one in journal.steps if one.name == "creating"]
        if not asked:
            return []
        size = len(self._requests())
        ours: list[Ref] = []
        unsure: list[Ref] = []
        for one in self._since(min(asked) - CLOCKS):
            if _size(one) != size or _created(one, self._wire) > max(asked) + CLOCKS:
                continue
            id = str(one["id"])
            mine = self._is_mine(id) if one.get("processing_status") == "ended" else None
            if mine is not False:
                (unsure if mine is None else ours).append(id)
        noted = {*_noted(journal.steps), *self._of_siblings()}
        unknown = [id for id in unsure if id not in noted]
        if unknown and not ours:
            raise Conflict(
                f"a batch of {size:,} requests was asked for and the answer lost. "
                f"{' or '.join(unknown)} may be it, which shows only once it has ended: nothing is "
                "sent again until then. Look again later, or see to it in the provider's console.",
                backend=self._wire.backend,
            )
        return ours[::-1]

    def _of_siblings(self) -> Iterator[Ref]:
        """The batches of other parts of the same predictions: of the same size and time, and
        known."""
        for path in self._folder.parent.glob("*/steps.json"):
            with disk_errors(f"reading {path}"):
                yield from _noted([Step(*one) for one in orjson.loads(path.read_bytes())])

    def _since(self, moment: datetime) -> Iterator[dict[str, Any]]:
        """Batches created since then, newest first."""
        listed = self._wire.pages(
            "looking for batches",
            lambda client, after: client.get(
                PATH, cast_to=httpx2.Response, options={"params": {"limit": PAGE, **after}}
            ),
        )
        for one in listed:
            if _created(one, self._wire) < moment:
                return
            yield one

    def _is_mine(self, id: Ref) -> bool | None:
        """Whether a batch that has ended was sent by this run; ``None`` where that can't be known,
        since its results are gone."""
        try:
            line = next(lines(self._wire, id), b"")
            return str(orjson.loads(line)["custom_id"]).startswith(f"{self._run_id}-")
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def over(self, ref: Ref) -> bool:
        return False  # a batch that failed isn't tried again by itself


def _size(batch: Mapping[str, Any]) -> int:
    counts = batch.get("request_counts")
    all_ = counts.values() if isinstance(counts, dict) else []
    return sum(one for one in all_ if isinstance(one, int))


def _created(batch: Mapping[str, Any], wire: Wire) -> datetime:
    told = field(dict(batch), "created_at", str, wire)
    try:
        moment = datetime.fromisoformat(told)
    except ValueError as error:
        raise MalformedAnswer(
            f"{told!r:.40} is no time. {ADVICE[MalformedAnswer]}", backend=wire.backend
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def status(wire: Wire, ref: Ref) -> Status:
    """How a batch stands."""
    what = f"looking at batch {ref}"
    answer = wire.read(wire.get(f"{PATH}/{ref}", what), what)
    raw = field(answer, "processing_status", str, wire)
    state = STATES.get(raw, State.UNKNOWN)
    counts = answer.get("request_counts")
    if state is State.SUCCEEDED and isinstance(counts, dict):
        answered = any(counts.get(name) for name in ("succeeded", "errored", "expired"))
        if counts.get("canceled") and not answered:
            state = State.CANCELLED
    return Status(state, raw)


def cancel(wire: Wire, ref: Ref) -> None:
    """Cancel a batch; one that is over stays as it is."""
    try:
        with wire.errors(f"cancelling batch {ref}"), wire.client() as client:
            client.post(f"{PATH}/{ref}/cancel", cast_to=httpx2.Response)
    except (Conflict, InvalidRequest):
        if not status(wire, ref).state.terminal:
            raise


def lines(wire: Wire, ref: Ref) -> Iterator[bytes]:
    """All results of a batch; none where the provider keeps them no more. Asked for at its own
    address: one that an answer names would be given the key."""
    with suppress(NotFound):
        response = wire.get(f"{PATH}/{ref}/results", f"reading the results of batch {ref}")
        for line in response.content.splitlines():
            if line.strip():
                yield line + b"\n"


def outcomes(
    wire: Wire, given: Iterable[bytes], inputs: Sequence[Input], structured: bool
) -> Iterator[tuple[int, Outcome]]:
    """Those lines read, each with the number of its input. A line that can't be read is left out:
    its input has no answer then."""
    for line in given:
        try:
            one = orjson.loads(line)
            place = int(one["custom_id"].rpartition("-")[2])
            yield place, _outcome(wire, one["result"], inputs[place], structured)
        except (
            orjson.JSONDecodeError,
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            IndexError,
        ):
            continue


def _outcome(wire: Wire, result: Any, asked: Input, structured: bool) -> Outcome:
    match result:
        case {"type": "succeeded", "message": dict(message)}:
            try:
                return outcome_of(message, asked, wire, structured)
            except MalformedAnswer as error:
                return Failure(type(error).__name__, str(error))
        case {"type": "errored", "error": {"error": {"type": kind, "message": message}}}:
            return Failure(f"refused-{kind}", wire.key.hide(str(message)))
        case {"type": "canceled" | "expired" as kind}:
            return Failure("no-answer", f"the batch was {kind} before it came to this input")
        case _:
            return Failure("MalformedAnswer", "the provider's line says nothing")
