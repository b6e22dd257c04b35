"""The server: OpenAI's API over real sockets, as :mod:`tunekit.testing.serving` serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.responses import Response

from ..server import Fault
from ..serving import ServedApp
from .app import make_app
from .replies import Refusal, refusal_reply
from .state import State

__all__ = ["OpenAIServer"]

#: Attributes of the server that say how it behaves.
BEHAVIOUR = frozenset(
    {
        "story", "batch_story", "least_lines", "answer_delay", "closed", "azure", "deployment",
        "ignores_filter", "keeps_metadata", "base64_results", "base_models", "shutdown_dates",
    }
)  # fmt: skip


class OpenAIServer(ServedApp):
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
        server.deployment = "triage"   # the newest tuned model answers to that name too
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

    behaviour = BEHAVIOUR
    answer_route = "POST /chat/completions"

    story: Sequence[str]
    batch_story: Sequence[str]
    least_lines: int
    answer_delay: float
    closed: bool
    azure: bool
    deployment: str | None
    ignores_filter: bool
    keeps_metadata: bool
    base64_results: bool
    base_models: Sequence[str] | None
    shutdown_dates: Mapping[str, str]

    def __init__(
        self, folder: Path | None = None, *, key: str | None = None, port: int = 0
    ) -> None:
        self._state = State(Path(), key)
        super().__init__(make_app(self._state), refusal_as_told, folder=folder, port=port)

    # --- what is there --------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The address, for ``base_url``."""
        return f"{self.origin}/v1"

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs as they stand, oldest first, without moving them."""
        return [dict(job.shown) for job in self._state.jobs.values()]

    def files(self) -> list[dict[str, Any]]:
        """All files that are there."""
        return list(self._state.files.values())

    def batches(self) -> list[dict[str, Any]]:
        """All batches as they stand, oldest first."""
        return [dict(one) for one in self._state.batches.values()]


def refusal_as_told(fault: Fault) -> Response:
    """A scripted refusal as the API words one."""
    return refusal_reply(Refusal(fault.status, fault.message, code="scripted"))
