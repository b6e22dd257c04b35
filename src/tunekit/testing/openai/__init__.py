"""A server that behaves as OpenAI's does, for tests without a key and without cost.

Files, uploads, fine-tuning jobs, chat and text completions, batches: over real sockets on this
machine. It checks requests and training files as the real one does, takes its time over jobs,
answers from what it was trained on, and fails on command. Needs the extra ``testing``.

    python -m tunekit.testing.openai --port 8000

serves until it is interrupted.
"""

from __future__ import annotations

from ..server import Fault, Recorded
from .server import OpenAIServer

__all__ = ["Fault", "OpenAIServer", "Recorded"]
