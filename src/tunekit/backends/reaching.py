"""Whether there is somebody at an address: one request without a key, and a few seconds for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

import httpx2

from .http import LOOPBACK
from .http_errors import RAISED_BY_HTTPX

__all__ = ["Reached", "reach"]


class Reached(NamedTuple):
    """What came of asking an address: the HTTP status, or why there was none.

    Any status means that somebody is there; without a key it is usually 401 or 404.
    """

    address: str
    status: int | None
    why: str = ""

    @property
    def answers(self) -> bool:
        """Whether somebody is there."""
        return self.status is not None

    def __str__(self) -> str:
        said = f"answers (HTTP {self.status})" if self.answers else f"no answer: {self.why}"
        return f"{self.address}  {said}"


def reach(addresses: Iterable[str], seconds: float) -> tuple[Reached, ...]:
    """Ask each address once, all at the same time. It is over after that many seconds.

    No key is sent, and no redirect is followed.
    """
    late = f"nothing came within {seconds:g} s"
    found = {address: Reached(address, None, late) for address in addresses}

    def ask(address: str) -> None:
        found[address] = _asked(address, seconds)

    # Threads that nobody has to wait for: looking up a name has no time-out of its own.
    threads = [threading.Thread(target=ask, args=(one,), daemon=True) for one in list(found)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return tuple(dict(found).values())


def _asked(address: str, seconds: float) -> Reached:
    try:
        # A proxy of the environment is for the world outside, never for this machine.
        outside = httpx2.URL(address).host not in LOOPBACK
        with (
            httpx2.Client(timeout=seconds, trust_env=outside, follow_redirects=False) as client,
            client.stream("GET", address) as answer,
        ):
            return Reached(address, answer.status_code)
    except (*RAISED_BY_HTTPX, OSError, ValueError) as error:
        first = str(error).strip().splitlines()
        return Reached(address, None, f"{type(error).__name__}{': ' + first[0] if first else ''}")
