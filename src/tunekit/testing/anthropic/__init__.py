"""A server that behaves as Anthropic's does, for tests without a key and without cost.

Messages and message batches: over real sockets on this machine. It checks requests as the real one
does, answers from the examples it is shown in them, counts what its prompt cache would have kept,
and fails on command. Needs the extra ``testing``.

    python -m tunekit.testing.anthropic --port 8000

serves until it is interrupted.
"""

from __future__ import annotations

from ..server import Fault, Recorded
from .server import AnthropicServer

__all__ = ["AnthropicServer", "Fault", "Recorded"]
