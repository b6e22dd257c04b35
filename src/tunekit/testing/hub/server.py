"""The server: the Hub's API over real sockets, as :mod:`tunekit.testing.serving` serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from starlette.responses import Response

from ..server import Fault
from ..serving import ServedApp
from . import repos
from .access import User
from .app import make_app
from .jobs import JobRun
from .replies import Refusal, refusal_reply
from .spaces import SpaceRun
from .state import State

__all__ = ["HubServer"]

#: Attributes of the server that say how it behaves.
BEHAVIOUR = frozenset(
    {
        "anybody", "build_seconds", "credit", "job_logs", "job_message", "job_runner", "job_story",
        "job_wait", "job_work", "keep_alive", "large_from", "large_kinds", "local_environment",
        "log_cuts", "pause_seconds", "space_command", "space_logs", "space_message", "space_story",
        "space_work",
    }
)  # fmt: skip


class HubServer(ServedApp):
    """Serves while the ``with`` runs; no thread, socket or process is left afterwards.

    Args:
        folder: where contents are kept and programs run; a temporary folder without it.
        key: a token that stands for ``anybody``.
        tokens: further ones, and whom each stands for. Without a key and without tokens, any
            stands for ``anybody``.
        port: of this machine; a free one without it.

    How it behaves can be changed at any time::

        server.anybody = User("tester", ("team",))
        server.large_from = 10_000_000   # bytes from which a file comes by Git LFS
        server.large_kinds = (".parquet",)  # names of files that always do
        server.credit = False            # jobs and paid machines are refused with 402
        server.keep_alive = 30.0         # seconds of silence in a stream of log lines
        server.log_cuts = [3]            # the next streams break off after so many lines, one each
        server.local_environment = {"PYTHONPATH": "src"}  # for all programs that run here

        server.job_runner = lambda job: [sys.executable, "job.py"]  # runs instead of its command
        server.job_wait = 0.5            # seconds that a job waits for its machine
        server.job_story = ("SCHEDULING", "RUNNING", "COMPLETED")  # no process: a stage each look
        server.job_logs = ("step 1",)    # what a job of a story says once it runs
        server.job_work = lambda job: …  # called as a story gets to COMPLETED
        server.job_message = "…"         # of a story that ends with ERROR

        server.space_command = [sys.executable, "app.py"]  # or a function of the SpaceRun
        server.build_seconds = 0.5       # that a Space is built
        server.pause_seconds = 1.0       # that its program lives on when it is paused
        server.space_story = ("BUILDING", "APP_STARTING", "RUNNING")  # without a command
        server.space_logs = ("hello",)   # what a Space of a story says once it runs
        server.space_work = lambda space: …  # called as a story gets to PAUSED or STOPPED
        server.space_message = "…"       # of a story that ends with an error

    A job runs its own command without a ``job_runner``: ``uv run`` and its options are left out,
    and Python is this interpreter. Programs find the secrets and variables they were given, the
    address of the server, and a path; nothing else of this process' environment. What they print
    is in their log as it is.

    Example:
        >>> with HubServer() as server:
        ...     server.script("POST /api/jobs", Fault("refuse", status=429))
        ...     revision = server.put("tester/notes", {"README.md": "Hello"})
        ...     server.files("tester/notes")["README.md"].read_text()
        'Hello'
    """

    behaviour = BEHAVIOUR
    answer_route = "GET /api"

    anybody: User
    large_from: int
    large_kinds: Sequence[str]
    keep_alive: float
    log_cuts: Sequence[int]
    credit: bool
    local_environment: Mapping[str, str]
    job_runner: Callable[[JobRun], list[str]] | None
    job_wait: float
    job_story: Sequence[str] | None
    job_logs: Sequence[str]
    job_work: Callable[[JobRun], None] | None
    job_message: str | None
    space_command: Callable[[SpaceRun], list[str]] | list[str] | None
    space_story: Sequence[str]
    space_logs: Sequence[str]
    space_message: str | None
    space_work: Callable[[SpaceRun], None] | None
    build_seconds: float
    pause_seconds: float

    def __init__(
        self,
        folder: Path | None = None,
        *,
        key: str | None = None,
        tokens: Mapping[str, User] | None = None,
        port: int = 0,
    ) -> None:
        self._state = State(Path(), key, tokens)
        super().__init__(make_app(self._state), refusal_as_told, folder=folder, port=port)

    def __enter__(self) -> Self:
        entered = super().__enter__()
        self._state.origin = self.origin
        self._state.closing = False
        return entered

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # In this order: streams end, nothing starts any more, then what runs ends.
        self._state.closing = True
        programs = list(self._state.programs)
        for program in programs:
            program.stop()
        for program in programs:
            program.join()
        super().__exit__(kind, error, traceback)

    # --- what is there --------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The address, for ``HF_ENDPOINT`` or ``endpoint``."""
        return self.origin

    def put(
        self,
        id: str,
        files: Mapping[str, bytes | str | Path],
        *,
        kind: str = "model",
        private: bool = False,
    ) -> str:
        """Commit files to a repository, made if it isn't there; gives the new revision.

        Args:
            id: ``"user/name"``.
            files: contents, or files of this machine, by their paths in the repository.
            kind: ``"model"``, ``"dataset"`` or ``"space"``.
            private: a new repository is.
        """
        return repos.put(self._state, kind, id, files, private=private)

    def repos(self) -> list[dict[str, Any]]:
        """All repositories, with their kind, oldest first."""
        return [
            {"kind": repo.kind, **repos.shown(repo, repo.head)}
            for repo in list(self._state.repos.values())
        ]

    def files(self, id: str, *, kind: str = "model", revision: str = "main") -> dict[str, Path]:
        """The files of a repository, each with the place of its content.

        Args:
            id: ``"user/name"``.
            kind: ``"model"``, ``"dataset"`` or ``"space"``.
            revision: a branch or commit.
        """
        commit = self._state.repos[kind, id].at(revision)
        return {path: self._state.blob(kept.sha256) for path, kept in commit.files.items()}

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs as they stand, oldest first, without moving them. No secrets."""
        return [
            {
                **job.shown,
                "log": job.log.text,
                "alive": job.program is not None and job.program.alive,
            }
            for job in list(self._state.jobs.values())
        ]

    def spaces(self) -> list[dict[str, Any]]:
        """All Spaces as they stand, oldest first, without moving them. No secrets."""
        return [
            {
                **repos.shown(repo, repo.head),
                "variables": {name: one["value"] for name, one in repo.space.variables.items()},
                "secrets": sorted(repo.space.secrets),
                "log": repo.space.log.text,
                "alive": repo.space.program is not None and repo.space.program.alive,
                "discussions": list(repo.discussions),
            }
            for repo in list(self._state.repos.values())
            if repo.space is not None
        ]

    def started(self) -> list[str]:
        """The Spaces that were started, in order, each as often as it was; those that are gone
        again are among them."""
        return list(self._state.started)

    def processes(self) -> list[int]:
        """The ids of processes that live now; each leads a group of its own."""
        alive = [program.pid for program in list(self._state.programs) if program.alive]
        return [pid for pid in alive if pid is not None]


def refusal_as_told(fault: Fault) -> Response:
    """A scripted refusal as the Hub words one."""
    return refusal_reply(Refusal(fault.status, fault.message))
