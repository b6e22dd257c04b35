"""Being told to end, at a moment when nothing is half done. No torch here."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Cancelled", "on_request", "put_off"]

Handler = Callable[[int, FrameType | None], None]


class Cancelled(BaseException):
    """Raised where the worker is when it is told to end."""


class _Request:
    """Whether the worker was told to end, and whether it is to wait for a good moment."""

    asked = False
    waiting = 0


def on_request(handler: Handler | signal.Handlers | None = None) -> None:
    """What is done when this process is told to end; without a handler it is :class:`Cancelled`."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _cancel if handler is None else handler)
    _Request.asked = False


@contextmanager
def put_off() -> Iterator[Callable[[], bool]]:
    """Until the block ends a request to end is only noted; gives who says whether there was one.

    A second request ends the block at once. Whoever was told leaves the block by raising
    :class:`Cancelled`.
    """
    _Request.waiting += 1
    try:
        yield lambda: _Request.asked
    finally:
        _Request.waiting -= 1
    if _Request.asked and not _Request.waiting:
        raise Cancelled


def _cancel(number: int, frame: FrameType | None) -> None:
    if _Request.waiting and not _Request.asked:
        _Request.asked = True
        return
    raise Cancelled
