"""What a set of options shows as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..findings import Finding
from .base import Survey
from .blind import Sample
from .luck import luck

__all__ = ["OptionSurvey"]

#: What counts as more than luck: once in a thousand sets.
RARE = 0.001
#: What counts as much: this share of the way from chance to always.
MUCH = 0.25


class OptionSurvey(Survey):
    """Counts options and their faults, and finds what gives the best one away.

    Args:
        placed: whether a model sees the options in some order.
    """

    def __init__(self, *, placed: bool) -> None:
        self._placed = placed
        self._fewest: int | None = None
        self._most = self._equal = self._outside = 0
        self._judged = 0
        self._places: Counter[int] = Counter()
        self._counts: Counter[int] = Counter()  # best options by the number of options
        self._sample = Sample()

    def see(self, rows: Sequence[Any]) -> None:
        for row in rows:
            options, best = row.options, row.best
            count = len(options)
            self._fewest = count if self._fewest is None else min(count, self._fewest)
            self._most = max(count, self._most)
            self._equal += len(set(options)) < count
            self._outside += best is not None and not 0 <= best < count
            places = _best(count, best, row.ranks)
            if not 0 < len(places) < count:
                continue  # a finding of the row
            self._judged += 1
            self._counts[count] += len(places)
            self._places.update(places)
            self._sample.see(row.asks, options, places)

    def findings(self) -> Iterator[Finding]:
        yield from self._blind()
        if self._placed:
            yield from self._place()

    def figures(self) -> Mapping[str, int | float]:
        return {
            "options_min": self._fewest or 0,
            "options_max": self._most,
            "rows_with_equal_options": self._equal,
            "best_out_of_range": self._outside,
        }

    def _blind(self) -> Iterator[Finding]:
        found = self._sample.outcome()
        if not _much(found.hits, found.rows, found.chance):
            return
        cues = ", ".join(found.cues)
        yield Finding(
            "options-give-answer",
            "warning",
            "the options alone give the answer away: a rule over words and length that never "
            f"reads the question, learnt on {found.learnt:,} rows, picks a best option in "
            f"{found.hits / found.rows:.1%} of {found.rows:,} others, chance in "
            f"{found.chance:.1%}. What tells a best option most: {cues}.",
            field="options",
            suggestion="A model may learn that instead. Add options that differ in nothing but "
            "what is meant, or compare the model with this rate.",
        )

    def _place(self) -> Iterator[Finding]:
        for place, hits in self._places.most_common(1):
            chance = sum(best / count for count, best in self._counts.items() if count > place)
            chance /= self._judged
            # Any place would have been said.
            if not _much(hits, self._judged, chance, tests=self._most):
                return
            yield Finding(
                "best-at-one-place",
                "info",
                f"the best option is number {place + 1} in {hits:,} of {self._judged:,} rows "
                f"({hits / self._judged:.1%}, by chance {chance:.1%}).",
                field="best",
                suggestion="Where a model is shown the options in this order it may learn the "
                "place. Chats made here show them in an order of their own; elsewhere shuffle "
                "them.",
            )


def _best(count: int, best: int | None, ranks: Sequence[int] | None) -> Sequence[int]:
    """Where the best options stand; nowhere if that isn't clear."""
    if ranks is None:
        return (best,) if best is not None and 0 <= best < count else ()
    if best is not None or len(ranks) != count:
        return ()
    top = min(ranks, default=0)
    return [index for index, rank in enumerate(ranks) if rank == top]


def _much(hits: int, rows: int, chance: float, tests: int = 1) -> bool:
    """Whether hits are much more than chance, and more than luck."""
    if not rows or luck(hits, rows, chance) * tests >= RARE:
        return False
    return hits / rows - chance >= MUCH * (1 - chance)
