"""How well a rule picks the best option that never reads the question.

Where such a rule is much better than chance, a model can learn it in place of what was meant: the
longest option, the one that says "not". The rule is naive Bayes over the words of an option and
its place in the order of lengths. It is learnt on one half of a sample and counted on the other;
rows of one question are in the same half.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import log, sqrt
from typing import NamedTuple
from zlib import crc32

__all__ = ["BlindRule", "Options", "Outcome", "Sample", "features_of", "pick"]

_WORD = re.compile(r"\w+(?:['’]\w+)*")
#: Rows that are kept, and what of each: enough for a rule of words, and a few megabytes.
ROWS, WORDS, FEATURES = 2_000, 64, 400_000
_LENGTH = "length in quarters: "
#: Golden ratio: multiples of it, modulo 1, are spread evenly whatever period the rows have.
_SPREAD, _MODULUS = 0x9E3779B97F4A7C15, 1 << 64


class Options(NamedTuple):
    """What a rule sees of a row: features of each option, which are best, and which half."""

    features: tuple[tuple[str, ...], ...]
    best: frozenset[int]
    learns: bool


class Outcome(NamedTuple):
    """How often a rule picked a best option, and how often chance would have."""

    learnt: int
    rows: int
    hits: int
    chance: float
    #: What tells the best options, the most telling first.
    cues: tuple[str, ...]


class Sample:
    """Rows spread evenly over a set of any size, the same ones each time."""

    def __init__(self) -> None:
        self._seen = 0
        self._below = _MODULUS
        self._kept: list[tuple[int, Options]] = []
        self._features = 0

    def see(self, question: object, options: Sequence[str], best: Iterable[int]) -> None:
        """The next row: at least one of its options is best, and one isn't."""
        self._seen += 1
        key = self._seen * _SPREAD % _MODULUS
        if key >= self._below:
            return
        learns = bool(crc32(repr(question).encode("utf-8", "replace")) & 1)
        row = Options(features_of(options), frozenset(best), learns)
        self._kept.append((key, row))
        self._features += sum(map(len, row.features))
        while len(self._kept) > ROWS or (self._features > FEATURES and len(self._kept) > 1):
            self._below //= 2
            self._kept = [(key, row) for key, row in self._kept if key < self._below]
            self._features = sum(len(one) for _, row in self._kept for one in row.features)

    def outcome(self) -> Outcome:
        """What a rule learnt on one half does on the other."""
        # Copies of one row are no more evidence than that row.
        rows = list(dict.fromkeys(row for _, row in self._kept))
        rule = BlindRule([row for row in rows if row.learns])
        tried = [row for row in rows if not row.learns]
        hits = sum(rule.pick(row.features) in row.best for row in tried)
        chance = sum(len(row.best) / len(row.features) for row in tried)
        return Outcome(
            len(rows) - len(tried), len(tried), hits, chance / max(len(tried), 1), rule.cues()
        )


class BlindRule:
    """Naive Bayes: how much likelier a feature is in a best option than in another one.

    ``weights`` are the logarithms of that, by feature.
    """

    def __init__(self, rows: Iterable[Options]) -> None:
        self._best: defaultdict[str, float] = defaultdict(float)
        self._others: defaultdict[str, float] = defaultdict(float)
        for features, best, _ in rows:
            for index, one in enumerate(features):
                # Each row counts once on either side, however many options it has.
                counts, share = (
                    (self._best, len(best))
                    if index in best
                    else (self._others, len(features) - len(best))
                )
                for feature in one:
                    counts[feature] += 1 / share
        self.weights = {
            feature: log((self._best[feature] + 1) / (self._others[feature] + 1))
            for feature in sorted({*self._best, *self._others})
        }

    def pick(self, features: Sequence[Sequence[str]]) -> int:
        """The index of the option that the rule takes for best."""
        return pick(self.weights, features)

    def cues(self, most: int = 4) -> tuple[str, ...]:
        """The features that tell best options from others, the most telling first."""

        def telling(feature: str) -> float:
            best, others = self._best[feature], self._others[feature]
            return (best - others) / sqrt(best + others)

        sayable = (one for one in self.weights if not one.startswith(_LENGTH))
        return tuple(sorted(sayable, key=lambda one: (-telling(one), one))[:most])


def pick(weights: Mapping[str, float], features: Sequence[Sequence[str]]) -> int:
    """The index of the option whose features weigh most."""

    def rank(index: int) -> tuple[float, int]:
        one = features[index]
        score = sum(weights.get(feature, 0.0) for feature in one)
        # Of equal ones any, but not by place: that is another rule.
        return score, crc32("\0".join(one).encode("utf-8", "replace"))

    return max(range(len(features)), key=rank)


def features_of(options: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What a rule sees of each option: its words, and its place in the order of lengths."""
    lengths = sorted(map(len, options))
    most = max(len(options) - 1, 1)
    described: list[tuple[str, ...]] = []
    for option in options:
        words = [word.lower() for word in _WORD.findall(option[: WORDS * 16])[:WORDS]]
        found = {f"the word {word!r}" for word in words}
        if words:
            found.add(f"{words[0]!r} at the beginning")
        if lengths[0] < lengths[-1]:
            size = len(option)
            found.add(f"{_LENGTH}{4 * bisect_left(lengths, size) // most}")
            found.update(["being the shortest"] if size == lengths[0] else [])
            found.update(["being the longest"] if size == lengths[-1] else [])
        described.append(tuple(sorted(found)))
    return tuple(described)
