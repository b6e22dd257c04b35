"""What a check is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...findings import Finding

__all__ = ["LISTED", "Check", "shortened"]

#: Findings of one code that are kept. What is beyond them is counted, so that two million bad rows
#: don't fill memory.
LISTED = 10_000


class Check:
    """Sees all rows of a set once, some at a time, and says what it found.

    A finding about a row carries its position as ``row``; where that stands in the source is
    filled in for it. What a check keeps between portions must be small: a few bytes a row.
    """

    def see(self, first: int, rows: Sequence[Any]) -> Iterable[Finding]:
        """The next rows, and the position of the first: what can be said of them at once."""
        return ()

    def findings(self) -> Iterable[Finding]:
        """What can be said once all rows were seen, of single rows or of the set."""
        return ()

    def figures(self) -> Mapping[str, int | float]:
        """Facts about the set by name."""
        return {}


def shortened(text: str, width: int = 60) -> str:
    """A text in quotes for a message, cut where it is long; what can't be printed is escaped."""
    return repr(text) if len(text) <= width else f"{text[: width - 1]!r}…"
