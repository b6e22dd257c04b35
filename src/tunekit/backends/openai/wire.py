"""Calls through OpenAI's SDK, and what can become of them.

The SDK repeats what only reads, and predictions; what creates something is sent once. Answers are
taken as bytes and read here, so that one that isn't what the API promises is an error and never a
half-filled object.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import cached_property
from ssl import SSLContext
from typing import Any, TypeVar

import httpx2
import openai
import orjson

from ...errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    ConfigError,
    ConnectionFailed,
    MalformedAnswer,
)
from ..http import LOOPBACK
from ..http_errors import ADVICE, RAISED_BY_HTTPX, address, failure, refusal, retry_after_of
from ..keys import Key

__all__ = ["Wire", "field"]

#: What stands for a key where a server wants none: the SDK insists on one.
NO_KEY = "none"
#: Headers that say for whom calls are made.
WHOSE = {"OpenAI-Organization": "organization", "OpenAI-Project": "project"}

C = TypeVar("C")


class Wire:
    """An address with all that a call to it needs.

    Args:
        backend: the backend's name in config, for messages.
        base_url: of the API, up to its version.
        key: of the backend.
        timeout: seconds that one call may take.
        retries: how often the SDK repeats a call that may be repeated.
        organization, project: for whom calls are made.
        http_client, async_http_client: used instead of clients of our own, and left open.
    """

    def __init__(
        self,
        backend: str,
        base_url: str,
        key: Key,
        *,
        timeout: float,
        retries: int,
        organization: str | None = None,
        project: str | None = None,
        http_client: httpx2.Client | None = None,
        async_http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self.backend = backend
        self.base_url = base_url.rstrip("/")
        self.key = key
        self.timeout = timeout
        self.retries = retries
        self._whose = {"organization": organization, "project": project}
        self._http_client = http_client
        self._async_http_client = async_http_client
        url = address(backend, base_url)
        self._encrypted = url.scheme == "https"
        # A proxy of the environment is for the world outside, never for this machine.
        self._trust_env = url.host not in LOOPBACK

    def __repr__(self) -> str:
        return f"Wire({self.backend!r}, {self.base_url!r})"

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
            **self._whose,
            # The SDK reads these from the environment for any host; here options alone say them.
            "default_headers": {
                header: openai.Omit() for header, name in WHOSE.items() if self._whose[name] is None
            },
        }

    @contextmanager
    def client(self, *, once: bool = False) -> Iterator[openai.OpenAI]:
        """A client for one call or some; with ``once`` it repeats none.

        Raises:
            AuthenticationFailed: there is no key.
        """
        options = self._options(0 if once else self.retries)
        given = self._http_client
        with nullcontext(given) if given else self._made(httpx2.Client) as http:
            yield openai.OpenAI(**options, http_client=http)

    @asynccontextmanager
    async def async_client(self, connections: int) -> AsyncIterator[openai.AsyncOpenAI]:
        """A client for many calls at once, over so many connections."""
        options = self._options(self.retries)
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        given = self._async_http_client
        if given is not None:
            yield openai.AsyncOpenAI(**options, http_client=given)
            return
        async with self._made(httpx2.AsyncClient, limits=limits) as http:
            yield openai.AsyncOpenAI(**options, http_client=http)

    def read(self, answer: Any, what: str) -> dict[str, Any]:
        """The JSON object of an answer.

        Args:
            answer: what ``with_raw_response`` gave.
            what: was asked, for the message.

        Raises:
            MalformedAnswer: it is no JSON object.
        """
        response: httpx2.Response = answer.http_response
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
                request_id=response.headers.get("x-request-id"),
            ) from cause
        return read

    def pages(
        self, what: str, ask: Callable[[openai.OpenAI, dict[str, Any]], Any]
    ) -> Iterator[dict[str, Any]]:
        """All things of a list, page by page.

        Args:
            what: is asked for, for messages.
            ask: for one page, with ``after`` among its arguments from the second page on.

        Raises:
            BackendError: it couldn't be asked, or isn't a list of things with ids.
        """
        after: dict[str, Any] = {}
        while True:
            with self.errors(what), self.client() as client:
                raw = ask(client, after)
            page = self.read(raw, what)
            things = field(page, "data", list, self)
            for one in things:
                if not isinstance(one, dict):
                    raise MalformedAnswer(f"{what}: the list has {one!r:.40}", backend=self.backend)
                field(one, "id", str, self)
                yield one
            if not things or not page.get("has_more"):
                return
            if after.get("after") == things[-1]["id"]:
                raise MalformedAnswer(f"{what}: the list has no end.", backend=self.backend)
            after = {"after": things[-1]["id"]}

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Whatever a call inside raises is a BackendError. ``what`` is asked, for the message."""
        try:
            yield
        except openai.APIStatusError as raised:
            error = self._refused(what, raised)
        except (openai.OpenAIError, *RAISED_BY_HTTPX, UnicodeEncodeError) as raised:
            error = self._lost(what, raised)
        else:
            return
        # Never in the context of what the SDK raised: that may repeat the key.
        raise error from error.__cause__

    def _refused(self, what: str, raised: openai.APIStatusError) -> BackendError:
        kind = refusal(raised.status_code)
        advice = self.key.advice if kind is AuthenticationFailed else ADVICE.get(kind)
        said = self.key.hide(_said(raised)).rstrip(".")
        _forget_key(raised)
        return kind(
            f"{what}: {raised.status_code} {said}. {advice or 'Check what was asked.'}",
            backend=self.backend,
            status=raised.status_code,
            code=self.key.hide(raised.code) if raised.code else None,
            request_id=self.key.hide(raised.request_id) if raised.request_id else None,
            retry_after=retry_after_of(raised.response.headers),
        )

    def _lost(self, what: str, raised: Exception) -> BackendError:
        """The error for a call that got no answer, with its cause."""
        kind: type[BackendError]
        if isinstance(raised, openai.APITimeoutError):
            kind = BackendTimeout
        elif isinstance(raised, openai.APIConnectionError):
            kind = ConnectionFailed
        else:
            found = failure(type(raised))
            kind = found if issubclass(found, BackendError) else ConnectionFailed
        told = raised.__cause__ if raised.__cause__ is not None else raised
        why = self.key.hide(str(told) or type(told).__name__).rstrip(".")
        error = kind(f"{what}: {why}. {ADVICE.get(kind, '')}".rstrip(), backend=self.backend)
        _forget_key(raised)
        if isinstance(raised.__cause__, Exception):
            _forget_key(raised.__cause__)
        if not self.key.shown_in(f"{raised} {raised.__cause__}"):
            error.__cause__ = raised
        return error


def field(answer: Mapping[str, Any], name: str, kind: type, wire: Wire) -> Any:
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


def _said(raised: openai.APIStatusError) -> str:
    """What the provider said went wrong."""
    body = raised.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return raised.message


def _forget_key(raised: Exception) -> None:
    """The error keeps the request, and the request the key."""
    for holder in (raised, getattr(raised, "response", None)):
        request = getattr(holder, "_request", None) or getattr(holder, "request", None)
        if isinstance(request, httpx2.Request):
            request.headers.pop("authorization", None)
