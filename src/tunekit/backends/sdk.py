"""Calls through a provider's SDK, and what can become of them.

The SDKs of several providers are made by one generator: they name their errors alike and take the
same options. Here is what calls through them have in common, without any SDK: each backend brings
its own as an :class:`Sdk`.

The SDK repeats what only reads, and predictions; what creates something is sent once. Answers are
taken as bytes and read here, so that one that isn't what the API promises is an error and never a
half-filled object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import cached_property
from ssl import SSLContext
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import httpx2
import orjson

from ..errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    ConfigError,
    ConnectionFailed,
    MalformedAnswer,
)
from .http import LOOPBACK
from .http_errors import ADVICE, RAISED_BY_HTTPX, address, failure, refusal, retry_after_of
from .keys import Key

__all__ = ["NO_KEY", "Sdk", "SdkWire", "field"]

#: What stands for a key where a server wants none: the SDKs insist on one.
NO_KEY = "none"

C = TypeVar("C")
#: The SDK's client, and its asynchronous one.
S = TypeVar("S")
A = TypeVar("A")


class Sdk(NamedTuple):
    """What an SDK calls things.

    ``error`` is the root of its errors; of those ``status`` has an answer, ``timeout`` and
    ``connection`` have none. ``key_headers`` may carry the key, ``request_id`` comes with an
    answer, ``cursor`` asks for the next page of a list.
    """

    client: Callable[..., Any]
    async_client: Callable[..., Any]
    error: type[Exception]
    status: type[Exception]
    timeout: type[Exception]
    connection: type[Exception]
    key_headers: tuple[str, ...]
    request_id: str
    cursor: str


class SdkWire(ABC, Generic[S, A]):
    """An address with all that a call to it needs.

    Args:
        backend: the backend's name in config, for messages.
        base_url: of the API.
        key: of the backend.
        timeout: seconds that one call may take.
        retries: how often the SDK repeats a call that may be repeated.
        http_client, async_http_client: used instead of clients of our own, and left open.
    """

    sdk: ClassVar[Sdk]

    def __init__(
        self,
        backend: str,
        base_url: str,
        key: Key,
        *,
        timeout: float,
        retries: int,
        http_client: httpx2.Client | None = None,
        async_http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.backend = backend
        self.base_url = base_url.rstrip("/")
        self.key = key
        self.timeout = timeout
        self.retries = retries
        self._http_client = http_client
        self._async_http_client = async_http_client
        url = address(backend, base_url)
        self._encrypted = url.scheme == "https"
        # A proxy of the environment is for the world outside, never for this machine.
        self._trust_env = url.host not in LOOPBACK

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.backend!r}, {self.base_url!r})"

    @abstractmethod
    def own_options(self) -> Mapping[str, Any]:
        """Options of this SDK's clients; they leave nothing to its variables in the environment."""

    @abstractmethod
    def said(self, raised: Any) -> str:
        """What the provider said went wrong."""

    @abstractmethod
    def code(self, raised: Any) -> str | None:
        """The provider's own word for it."""

    @cached_property
    def _certificates(self) -> SSLContext | bool:
        # Loading the certificates takes longer than a call; False where none is encrypted.
        return httpx2.create_ssl_context() if self._encrypted else False

    def _transport(self) -> dict[str, Any]:
        return {
            "timeout": httpx2.Timeout(self.timeout, connect=min(self.timeout, 10.0)),
            "verify": self._certificates,
            "trust_env": self._trust_env,
            # A redirect would carry the key to another address.
            "follow_redirects": False,
        }

    def _made(self, kind: Callable[..., C], **more: Any) -> C:
        try:
            return kind(**self._transport(), **more)
        except (ImportError, ValueError, OSError) as error:
            raise ConfigError(
                f"{self.backend}: no connection can be made ({error}). Check SSL_CERT_FILE and the "
                "proxies in the environment."
            ) from error

    def _options(self, retries: int) -> dict[str, Any]:
        return {
            "api_key": self.key.value() or NO_KEY,
            "base_url": self.base_url,
            "timeout": self.timeout,
            "max_retries": retries,
            **self.own_options(),
        }

    @contextmanager
    def client(self, *, once: bool = False) -> Iterator[S]:
        """A client for one call or some; with ``once`` it repeats none.

        Raises:
            AuthenticationFailed: there is no key.
        """
        options = self._options(0 if once else self.retries)
        given = self._http_client
        with nullcontext(given) if given else self._made(httpx2.Client) as http:
            yield self.sdk.client(**options, http_client=http)

    @asynccontextmanager
    async def async_client(self, connections: int) -> AsyncIterator[A]:
        """A client for many calls at once, over so many connections."""
        options = self._options(self.retries)
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        given = self._async_http_client
        if given is not None:
            yield self.sdk.async_client(**options, http_client=given)
            return
        async with self._made(httpx2.AsyncClient, limits=limits) as http:
            yield self.sdk.async_client(**options, http_client=http)

    def read(self, answer: Any, what: str) -> dict[str, Any]:
        """The JSON object of an answer.

        Args:
            answer: what ``with_raw_response`` gave, or a response itself.
            what: was asked, for the message.

        Raises:
            MalformedAnswer: it is no JSON object.
        """
        response: httpx2.Response = getattr(answer, "http_response", answer)
        try:
            read = orjson.loads(response.content)
            cause = None
        except orjson.JSONDecodeError as error:
            read, cause = None, error
        if not isinstance(read, dict):
            raise MalformedAnswer(
                f"{what}: the answer is no JSON object. {ADVICE[MalformedAnswer]}",
                backend=self.backend,
                status=response.status_code,
                request_id=response.headers.get(self.sdk.request_id),
            ) from cause
        return read

    def pages(self, what: str, ask: Callable[[S, dict[str, Any]], Any]) -> Iterator[dict[str, Any]]:
        """All things of a list, page by page.

        Args:
            what: is asked for, for messages.
            ask: for one page, with the cursor among its arguments from the second page on.

        Raises:
            BackendError: it couldn't be asked, or isn't a list of things with ids.
        """
        after: dict[str, Any] = {}
        cursor = self.sdk.cursor
        while True:
            with self.errors(what), self.client() as client:
                raw = ask(client, after)
            page = self.read(raw, what)
            things = field(page, "data", list, self)
            for one in things:
                if not isinstance(one, dict):
                    raise MalformedAnswer(
                        f"{what}: the list has {one!r:.40}. {ADVICE[MalformedAnswer]}",
                        backend=self.backend,
                    )
                field(one, "id", str, self)
                yield one
            if not things or not page.get("has_more"):
                return
            if after.get(cursor) == things[-1]["id"]:
                raise MalformedAnswer(
                    f"{what}: the list has no end. {ADVICE[MalformedAnswer]}", backend=self.backend
                )
            after = {cursor: things[-1]["id"]}

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Whatever a call inside raises is a BackendError. ``what`` is asked, for the message."""
        try:
            yield
        except self.sdk.status as raised:
            error = self._refused(what, raised)
        except (self.sdk.error, *RAISED_BY_HTTPX, UnicodeEncodeError) as raised:
            error = self._lost(what, raised)
        else:
            return
        # Never in the context of what the SDK raised: that may repeat the key.
        raise error from error.__cause__

    def _refused(self, what: str, raised: Any) -> BackendError:
        kind = refusal(raised.status_code)
        advice = self.key.advice if kind is AuthenticationFailed else ADVICE.get(kind)
        said, code = self.key.hide(self.said(raised)).rstrip("."), self.code(raised)
        self._forget_key(raised)
        return kind(
            f"{what}: {raised.status_code} {said}. {advice or 'Check what was asked.'}",
            backend=self.backend,
            status=raised.status_code,
            code=self.key.hide(code) if code else None,
            request_id=self.key.hide(raised.request_id) if raised.request_id else None,
            retry_after=retry_after_of(raised.response.headers),
        )

    def _lost(self, what: str, raised: Exception) -> BackendError:
        """The error for a call that got no answer, with its cause."""
        kind: type[BackendError]
        if isinstance(raised, self.sdk.timeout):
            kind = BackendTimeout
        elif isinstance(raised, self.sdk.connection):
            kind = ConnectionFailed
        else:
            found = failure(type(raised))
            kind = found if issubclass(found, BackendError) else ConnectionFailed
        told = raised.__cause__ if raised.__cause__ is not None else raised
        why = self.key.hide(str(told) or type(told).__name__).rstrip(".")
        advice = ADVICE.get(kind, "Check what was asked.")
        error = kind(f"{what}: {why}. {advice}", backend=self.backend)
        self._forget_key(raised)
        if isinstance(raised.__cause__, Exception):
            self._forget_key(raised.__cause__)
        if not self.key.shown_in(f"{raised} {raised.__cause__}"):
            error.__cause__ = raised
        return error

    def _forget_key(self, raised: Exception) -> None:
        """The error keeps the request, and the request the key."""
        for holder in (raised, getattr(raised, "response", None)):
            request = getattr(holder, "_request", None) or getattr(holder, "request", None)
            if isinstance(request, httpx2.Request):
                for header in self.sdk.key_headers:
                    request.headers.pop(header, None)


def field(answer: Mapping[str, Any], name: str, kind: type, wire: SdkWire[Any, Any]) -> Any:
    """A field of an answer.

    Raises:
        MalformedAnswer: it is missing, or of another type.
    """
    value = answer.get(name)
    if not isinstance(value, kind) or value == "":
        raise MalformedAnswer(
            f"the answer has no {name!r} of type {kind.__name__}. {ADVICE[MalformedAnswer]}",
            backend=wire.backend,
        )
    return value
