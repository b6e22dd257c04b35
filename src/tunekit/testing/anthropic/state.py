"""All that the server knows, and how it is told to behave."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Batch", "State", "now"]


@dataclass
class Batch:
    """A batch: what is shown of it, its requests and the version of the API they are of, the states
    to come, and its results."""

    shown: dict[str, Any]
    requests: list[dict[str, Any]]
    version: str
    story: list[str]
    results: list[bytes] = field(default_factory=list)


@dataclass
class State:
    """What the server holds. Tests set what stands under "behaviour"; see ``AnthropicServer``."""

    key: str | None = None
    folder: Path = field(default_factory=Path)
    # --- behaviour ---
    batch_story: Sequence[str] = ("in_progress", "ended")
    batch_expires: bool = False
    answer_delay: float = 0.0
    models: Sequence[str] | None = None
    context_tokens: int = 200_000
    least_cached: int = 0
    # --- what there is ---
    batches: dict[str, Batch] = field(default_factory=dict)
    #: What the prompt cache keeps: the moment each prefix is forgotten.
    kept: dict[bytes, float] = field(default_factory=dict)
    #: What was told of each answer's tokens, in order.
    usages: list[dict[str, int]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self, kind: str) -> str:
        """An id that nothing else has: ``msgbatch_3``."""
        return f"{kind}_{next(self.numbers)}"


def now() -> str:
    """The time, as the API tells it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
