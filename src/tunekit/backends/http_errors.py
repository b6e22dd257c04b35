"""What HTTP answers, and the lack of them, mean: one table each, most specific first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2
import orjson

from ..errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    ConfigError,
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    MalformedAnswer,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerFailed,
)

__all__ = [
    "ADVICE",
    "EXCEPTION_ERRORS",
    "RAISED_BY_HTTPX",
    "STATUS_ERRORS",
    "address",
    "expect",
    "failure",
    "message_of",
    "refusal",
    "retry_after_of",
]

#: What an HTTP status means. Statuses that aren't listed: 4xx as 400, 5xx as 500.
STATUS_ERRORS: Mapping[int, type[BackendError]] = {
    400: InvalidRequest,
    401: AuthenticationFailed,
    403: PermissionDenied,
    404: NotFound,
    408: BackendTimeout,
    409: Conflict,
    410: NotFound,
    422: InvalidRequest,
    429: RateLimited,
    500: ServerFailed,
}

#: What the lack of an answer means. The most specific class wins; ConfigError stands for an
#: address that can't be one.
EXCEPTION_ERRORS: Mapping[type[Exception], type[BackendError | ConfigError]] = {
    httpx2.TimeoutException: BackendTimeout,
    httpx2.NetworkError: ConnectionFailed,
    httpx2.ProxyError: ConnectionFailed,
    httpx2.RemoteProtocolError: ConnectionFailed,
    httpx2.LocalProtocolError: InvalidRequest,
    httpx2.UnsupportedProtocol: ConfigError,
    httpx2.InvalidURL: ConfigError,
    httpx2.DecodingError: MalformedAnswer,
    httpx2.TooManyRedirects: MalformedAnswer,
    httpx2.HTTPStatusError: MalformedAnswer,
    httpx2.CookieConflict: MalformedAnswer,
    httpx2.SSEError: MalformedAnswer,
    httpx2.StreamError: MalformedAnswer,
}
RAISED_BY_HTTPX = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.CookieConflict,
    httpx2.StreamError,
)

ADVICE: Mapping[type[Exception], str] = {
    BackendTimeout: "What was asked may have been done all the same; look before asking again.",
    ConnectionFailed: "Check the network and the address, then try again.",
    ConfigError: "Write the address as https://host/path.",
    MalformedAnswer: "Check that the address is the one of the API.",
    NotFound: "Check the id and the address.",
    PermissionDenied: "Check what this key may do.",
    RateLimited: "Try again later.",
    ServerFailed: "Try again later.",
}

T = TypeVar("T")


def address(backend: str, base_url: str) -> httpx2.URL:
    """An address that a backend can call.

    Raises:
        ConfigError: it is none, or holds a secret.
    """
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, TypeError):
        # Without the cause, which repeats parts of what may hold a password.
        raise ConfigError(f"{backend}: no usable address. {ADVICE[ConfigError]}") from None
    if url.userinfo:
        # The address is stored with every job; a secret has no place in it.
        raise ConfigError(
            f"{backend}: the address holds a user name or password. Leave it out, put the key "
            "into an environment variable and name that variable in the config."
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"{backend}: {base_url!r} is no address. {ADVICE[ConfigError]}")
    return url


def expect(answer: object, name: str, kind: type[T], *, backend: str) -> T:
    """A field of an answer, or MalformedAnswer where it is missing or of another type.

    >>> expect({"id": "job-1"}, "id", str, backend="fake")
    'job-1'
    """
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise MalformedAnswer(
            f"the answer has no {name!r} of type {kind.__name__}. {ADVICE[MalformedAnswer]}",
            backend=backend,
        )
    return value


def failure(raised: type[Exception]) -> type[BackendError | ConfigError]:
    """The error that stands for an exception of httpx2: its nearest ancestor in the table."""
    for ancestor in raised.__mro__:
        if ancestor in EXCEPTION_ERRORS:
            return EXCEPTION_ERRORS[ancestor]
    return ConnectionFailed


def refusal(status: int) -> type[BackendError]:
    """The error that stands for a status that is no success."""
    others = ServerFailed if status >= 500 else InvalidRequest if status >= 400 else MalformedAnswer
    return STATUS_ERRORS.get(status, others)


def message_of(response: httpx2.Response) -> str:
    """What the other side said went wrong, wherever it put it."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return response.text or response.reason_phrase
    said = body
    if isinstance(body, dict):
        said = body.get("error", body.get("message", body.get("detail", body)))
    if isinstance(said, dict):
        said = said.get("message", said)
    return said if isinstance(said, str) else orjson.dumps(said).decode()


def retry_after_of(headers: httpx2.Headers) -> float | None:
    """Seconds to wait, from a number or a date; None where nothing usable was said."""
    told = headers.get("retry-after")
    if told is None:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
