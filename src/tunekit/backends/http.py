"""Our own HTTP, for backends that have no SDK.

Every way a call can fail becomes one class of ``tunekit.errors``, see
:mod:`tunekit.backends.http_errors`. Who may repeat a call is decided by the method that makes it:
:meth:`HttpClient.get` and :meth:`HttpClient.repeat` try again where the error says so,
:meth:`HttpClient.create` never does, since a create whose answer was lost may have been done all
the same.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, NoReturn

import httpx2
import orjson
from tenacity import AsyncRetrying, Retrying

from ..errors import (
    AuthenticationFailed,
    BackendError,
    ConfigError,
    InvalidRequest,
    MalformedAnswer,
)
from .http_errors import (
    ADVICE,
    RAISED_BY_HTTPX,
    address,
    expect,
    failure,
    message_of,
    refusal,
    retry_after_of,
)
from .keys import Key
from .retrying import patiently

__all__ = ["AsyncSession", "HttpClient", "expect"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Wire:
    """All that a call needs besides being sent: address, key, time-outs, retries, errors."""

    def __init__(
        self,
        backend: str,
        base_url: str,
        *,
        key_env: str | None = None,
        transport: httpx2.MockTransport | None = None,
        timeout: float = 60.0,
        attempts: int = 4,
        first_wait: float = 0.5,
        longest_wait: float = 30.0,
    ) -> None:
        self.backend = backend
        self.base_url = base_url.rstrip("/")
        self.key = Key(backend, key_env)
        self.transport = transport
        self.timeout = timeout
        self.attempts = attempts
        self.first_wait = first_wait
        self.longest_wait = longest_wait
        url = address(backend, base_url)
        # A proxy of the environment is for the world outside, never for this machine.
        self.trust_env = url.host not in LOOPBACK
        self.encrypted = url.scheme == "https" and transport is None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.backend!r}, {self.base_url!r})"

    @cached_property
    def _certificates(self) -> ssl.SSLContext | bool:
        # Loading the certificates takes longer than a call; False where none is encrypted.
        return httpx2.create_ssl_context() if self.encrypted else False

    def _client_options(self) -> dict[str, Any]:
        return {
            "headers": self._headers(),
            "timeout": httpx2.Timeout(self.timeout, connect=min(self.timeout, 10.0)),
            "transport": self.transport,
            "trust_env": self.trust_env,
            "verify": self._certificates,
            # A redirect would carry the key to another address.
            "follow_redirects": False,
        }

    def _headers(self) -> dict[str, str]:
        headers = {"accept": "application/json"}
        key = self.key.value()
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        return headers

    def _body(
        self, json: object, content: bytes | Iterable[bytes] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        if content is not None:
            return {"content": content, "headers": dict(headers)}
        if json is None:
            return {"headers": dict(headers)}
        try:
            encoded = orjson.dumps(json)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(
                f"what was to be sent is no JSON ({error}). Look for broken characters in the "
                "data.",
                backend=self.backend,
            ) from error
        return {"content": encoded, "headers": {"content-type": "application/json", **headers}}

    def _lost(self, method: str, path: str, raised: Exception) -> BackendError | ConfigError:
        """The error for a call that got no answer, with its cause."""
        error_type = failure(type(raised))
        what = self.key.hide(f"{method} {path}: {str(raised) or type(raised).__name__}").rstrip(".")
        advice = ADVICE.get(error_type, "Check what was asked.")
        error: BackendError | ConfigError
        if issubclass(error_type, BackendError):
            error = error_type(f"{what}. {advice}", backend=self.backend)
        else:
            error = error_type(f"{self.backend}: {what}. {advice}")
        # The cause keeps the request, and the request the key.
        request = getattr(raised, "_request", None)
        if request is not None:
            request.headers.pop("authorization", None)
        if not self.key.shown_in(str(raised)):
            error.__cause__ = raised
        return error

    def _read(self, method: str, path: str, response: httpx2.Response) -> Any:
        """The JSON of a good answer (None where it is empty), else the error it stands for."""
        request_id = response.headers.get("x-request-id")
        if request_id is not None:
            request_id = self.key.hide(request_id)
        if not response.is_success:
            self._refuse(method, path, response, request_id)
        if not response.content:
            return None
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise MalformedAnswer(
                f"{method} {path}: the answer is no JSON ({error}). {ADVICE[MalformedAnswer]}",
                backend=self.backend,
                status=response.status_code,
                request_id=request_id,
            ) from error

    def _refuse(
        self, method: str, path: str, response: httpx2.Response, request_id: str | None
    ) -> NoReturn:
        status = response.status_code
        error_type = refusal(status)
        advice = ADVICE.get(error_type, "Check what was asked.")
        if error_type is AuthenticationFailed:
            advice = self.key.advice
        said = self.key.hide(message_of(response)).rstrip(".")
        raise error_type(
            f"{method} {path}: {status} {said}. {advice}",
            backend=self.backend,
            status=status,
            request_id=request_id,
            retry_after=retry_after_of(response.headers),
        )

    def _retries(self) -> dict[str, Any]:
        return patiently(self.attempts, self.first_wait, self.longest_wait)


class HttpClient(_Wire):
    """A JSON API at ``base_url``, called on behalf of the backend of that name.

    ``key_env`` names the environment variable that holds the key; it is read at every call and
    never kept. ``timeout`` (seconds) bounds every wait for the other side, ``attempts`` the number
    of times a repeatable call is sent, with waits that grow from ``first_wait`` to at most
    ``longest_wait`` seconds and follow ``Retry-After``. Safe to use from several threads.

    >>> client = HttpClient("mine", "http://127.0.0.1:8000/v1", key_env="MY_KEY")
    >>> client
    HttpClient('mine', 'http://127.0.0.1:8000/v1')
    """

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        """Read something; sent again where the error may pass. Raises BackendError."""
        return self.repeat("GET", path, params=params)

    def repeat(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Any:
        """A call that does no harm when it is done twice (read, cancel, delete)."""
        return Retrying(**self._retries())(self._send, method, path, params=params, json=json)

    def create(
        self,
        path: str,
        *,
        json: object = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A POST that creates something. Sent once, whatever comes back."""
        return self._send("POST", path, json=json, content=content, headers=headers)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        body = self._body(json, content, headers or {})
        try:
            # One client a call: job calls are seconds apart, and no socket is left open.
            with httpx2.Client(**self._client_options()) as client:
                response = client.request(method, self.base_url + path, params=params, **body)
        except RAISED_BY_HTTPX as raised:
            lost = self._lost(method, path, raised)
        else:
            return self._read(method, path, response)
        # Outside the except block, so that no second reference to the cause hangs on the error.
        raise lost

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """The asynchronous side, for predictions: one connection pool, on the running loop."""
        async with httpx2.AsyncClient(**self._client_options()) as client:
            yield AsyncSession(self, client)


class AsyncSession:
    """Repeatable calls over one pool of connections. See :meth:`HttpClient.session`."""

    def __init__(self, wire: _Wire, client: httpx2.AsyncClient) -> None:
        self._wire = wire
        self._client = client

    async def repeat(self, method: str, path: str, *, json: object = None) -> Any:
        """As :meth:`HttpClient.repeat`."""
        return await AsyncRetrying(**self._wire._retries())(self._send, method, path, json)

    async def _send(self, method: str, path: str, json: object) -> Any:
        body = self._wire._body(json, None, {})
        try:
            response = await self._client.request(method, self._wire.base_url + path, **body)
        except RAISED_BY_HTTPX as raised:
            lost = self._wire._lost(method, path, raised)
        else:
            return self._wire._read(method, path, response)
        raise lost
