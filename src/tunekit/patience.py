"""How long we wait for a provider that can't be reached, and how often we look at a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from .errors import BackendError

__all__ = ["FIRST_LOOK", "LAST_LOOK", "patiently", "pause_after"]

T = TypeVar("T")

#: Seconds between two looks: short first, for jobs of seconds, then longer.
FIRST_LOOK, LAST_LOOK = 0.1, 15.0
#: Seconds for which a backend that can't be reached is asked again before that is an error.
PATIENCE = 600.0


def patiently(call: Callable[[], T], deadline: float | None) -> T:
    """Make a call again and again while a backend can't be reached, for a while.

    Args:
        call: one that may be repeated.
        deadline: on the monotonic clock, or ``None``.
    """
    left = max(0.0, deadline - time.monotonic()) if deadline is not None else PATIENCE
    return Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, BackendError) and e.retryable),
        wait=wait_exponential_jitter(multiplier=FIRST_LOOK, max=min(LAST_LOOK, left)),
        stop=stop_after_delay(min(left, PATIENCE)),
        reraise=True,
    )(call)


def pause_after(waited: float) -> float:
    """Seconds until the next look, after so many of waiting: at most 5 % too late.

    >>> pause_after(0), pause_after(40), pause_after(3600)
    (0.1, 2.0, 15.0)
    """
    return min(LAST_LOOK, max(FIRST_LOOK, waited / 20))
