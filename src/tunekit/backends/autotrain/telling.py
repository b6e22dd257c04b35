"""What became of a training: AutoTrain says it in several places, and in none of them all of it.

A Space that has finished, one that has failed and one that was stopped all end as ``PAUSED``, and
the program ends without an error in each case. A finished one says so as the title of a
discussion, a failed one too, a stopped one says nothing. "Finished" isn't said of the model: only
weights in its repository are a model.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..base import Event, State, Status

__all__ = ["Seen", "events_of", "reason_of", "status_of"]

#: The Hub's words for Spaces that haven't ended. Any other is kept as it is, and ends nothing.
UNDER_WAY: Mapping[str, State] = {
    "NO_APP_FILE": State.QUEUED,
    "BUILDING": State.QUEUED,
    "APP_STARTING": State.QUEUED,
    "RUNNING_BUILDING": State.RUNNING,
    "RUNNING_APP_STARTING": State.RUNNING,
    "RUNNING": State.RUNNING,
    "SLEEPING": State.PAUSED,  # nobody works; it wakes when it is looked at in a browser
}
#: Those that end without AutoTrain having a say.
BROKEN: Mapping[str, str] = {
    "BUILD_ERROR": "its image couldn't be built",
    "CONFIG_ERROR": "the Hub can't use its settings",
    "RUNTIME_ERROR": "its program ended with an error",
}
#: Those in which a training has ended, however it did.
OVER = ("PAUSED", "STOPPED", "DELETING")
FINISHED, FAILED = "has finished successfully", "has failed"

LINE = re.compile(
    r"(?P<level>[A-Z]+)\s*\|\s*(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*\|\s*(?P<rest>.*)",
    re.DOTALL,
)
MEASURED = re.compile(r"on_log:\d+ - (\{.*\})\s*$", re.DOTALL)
SAID_WRONG = re.compile(r"wrapper:\d+ - (?!\w+ has failed due to an exception)(.*)$", re.DOTALL)
#: The trainer's bar; others say first what they count.
BAR = re.compile(r"^\d+%\|.*?(\d+)/(\d+) \[")
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Seen(NamedTuple):
    """What is seen of a training: the Hub's word for its Space (``None`` where that is gone), the
    titles of its discussions, and whether the model's repository has weights."""

    stage: str | None
    titles: tuple[str, ...] = ()
    weights: bool = False


def status_of(seen: Seen, model: str, lines: Callable[[], Sequence[str]]) -> Status:
    """How a training stands.

    Args:
        seen: of it.
        model: the repository that the model goes to, for messages.
        lines: of the log, oldest first; asked for only where it matters.
    """
    stage = seen.stage or "GONE"
    if stage in BROKEN:
        why = reason_of(lines())
        said = f"the Space ended as {stage}: {BROKEN[stage]}" + (f" ({why})" if why else "")
        return Status(State.FAILED, stage, f"{said}.")
    if any(FAILED in title for title in seen.titles):
        return Status(State.FAILED, f"{stage}, failed", _failed(reason_of(lines())))
    finished = any(FINISHED in title for title in seen.titles)
    if seen.weights and (finished or stage in (*OVER, "GONE")):
        return Status(State.SUCCEEDED, stage)
    if finished:
        return Status(State.FAILED, f"{stage}, no weights", _nothing_there(model))
    if stage in UNDER_WAY:
        return Status(UNDER_WAY[stage], stage)
    if stage not in (*OVER, "GONE"):
        return Status(State.UNKNOWN, stage)
    if stage == "GONE":
        return Status(State.CANCELLED, "GONE")
    # Its discussion may not have been made: that needs a permission that some tokens don't have.
    told = lines()
    why = reason_of(told)
    if why is not None:
        return Status(State.FAILED, f"{stage}, failed", _failed(why))
    if any("Pausing space" in line for line in told):
        return Status(State.FAILED, f"{stage}, no weights", _nothing_there(model))
    return Status(State.CANCELLED, stage)


def _failed(why: str | None) -> str:
    return f"AutoTrain says that the training has failed: {why or 'it gives no reason'}."


def _nothing_there(model: str) -> str:
    return (
        f"AutoTrain says that the training has finished, and there are no weights in {model}: they "
        "are gone with the machine that trained."
    )


def reason_of(lines: Sequence[str]) -> str | None:
    """Why a training failed, from its log; ``None`` where nothing in it says that it did."""
    for line in reversed(lines):
        found = LINE.match(CONTROL.sub("", line).strip())
        if found is None or found["level"] != "ERROR":
            continue
        said = SAID_WRONG.search(found["rest"])
        if said is not None:
            return " ".join(said[1].split()).rstrip(".") or None
    for line in reversed(lines):
        if "has failed due to an exception" in line:
            return " ".join(line.rsplit("exception:", 1)[-1].split()).rstrip(".") or None
    return None


def events_of(lines: Iterable[str], begun: str) -> Iterator[Event]:
    """Lines of a log as events.

    Args:
        lines: oldest first.
        begun: the time of lines that come before one with a time.
    """
    at = begun
    for whole in lines:
        # A bar is drawn over itself.
        for line in re.split(r"[\r\n]+", CONTROL.sub("", whole)):
            text = line.strip()
            if not text:
                continue
            found = LINE.match(text)
            if found is not None:
                at = _moment(found["at"]) or at
            yield _event(at, text)


def _event(at: str, text: str) -> Event:
    measured = MEASURED.search(text)
    if measured is not None:
        with suppress(ValueError, SyntaxError):
            data = ast.literal_eval(measured[1])
            if isinstance(data, dict):
                return Event(at, "metric", text, _numbers(data))
    bar = BAR.match(text)
    if bar is not None:
        done, total = int(bar[1]), int(bar[2])
        return Event(at, "progress", text, {"done": done, "total": total})
    return Event(at, "log", text)


def _numbers(data: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in data.items() if isinstance(value, int | float)}


def _moment(stamp: str) -> str | None:
    with suppress(ValueError):
        moment = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return moment.isoformat(timespec="milliseconds")
    return None
