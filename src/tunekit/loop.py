"""One event loop in one thread, for all models of a process.

``predict`` waits for it, ``apredict`` awaits it; nobody else starts a loop, so both work in
notebooks and inside servers that run a loop of their own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["run", "start"]

T = TypeVar("T")

_lock = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None


def start(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start work on the loop thread."""
    return asyncio.run_coroutine_threadsafe(work, _loop())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do work on the loop thread and wait for it. An interrupt cancels it."""
    future = start(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    global _running
    with _lock:
        # After a fork the thread is gone; the child makes its own.
        if _running is None or _running[0] != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="tunekit", daemon=True).start()
            _running = (os.getpid(), loop)
        return _running[1]
