"""huggingface_hub waits without end, and repeats without asking; here is how it stops doing so.

Its one HTTP client serves all of a process and has no time-out. To set another client would change
the user's own calls as well, so the client stays as it is and learns two hooks. They do nothing
unless the call comes from inside :func:`bounded`, which a context variable says. (What hf_xet
sends and fetches by itself has time-outs of its own.)
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import httpx2

from ...errors import BackendError, Conflict, RateLimited
from ..http_errors import retry_after_of

__all__ = ["Bounds", "bounded", "retry_after", "silent"]

#: What create_repo repeats at once and without end.
BUSY = "another conflicting operation is in progress"


class Bounds(NamedTuple):
    """How long a call may wait: ``timeout`` seconds for the other side, and ``longest_wait`` where
    that asks for patience. ``seen`` gets the status and the request id of the last answer."""

    backend: str
    timeout: float
    longest_wait: float
    seen: dict[str, Any]


_BOUNDS: ContextVar[Bounds | None] = ContextVar("tunekit_hub_bounds", default=None)


@contextmanager
def bounded(bounds: Bounds) -> Iterator[None]:
    """Calls of huggingface_hub inside end in bounded time, as far as they are made by this
    thread."""
    from huggingface_hub import get_session

    client = get_session()
    for event, hook in (("request", _before), ("response", _after)):
        hooks: list[Callable[..., Any]] = client.event_hooks[event]
        if hook not in hooks:
            hooks.append(hook)
    token = _BOUNDS.set(bounds)
    try:
        yield
    finally:
        _BOUNDS.reset(token)


def retry_after(response: httpx2.Response) -> float | None:
    """The seconds that the Hub asks to wait, in either of its two headers."""
    # Public, and left out of the list of what is.
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    told = retry_after_of(response.headers)
    if told is not None:
        return told
    limit = parse_ratelimit_headers(response.headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None


def _before(request: httpx2.Request) -> None:
    bounds = _BOUNDS.get()
    if bounds is None:
        return
    bounds.seen.clear()
    told: dict[str, float | None] = dict(request.extensions.get("timeout") or {})
    waits = {"read": bounds.timeout, "write": bounds.timeout, "pool": bounds.timeout}
    waits["connect"] = min(bounds.timeout, 10.0)
    for name, most in waits.items():
        known = told.get(name)
        told[name] = most if known is None else min(known, most)
    request.extensions["timeout"] = told


def _after(response: httpx2.Response) -> None:
    bounds = _BOUNDS.get()
    if bounds is None:
        return
    request_id = response.headers.get("x-request-id")
    bounds.seen.update(status=response.status_code, request_id=request_id)
    if response.status_code not in (409, 429):
        return
    error: BackendError | None = None
    known: dict[str, Any] = {"backend": bounds.backend, **bounds.seen}
    if response.status_code == 409:
        response.read()
        if BUSY in response.text:
            error = Conflict(f"the Hub says that {BUSY}. Try again later.", **known)
    else:
        wait = retry_after(response)
        if wait is not None and wait > bounds.longest_wait:
            said = f"the Hub asks to wait {wait:g} s. Try again then."
            error = RateLimited(said, retry_after=wait, **known)
    if error is not None:
        raise error


# --- silence --------------------------------------------------------------------------------------


class _Silence:
    """Several threads may ask for it at once: the first one notes how loud it was, and the last one
    puts that back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0
        self.before: tuple[int, bool, bool] = (logging.WARNING, False, False)

    def begin(self) -> None:
        from huggingface_hub import constants
        from huggingface_hub.utils import logging as hub_logging
        from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars

        with self.lock:
            self.wanted += 1
            if self.wanted == 1:
                self.before = (
                    hub_logging.get_verbosity(),
                    are_progress_bars_disabled(),
                    constants.HF_HUB_DISABLE_EXPERIMENTAL_WARNING,
                )
                # What is experimental there is our own concern, not the caller's.
                constants.HF_HUB_DISABLE_EXPERIMENTAL_WARNING = True
                # Above every line: those of errors repeat addresses.
                hub_logging.set_verbosity(logging.CRITICAL)
                if not self.before[1]:
                    disable_progress_bars()

    def end(self) -> None:
        from huggingface_hub import constants
        from huggingface_hub.utils import logging as hub_logging
        from huggingface_hub.utils.tqdm import enable_progress_bars

        with self.lock:
            self.wanted -= 1
            if self.wanted == 0:
                verbosity, hidden, constants.HF_HUB_DISABLE_EXPERIMENTAL_WARNING = self.before
                hub_logging.set_verbosity(verbosity)
                if not hidden:
                    enable_progress_bars()


_SILENCE = _Silence()


@contextmanager
def silent() -> Iterator[None]:
    """huggingface_hub shows no bar and logs no line; afterwards all is as it was."""
    _SILENCE.begin()
    try:
        yield
    finally:
        _SILENCE.end()
