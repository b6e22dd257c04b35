"""The fake provider behind a real socket, failing on command."""

from __future__ import annotations

import tempfile
import threading
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from .service import Call, FakeService, Reply

__all__ = ["Fault", "Recorded", "ScriptedServer"]


class Fault(NamedTuple):
    """What happens to one request instead of a good answer.

    ``kind``: ``refuse`` answers with ``status``, ``hang`` takes the request and never answers,
    ``cut`` closes the connection, ``garble`` answers with what is no JSON, ``reshape`` with JSON
    that is no answer of this API, ``slow`` answers well after ``seconds``, ``none`` at once.
    ``worked``: whether the service did what was asked all the same. ``retry_after`` and ``seconds``
    are in seconds; ``message`` is what a refusal says.

    Example:
        >>> Fault("refuse", status=429, retry_after=0.5).kind
        'refuse'
    """

    kind: Literal["refuse", "hang", "cut", "garble", "reshape", "slow", "none"] = "none"
    status: int = 500
    retry_after: float | None = None
    seconds: float = 0.0
    worked: bool = False
    message: str = "scripted"


class Recorded(NamedTuple):
    """A request as it came: ``method``, ``path``, ``headers`` by their lower-case names, ``body``.

    Example:
        >>> Recorded("POST", "/jobs", {"accept": "*/*"}, b"{}").path
        '/jobs'
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """Serves a :class:`FakeService` on this machine, on a free port, while the ``with`` runs.

    ``script`` puts faults before the next requests whose method and path begin as given;
    ``requests`` has all that came. ``folder`` keeps the state (a temporary one by default);
    requests have to bring ``key`` as bearer token, where one is given.

    Example:
        >>> from tunekit.testing.fake import FakeBackend
        >>> with ScriptedServer() as server:
        ...     server.script("GET /jobs", Fault("refuse", status=429, retry_after=0.01))
        ...     backend = FakeBackend(home=Path("home"), endpoint=server.url)
        ...     backend.find("no-such-run")
        ...     [request.path for request in server.requests]
        ['/jobs', '/jobs']
    """

    def __init__(self, folder: Path | None = None, *, key: str | None = None) -> None:
        self._folder = folder
        self._key = key
        self.requests: list[Recorded] = []
        self._scripts: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def script(self, route: str, *faults: Fault, always: bool = False) -> None:
        """The next requests to ``route`` (``"POST /jobs"``) meet these ``faults``, in order, one
        each; with ``always`` every one meets the last of them from then on."""
        self._scripts[route].extend(faults)
        if always:
            self._always[route] = self._scripts[route].pop()

    def clear(self) -> None:
        """No faults any more, and no requests recorded."""
        self._scripts.clear()
        self._always.clear()
        self.requests.clear()

    @property
    def url(self) -> str:
        """The address, for ``FakeBackend(endpoint=…)``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory()
        self.service = FakeService(self._folder or Path(self._temporary.name), key=self._key)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = False  # joined at the end: nothing outlives the `with`
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._temporary.cleanup()

    def _fault(self, method: str, path: str) -> Fault:
        with self._lock:
            for route, faults in self._scripts.items():
                if faults and f"{method} {path}".startswith(route):
                    return faults.popleft()
            for route, fault in self._always.items():
                if f"{method} {path}".startswith(route):
                    return fault
        return Fault()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        """One request: record it, and let the script say what becomes of it."""
        target = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        self.requests.append(Recorded(handler.command, target.path, headers, body))
        call = Call(handler.command, target.path, dict(parse_qsl(target.query)), headers, body)
        fault = self._fault(handler.command, target.path)
        done = fault.worked or fault.kind in ("slow", "none")
        reply = self.service.answer(call) if done else Reply(200, b"{}", {})
        match fault.kind:
            case "hang":
                self._stopped.wait()
                return
            case "cut":
                return
            case "slow":
                self._stopped.wait(fault.seconds)
            case "garble":
                reply = Reply(200, b'{"id": "job-', reply.headers)
            case "reshape":
                reply = Reply(200, b'["unexpected"]', reply.headers)
            case "refuse":
                said = {"retry-after": str(fault.retry_after)} if fault.retry_after else {}
                text = f'{{"error": {{"code": "scripted", "message": "{fault.message}"}}}}'
                told = {"x-request-id": f"req-scripted-{len(self.requests)}", **said}
                reply = Reply(fault.status, text.encode(), told)
        _send(handler, reply)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        serve = self._serve

        class Handler(BaseHTTPRequestHandler):
            def do_any(self) -> None:
                serve(self)

            do_GET = do_any  # noqa: N815  # the names that http.server looks for
            do_POST = do_any  # noqa: N815
            do_DELETE = do_any  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Tests read ``requests``; nobody reads a log."""

        return Handler


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    try:
        handler.send_response(reply.status)
        for name, value in {**reply.headers, "content-type": "application/json"}.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)
    except ConnectionError:
        return  # who asked gave up waiting
