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
    inside,
    outer_space,
    overlapping_pairs,
)

__all__ = ["SpanSurvey"]


#: The chance that another way of counting makes a broken span whole by luck. Moving spans of five
#: English and German corpora by one to three characters and back by others did in 0 to 0.07.
LUCKY = 0.1
#: From here on it is evidence: three rows of three.
RARE = 0.005


class SpanSurvey(Survey):
    """Counts spans and their faults, and finds offsets that count UTF-16 code units."""

    def __init__(self) -> None:
        self._spans = self._without = self._outside = 0
        self._pairs = self._cut = self._spaced = 0
        self._helped = self._harmed = self._told = 0

    def see(self, rows: Sequence[Any]) -> None:
        for row in rows:
            spans, text = row.spans, row.text
            if not spans:
                self._without += 1
                continue
            self._spans += len(spans)
            if not text.isascii() and BEYOND_BMP.search(text):
                self._count_units(text, spans)
            if len(spans) > 1:
                self._pairs += overlapping_pairs(spans)
            for span in spans:
                if not inside(text, span):
                    self._outside += 1
                    continue
                self._cut += cuts(text, span.start) or cuts(text, span.end)
                self._spaced += outer_space(text, span)

    def _count_units(self, text: str, spans: Sequence[Span]) -> None:
        """Note what reading a row's offsets as UTF-16 would do."""
        units = as_utf16(text, spans)
        if units is None:  # one would be inside of a character
            self._harmed += 1
            self._told += 1
            return
        pairs = [(one, other) for one, other in zip(spans, units, strict=True) if one != other]
        now = sum(broken(text, one) for one, _ in pairs)
        then = sum(broken(text, other) for _, other in pairs)
        if now or then:
            self._told += 1
            self._helped += then == 0
            self._harmed += then > now

    def findings(self) -> Iterator[Finding]:
        # One row may look so by luck, and a few may be wrong in a set that counts in UTF-16.
        if luck(self._helped, self._told, LUCKY) < RARE and self._harmed * 10 <= self._helped:
            yield Finding(
                "utf16-offsets",
                "warning",
                f"the offsets seem to count UTF-16 code units, not characters: of {self._told:,} "
                "rows where that makes a difference (characters such as emoji before a span) it "
                f"makes the spans of {self._helped:,} whole words, and breaks {self._harmed:,}.",
                field="spans",
                suggestion="Read with offsets='utf16', or data.fix(['utf16-offsets']).",
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
