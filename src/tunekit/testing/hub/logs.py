"""Log lines as they are streamed: all from the start, then each as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate

import orjson
from starlette.responses import StreamingResponse

from .replies import timestamp
from .state import State

__all__ = ["Log", "streamed"]

#: Seconds between looks for new lines.
LOOK = 0.02


class Log:
    """What a program said, line by line, each with its time."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def write(self, line: str) -> None:
        """One more line."""
        self.lines.append((timestamp(), line))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(f"{line}\n" for _, line in self.lines)


def streamed(
    state: State,
    log: Log,
    is_over: Callable[[], bool],
    *,
    ending: str = "",
    tail: int | None = None,
) -> StreamingResponse:
    """The lines as server-sent events, until nothing more can come.

    Args:
        state: of the server; the stream ends with it.
        log: whose lines.
        is_over: whether the program has ended.
        ending: put behind each line.
        tail: begin with so many last lines.
    """
    cut = state.next_cut()

    async def events() -> AsyncIterator[bytes]:
        told = 0 if tail is None else max(0, len(log.lines) - tail)
        sent = 0
        spoke = time.monotonic()
        while True:
            # Asked first: a line that comes in between is still sent.
            over = is_over() or state.closing
            for moment, line in log.lines[told:]:
                if cut is not None and sent == cut:
                    raise ConnectionAbortedError("scripted")
                told, sent = told + 1, sent + 1
                spoke = time.monotonic()
                event = {"data": line + ending, "timestamp": moment}
                yield b"data: " + orjson.dumps(event) + b"\n\n"
            if over and told == len(log.lines):
                return
            if time.monotonic() > spoke + state.keep_alive:
                spoke = time.monotonic()
                yield b": keep-alive\n\n"
            await asyncio.sleep(LOOK)

    # A client that doesn't follow stops at the first line that is newer than this.
    headers = {"date": formatdate(usegmt=True)}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
