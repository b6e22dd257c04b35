"""What a set of spans shows as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..findings import Finding
from ..shapes import Span
from .base import Survey
from .luck import luck
from .spans import (
    BEYOND_BMP,
    as_utf16,
    broken,
    cuts,
    ends_between_kinds,
    inside,
    outer_space,
    overlapping_pairs,
    with_last,
)

__all__ = ["SpanSurvey"]

#: The chance that another way of counting makes a broken span whole by luck. Moving spans of five
#: English and German corpora by one to three characters and back by others did in 0 to 0.07.
LUCKY = 0.1
#: From here on it is evidence: three rows of three.
RARE = 0.005
#: Rows after which it is clear that a set doesn't count so, and rows that are known apart: copies
#: of one row are no more evidence than that row.
CLEAR, APART = 1_000, 10_000


class SpanSurvey(Survey):
    """Counts spans and their faults, and finds offsets that are counted in another way."""

    def __init__(self) -> None:
        self._spans = self._without = self._outside = 0
        self._pairs = self._cut = self._spaced = 0
        self._units = _Evidence()
        self._ends = _Evidence()

    def see(self, rows: Sequence[Any]) -> None:
        for row in rows:
            spans, text = row.spans, row.text
            if not spans:
                self._without += 1
                continue
            self._spans += len(spans)
            if not text.isascii() and BEYOND_BMP.search(text):
                self._units.weigh(text, spans, as_utf16(text, spans))
            if not self._ends.refuted:
                telling = [span for span in spans if not ends_between_kinds(text, span)]
                self._ends.weigh(text, telling, with_last(telling))
            if len(spans) > 1:
                self._pairs += overlapping_pairs(spans)
            for span in spans:
                if not inside(text, span):
                    self._outside += 1
                    continue
                self._cut += cuts(text, span.start) or cuts(text, span.end)
                self._spaced += outer_space(text, span)

    def findings(self) -> Iterator[Finding]:
        if self._units.convincing:
            yield Finding(
                "utf16-offsets",
                "warning",
                "the offsets seem to count UTF-16 code units, not characters: of "
                f"{self._units.told:,} different rows where that makes a difference (characters "
                f"such as emoji before a span) {self._units}.",
                field="spans",
                suggestion="Read with offsets='utf16', or data.fix(['utf16-offsets']).",
            )
        if self._ends.convincing:
            yield Finding(
                "inclusive-ends",
                "warning",
                "the ends seem to be those of the last character, not behind it: of "
                f"{self._ends.told:,} different rows where that tells {self._ends}.",
                field="spans",
                suggestion="Read with ends='inclusive', or data.fix(['inclusive-ends']).",
            )

    def figures(self) -> Mapping[str, int | float]:
        return {
            "spans": self._spans,
            "rows_without_spans": self._without,
            "spans_out_of_range": self._outside,
            "overlapping_pairs": self._pairs,
            "spans_cut_in_a_word": self._cut,
            "spans_with_outer_space": self._spaced,
        }


class _Evidence:
    """What speaks for another way of counting offsets, and what against it."""

    def __init__(self) -> None:
        self.told = self._helped = self._harmed = 0
        self._rows: set[int] = set()

    def __str__(self) -> str:
        return f"it makes the spans of {self._helped:,} whole words, and breaks {self._harmed:,}"

    @property
    def refuted(self) -> bool:
        """Whether so many rows speak against it that no more need be looked at."""
        return self.told >= CLEAR and self._helped * 2 < self.told

    @property
    def convincing(self) -> bool:
        """Whether it is the better reading. One row may look so by luck, and a few may be wrong in
        a set that counts so."""
        more = luck(self._helped, self.told, LUCKY) < RARE
        return more and self._harmed * 10 <= self._helped

    def weigh(self, text: str, spans: Sequence[Span], others: Sequence[Span] | None) -> None:
        """Note what reading a row's spans as these others would do; ``None`` if it can't be."""
        pairs = [pair for pair in zip(spans, others or (), strict=False) if pair[0] != pair[1]]
        now = sum(broken(text, span) for span, _ in pairs)
        then = sum(broken(text, other) for _, other in pairs)
        if others is not None and not now and not then:
            return
        if len(self._rows) < APART:
            row = hash((text, tuple(spans)))
            if row in self._rows:
                return
            self._rows.add(row)
        self.told += 1
        self._helped += others is not None and then == 0
        self._harmed += others is None or then > now
