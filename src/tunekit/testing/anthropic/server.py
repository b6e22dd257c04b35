"""The server: Anthropic's API over real sockets, as :mod:`tunekit.testing.serving` serves it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.responses import Response

from ..server import Fault
from ..serving import ServedApp
from .app import make_app
from .replies import Refusal, refusal_reply
from .state import State

__all__ = ["AnthropicServer"]

#: Attributes of the server that say how it behaves.
BEHAVIOUR = frozenset(
    {
        "answer_delay", "batch_expires", "batch_story", "context_tokens", "least_cached", "models",
    }
)  # fmt: skip


class AnthropicServer(ServedApp):
    """Serves while the ``with`` runs; no thread and no socket is left afterwards.

    It answers with the answer of the example in the request whose input is the one that is asked,
    else of the most similar one, and tells in ``usage`` what a prompt cache would have read and
    written. Each block counts as a token more than a quarter of its bytes.

    Args:
        folder: unused; servers of other APIs keep files there.
        key: what requests have to bring, as bearer token or as ``x-api-key``; anything is taken
            without it.
        port: of this machine; a free one without it.

    How it behaves can be changed at any time::

        server.batch_story = ("in_progress", "ended")  # states of new batches, a look each
        server.batch_expires = True       # the second half of a batch expires
        server.answer_delay = 0.05        # seconds before an answer
        server.models = ("claude-haiku-4-5",)  # all there are; any is taken without it
        server.context_tokens = 1_000     # longer prompts are refused
        server.least_cached = 1_024       # tokens; a shorter prefix isn't kept, as at the real one

    Example:
        >>> with AnthropicServer() as server:
        ...     server.script("POST /messages", Fault("refuse", status=529))
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    behaviour = BEHAVIOUR
    answer_route = "POST /messages"

    batch_story: Sequence[str]
    batch_expires: bool
    answer_delay: float
    models: Sequence[str] | None
    context_tokens: int
    least_cached: int

    def __init__(
        self, folder: Path | None = None, *, key: str | None = None, port: int = 0
    ) -> None:
        self._state = State(key)
        super().__init__(make_app(self._state), _refused, folder=folder, port=port)

    @property
    def url(self) -> str:
        """The address, for ``base_url``."""
        return self.origin

    @property
    def usages(self) -> list[dict[str, int]]:
        """What each answer told of its tokens, in order."""
        told: list[dict[str, int]] = self._state.usages
        return told

    def batches(self) -> list[dict[str, Any]]:
        """All batches as they stand, oldest first, without moving them."""
        return [dict(one.shown) for one in self._state.batches.values()]


def _refused(fault: Fault) -> Response:
    """A scripted refusal as the API words one."""
    return refusal_reply(Refusal(fault.status, fault.message))
