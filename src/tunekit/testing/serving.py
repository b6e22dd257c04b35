"""A scripted API on this machine: a thread of its own, a free port, faults on command.

What the servers of all providers have in common; each brings its routes and its state.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp

from .faults import Faults
from .server import Fault, Recorded

__all__ = ["ServedApp"]

LONGEST_START = 10.0


class ServedApp:
    """Serves an application while the ``with`` runs; no thread and no socket is left afterwards.

    A subclass has a ``_state`` before it calls this constructor: what is named in ``behaviour`` is
    an attribute of that, to be read and set on the server at any time.

    Args:
        app: the API.
        refusal: words a scripted refusal as the API does.
        folder: where files are kept; a temporary folder without it.
        port: of this machine; a free one without it.
    """

    #: Attributes of the server that say how it behaves.
    behaviour: ClassVar[frozenset[str]] = frozenset()
    #: The request that asks for an answer.
    answer_route: ClassVar[str]
    _state: Any

    def __init__(
        self,
        app: ASGIApp,
        refusal: Callable[[Fault], Response],
        *,
        folder: Path | None = None,
        port: int = 0,
    ) -> None:
        self._folder = folder
        self._faults = Faults(app, refusal)
        self._port = port

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.behaviour:
            setattr(self._state, name, value)
        elif name.startswith("_"):
            super().__setattr__(name, value)
        else:
            known = ", ".join(sorted(self.behaviour))
            raise AttributeError(f"a server has no {name!r}; it has {known}")

    def __getattr__(self, name: str) -> Any:
        if name in type(self).behaviour:
            return getattr(self._state, name)
        raise AttributeError(name)

    @property
    def origin(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[Recorded]:
        """All requests that came, in order. The bodies of files aren't kept."""
        return self._faults.requests

    # --- faults ---------------------------------------------------------------------------------

    def script(self, route: str, *faults: Fault, always: bool = False) -> None:
        """The next requests to ``route`` (``"POST /files"``) meet these ``faults``, in order, one
        each; with ``always`` every one meets the last of them from then on."""
        self._faults.script(route, *faults, always=always)

    def random_faults(
        self,
        chance: float,
        *,
        seed: int = 0,
        kinds: Sequence[str] = ("refuse", "cut", "hang", "garble"),
        route: str | None = None,
    ) -> None:
        """Each request to ``route`` (for an answer, without it) meets a fault with that ``chance``,
        from 0 to 1: one of ``kinds``, which are a refusal (429 or 500), a cut connection, no
        answer, or garbage. The same ``seed`` draws the same.

        Example:
            >>> from tunekit.testing.openai import OpenAIServer
            >>> with OpenAIServer() as server:
            ...     server.random_faults(0.3, seed=7, kinds=["refuse"])
        """
        self._faults.by_chance(route or self.answer_route, chance, seed, kinds)

    def clear(self) -> None:
        """No faults any more, and no requests recorded."""
        self._faults.clear()

    # --- life -----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory()
        self._state.folder = self._folder or Path(self._temporary.name)
        self._state.folder.mkdir(parents=True, exist_ok=True)
        # By the protocol's name, small answers aren't held back.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self._port))
        self._port = int(self._socket.getsockname()[1])
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._faults,
                lifespan="off",
                http="h11",
                loop="asyncio",
                log_config=None,
                log_level="critical",
                access_log=False,
                date_header=False,  # uvicorn's may be a second old; who needs one sends it
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="scripted-server", daemon=True)
        self._thread.start()
        begun = time.monotonic()
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > begun + LONGEST_START:
                raise RuntimeError("the server didn't start")
            time.sleep(0.002)
        return self

    def _serve(self) -> None:
        asyncio.run(self._until_told())

    async def _until_told(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve([self._socket])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._faults.stopped.set)
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._temporary.cleanup()
