"""Whether one template dominates what rows ask: a model learns little from one sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ...findings import Finding
from .base import Check, shortened

__all__ = ["Diversity"]

#: Inputs that are looked at, spread evenly over the set, and the fewest that say something.
SAMPLE = 2_000
FEWEST = 20
#: A template is a run of so many words and signs (or more) that so large a share of the inputs
#: has. In real sets the most frequent such run stands in a tenth of them.
#: At least so many of its words are words, and not signs.
RUN, WORDS = 4, 2
SHARE = 0.5
#: Words that are looked at, from each end of a long input.
REACH = 100

#: A URL is one word, as they all begin alike. Numbers count as the same one.
_WORDS = re.compile(r"https?://\S+|\w+|[^\w\s]")
_NUMBER = re.compile(r"\d+")


class Diversity(Check):
    """Says where more than half of the different inputs share a run of four words or more."""

    def __init__(self, rows: int) -> None:
        self._step = max(1, -(-rows // SAMPLE))
        self._inputs: dict[str, None] = {}  # the different ones, in order

    def see(self, first: int, rows: Sequence[Any]) -> tuple[Finding, ...]:
        for row in rows[-first % self._step :: self._step]:
            asked = row.asks[0]
            if isinstance(asked, str):
                self._inputs[asked] = None
        return ()

    def findings(self) -> Iterator[Finding]:
        if len(self._inputs) < FEWEST:
            return
        inputs = [_words(text) for text in self._inputs]
        runs: Counter[tuple[str, ...]] = Counter()
        for words in inputs:
            runs.update(run for run in _runs(words, RUN) if sum(map(str.isalpha, run)) >= WORDS)
        if not runs:
            return
        run, count = max(runs.items(), key=lambda item: (item[1], item[0]))
        if count < SHARE * len(inputs):
            return
        template = _grown(run, inputs, count)
        yield Finding(
            "one-template",
            "warning",
            f"{count:,} of {len(inputs):,} different inputs that were looked at have the same "
            f"words, {shortened(' '.join(template))}: one template dominates.",
            suggestion="Add inputs in other words, as people would ask; what all inputs share "
            "belongs into the task's instruction.",
        )


def _words(text: str) -> list[str]:
    longest = 20 * REACH  # characters: words are rarely longer, and a text may be a book
    parts = (text,) if len(text) <= 2 * longest else (text[:longest], text[-longest:])
    words = [
        "0" if _NUMBER.fullmatch(word) else word
        for part in parts
        for word in _WORDS.findall(part.casefold())
    ]
    return words if len(words) <= 2 * REACH else [*words[:REACH], *words[-REACH:]]


def _runs(words: Sequence[str], length: int) -> set[tuple[str, ...]]:
    return set(zip(*(words[at:] for at in range(length)), strict=False))


def _grown(run: tuple[str, ...], inputs: Sequence[Sequence[str]], count: int) -> tuple[str, ...]:
    """The run with what stands before and behind it nearly everywhere."""
    while len(run) < 2 * REACH:
        longer: Counter[tuple[str, ...]] = Counter()
        for words in inputs:
            longer.update(
                one for one in _runs(words, len(run) + 1) if one[:-1] == run or one[1:] == run
            )
        if not longer:
            return run
        best, frequency = max(longer.items(), key=lambda item: (item[1], item[0]))
        if frequency < 0.9 * count:
            return run
        run = best
    return run
