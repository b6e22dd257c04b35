"""The server: a thread of its own, on a free port of this machine."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn

from ..server import Fault, Recorded
from .app import make_app
from .faults import Faults
from .state import State

__all__ = ["OpenAIServer"]

#: Attributes of the server that say how it behaves.
BEHAVIOUR = frozenset(
    {
        "story", "batch_story", "least_lines", "answer_delay", "closed", "azure", "ignores_filter",
        "keeps_metadata", "base64_results", "base_models", "shutdown_dates",
    }
)  # fmt: skip
LONGEST_START = 10.0


class OpenAIServer:
    """Serves while the ``with`` runs; no thread and no socket is left afterwards.

    Args:
        folder: where files are kept; a temporary folder without it.
        key: what requests have to bring as bearer token; anything is taken without it.
        port: of this machine; a free one without it.

    How it behaves can be changed at any time::

        server.story = ("queued", "running", "succeeded")  # states of new jobs, a look each
        server.batch_story = ("in_progress", "completed")  # likewise of batches
        server.least_lines = 10        # that a training file has to have
        server.answer_delay = 0.05     # seconds before an answer to a prompt
        server.closed = True           # jobs are refused with "training_not_available"
        server.azure = True            # a job may say its "trainingType"
        server.ignores_filter = True   # lists of jobs aren't filtered by metadata
        server.keeps_metadata = False  # metadata of jobs are dropped
        server.base64_results = True   # result files are in base64
        server.base_models = ("gpt-4.1-mini",)  # all there are; any is taken without it
        server.shutdown_dates = {"gpt-4.1-mini": "2027-01-14"}

    Example:
        >>> with OpenAIServer() as server:
        ...     server.script("POST /fine_tuning/jobs", Fault("refuse", status=429))
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    story: Sequence[str]
    batch_story: Sequence[str]
    least_lines: int
    answer_delay: float
    closed: bool
    azure: bool
    ignores_filter: bool
    keeps_metadata: bool
    base64_results: bool
    base_models: Sequence[str] | None
    shutdown_dates: Mapping[str, str]

    def __init__(
        self, folder: Path | None = None, *, key: str | None = None, port: int = 0
    ) -> None:
        self._folder = folder
        self._state = State(Path(), key)
        self._faults = Faults(make_app(self._state))
        self._port = port

    def __setattr__(self, name: str, value: Any) -> None:
        if name in BEHAVIOUR:
            setattr(self._state, name, value)
        elif name.startswith("_"):
            super().__setattr__(name, value)
        else:
            raise AttributeError(f"a server has no {name!r}; it has {', '.join(sorted(BEHAVIOUR))}")

    def __getattr__(self, name: str) -> Any:
        if name in BEHAVIOUR:
            return getattr(self._state, name)
        raise AttributeError(name)

    # --- what came, and what is there -----------------------------------------------------------

    @property
    def url(self) -> str:
        """The address, for ``base_url``."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def requests(self) -> list[Recorded]:
        """All requests that came, in order. The bodies of files aren't kept."""
        return self._faults.requests

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs as they stand, oldest first, without moving them."""
        return [dict(job.shown) for job in self._state.jobs.values()]

    def files(self) -> list[dict[str, Any]]:
        """All files that are there."""
        return list(self._state.files.values())

    def batches(self) -> list[dict[str, Any]]:
        """All batches as they stand, oldest first."""
        return [dict(one) for one in self._state.batches.values()]

    # --- faults ---------------------------------------------------------------------------------

    def script(self, route: str, *faults: Fault, always: bool = False) -> None:
        """The next requests to ``route`` (``"POST /files"``) meet these faults, in order, one each;
        with ``always`` every one meets the last of them from then on."""
        self._faults.script(route, *faults, always=always)

    def random_faults(
        self,
        chance: float,
        *,
        seed: int = 0,
        kinds: Sequence[str] = ("refuse", "cut", "hang", "garble"),
        route: str = "POST /chat/completions",
    ) -> None:
        """Each request to ``route`` meets a fault with that chance: a refusal (429 or 500), a cut
        connection, no answer, or garbage."""
        self._faults.by_chance(route, chance, seed, kinds)

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
                timeout_graceful_shutdown=2,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="openai-server", daemon=True)
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
