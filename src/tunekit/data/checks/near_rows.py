"""Pairs of rows that are nearly the same, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ...findings import Finding
from ..near import near_across, near_duplicates
from .base import Check
from .repeats import Repeats

if TYPE_CHECKING:
    from ..dataset import Dataset

__all__ = ["NearRows"]


class NearRows(Check):
    """Rows that ask nearly what an earlier row asks, or a row of the other part.

    Rows that ask the very same are left to :class:`Repeats`, which knows whether their answers
    are equal too.
    """

    def __init__(self, data: Dataset, repeats: Repeats) -> None:
        self._data = data
        self._repeats = repeats
        self._figures: dict[str, int] = {}

    def findings(self) -> Iterator[Finding]:
        asks, other = self._repeats.asks, self._repeats.other
        count = 0
        for row, earlier, similarity in near_duplicates(self._data):
            if asks[row] != asks[earlier]:
                count += 1
                yield self._near(row, earlier, similarity)
        self._figures["near_duplicates"] = count
        if other is None:
            return
        count = 0
        for row, theirs, similarity in near_across(other.data, self._data):
            if asks[row] != other.asks[theirs]:
                count += 1
                yield _leak(row, f"{other.place(theirs)} (row {theirs})", similarity)
        self._figures["rows_nearly_in_other_part"] = count

    def _near(self, row: int, earlier: int, similarity: float) -> Finding:
        return Finding(
            "near-duplicate",
            "warning",
            f"asks nearly what {self._repeats.place(earlier)} (row {earlier}) asks: "
            f"{_shared(similarity)}.",
            row=row,
            suggestion="Keep one of them, unless the difference is what is to be learnt.",
        )

    def figures(self) -> Mapping[str, int]:
        return self._figures


def _leak(row: int, place: str, similarity: float) -> Finding:
    return Finding(
        "nearly-in-other-part",
        "warning",
        f"asks nearly what {place} of the other part asks: {_shared(similarity)}.",
        row=row,
        suggestion="Leave it out of one part; data.split(…) keeps such rows together.",
    )


def _shared(similarity: float) -> str:
    if similarity == 1:
        return "in the same words"
    return f"{min(similarity, 0.99):.0%} of their words are shared"
