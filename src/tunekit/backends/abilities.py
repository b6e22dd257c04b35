"""What some backends can do besides training and answering: each a small protocol of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from ..shapes import Failure, Input
from .base import ModelRef

__all__ = ["Writes"]


@runtime_checkable
class Writes(Protocol):
    """A backend that gives an answer in pieces, while it is written."""

    def write(self, ref: ModelRef, asked: Input, how: Mapping[str, Any]) -> Iterator[str | Failure]:
        """The pieces of one answer; a Failure is the last of them.

        Args:
            ref: the model.
            asked: what it is asked.
            how: ``temperature``, ``top_p``, ``seed`` and ``max_tokens`` where they are to differ
                from the backend's own.
        """
        ...
