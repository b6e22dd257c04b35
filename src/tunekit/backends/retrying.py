"""Who may ask again, and when: the waits of every call that we repeat ourselves."""

from __future__ import annotations

from typing import Any

from tenacity import (
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ..errors import BackendError

__all__ = ["patiently"]


def patiently(attempts: int, first_wait: float, longest_wait: float) -> dict[str, Any]:
    """Options of tenacity for a call that does no harm when it is made twice.

    Args:
        attempts: how often it is made at most.
        first_wait: seconds before the second attempt; later ones are twice as long each, with some
            chance in them, and follow what the error tells of ``retry_after``.
        longest_wait: seconds that no wait exceeds. Who is told to wait longer gets the error.
    """
    growing = wait_exponential(multiplier=first_wait, max=longest_wait)
    backoff = growing + wait_random(0, first_wait)

    def may_try_again(error: BaseException) -> bool:
        # Who says "in an hour" gets its hour from the caller, not from a blocked call.
        return (
            isinstance(error, BackendError)
            and error.retryable
            and (error.retry_after or 0.0) <= longest_wait
        )

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        told = error.retry_after if isinstance(error, BackendError) else None
        return max(backoff(state), told or 0.0)

    return {
        "retry": retry_if_exception(may_try_again),
        "wait": wait,
        "stop": stop_after_attempt(attempts),
        "reraise": True,
    }
