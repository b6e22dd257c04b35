"""Which rows go to which part: units stay whole, and labels are spread evenly.

A unit is what must stay together: rows that ask the same, or one row. Rows come by the million, so
all that is kept of each are a few numbers in arrays.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arrays import Integers

__all__ = ["Facts", "allocate"]

#: How many rows of which stratum are in a unit.
Mixture: TypeAlias = Sequence[tuple[int, int]]


class Facts(NamedTuple):
    """What is known of rows.

    ``keys`` has the number of each by which rows are put in order, ``component`` the first row that
    each must stay with, ``combination`` the number of its combination of labels.
    """

    keys: NDArray[np.uint64]
    component: Integers
    combination: NDArray[np.int32]
    combinations: Sequence[tuple[str, ...]]
    label_counts: Mapping[str, int]


def allocate(facts: Facts, shares: Sequence[float]) -> list[Integers]:
    """The rows of each held part; what is in none of them is for training.

    A stratum is the rows that have the same label. Of several labels (types of spans) the rarest
    counts: the frequent ones are spread well enough without help. Each stratum gives its share
    in whole units: those that fit come first, in the order of their keys, then those that bring a
    part nearer to its share than it was. So a unit much larger than a part stays in training, and
    other units take its place, until a label has given twice its share.
    """
    allocation = _Allocation(facts)
    for number, share in enumerate(shares, start=1):
        allocation.fill(number, share)
    allocation.give_back_last_labels()
    parts = np.frombuffer(allocation.part, np.uint8)[allocation.unit]
    return [(parts == number).nonzero()[0] for number in range(1, len(shares) + 1)]


class _Wanted:
    """The rows that a part still lacks, by stratum and in all. Under 0 it has too many."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows
        self.all = sum(rows)

    def fits(self, mixture: Mixture) -> bool:
        rows = self.rows
        size = 0
        for stratum, count in mixture:
            if count > rows[stratum]:
                return False
            size += count
        return size <= self.all

    def helps(self, mixture: Mixture) -> bool:
        """Whether a part is nearer to what it should be with these rows."""
        size = sum(count for _, count in mixture)
        change = abs(self.all - size) - abs(self.all)
        for stratum, count in mixture:
            change += abs(self.rows[stratum] - count) - abs(self.rows[stratum])
        return change < 0


class _Allocation:
    """Units with the part that each is in: 0 for training."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        is_first = facts.component == np.arange(len(facts.component))
        firsts = is_first.nonzero()[0]
        #: The unit of each row.
        self.unit = (np.cumsum(is_first, dtype=np.int32) - np.int32(1))[facts.component]
        self.part = bytearray(len(firsts))
        # The rows unit by unit, and where each unit begins among them.
        self._rows = np.argsort(self.unit, kind="stable").astype(np.int32)
        self._begins = np.zeros(len(firsts) + 1, np.int32)
        np.cumsum(np.bincount(self.unit), out=self._begins[1:])
        self._keys = np.full(len(firsts), np.iinfo(np.uint64).max, np.uint64)
        np.minimum.at(self._keys, self.unit, facts.keys)
        self._name_strata()
        self._order_units(firsts)

    def _name_strata(self) -> None:
        """Give each row the number of its stratum, the rarest first."""
        counts = self._facts.label_counts

        def rarity(label: str) -> tuple[int, str]:
            return counts.get(label, 0), label

        rarest = [min(labels, key=rarity, default="") for labels in self._facts.combinations]
        self._names = sorted(set(rarest), key=rarity)
        numbers = {name: number for number, name in enumerate(self._names)}
        self._stratum = np.array([numbers[name] for name in rarest], np.int32)[
            self._facts.combination
        ]
        self._total: list[int] = np.bincount(self._stratum).tolist()
        self._left = list(self._total)  # rows in training

    def _order_units(self, firsts: Integers) -> None:
        """Put units in the order in which they are tried: by their rarest stratum, then key."""
        strata = len(self._names)
        rarest = np.full(len(firsts), strata, np.int32)
        np.minimum.at(rarest, self.unit, self._stratum)
        order = np.lexsort((firsts, self._keys, rarest)).astype(np.int32)
        ends = np.searchsorted(rarest[order], np.arange(strata), side="right")
        self._ordered = array("i", order.tobytes())
        self._ends = [0, *ends.tolist()]
        if len(firsts) == len(self.unit):
            self._units_left = list(self._total)
        else:
            there = np.unique(self.unit.astype(np.int64) * strata + self._stratum) % strata
            self._units_left = np.bincount(there, minlength=strata).tolist()

    # --- units ----------------------------------------------------------------------------------

    def _units_of(self, stratum: int) -> Iterator[int]:
        """The units in training whose rarest stratum this is."""
        for unit in memoryview(self._ordered)[self._ends[stratum] : self._ends[stratum + 1]]:
            if not self.part[unit]:
                yield unit

    def _size(self, unit: int) -> int:
        return int(self._begins[unit + 1] - self._begins[unit])

    def _size_and_key(self, unit: int) -> tuple[int, int]:
        return self._size(unit), int(self._keys[unit])

    def _mixture(self, unit: int) -> Mixture:
        begin, end = self._begins[unit : unit + 2].tolist()
        if end == begin + 1:
            return ((int(self._stratum[self._rows[begin]]), 1),)
        return tuple(Counter(self._stratum[self._rows[begin:end]].tolist()).items())

    def _spared(self, mixture: Mixture) -> bool:
        """Whether training can do without: a model can't learn a label that it never saw."""
        return all(self._units_left[stratum] > 1 for stratum, _ in mixture)

    def _take(self, unit: int, mixture: Mixture, number: int, wanted: _Wanted) -> None:
        self.part[unit] = number
        for stratum, count in mixture:
            self._left[stratum] -= count
            self._units_left[stratum] -= 1
            wanted.rows[stratum] -= count
            wanted.all -= count

    # --- parts ----------------------------------------------------------------------------------

    def fill(self, number: int, share: float) -> None:
        """Move units from training into a part, until that has its share."""
        wanted = _Wanted(self._quotas(share))
        self._take_what_fits(number, wanted)
        if wanted.all > 0:
            self._take_what_helps(number, wanted)
        if wanted.all > 0:
            wanted.rows = self._more(share, wanted)
            self._take_what_fits(number, wanted)
        if wanted.all > 0 and number not in self.part:
            self._take_smallest(number, wanted)

    def _quotas(self, share: float) -> list[int]:
        """How many rows each stratum gives; fractions of a row go by largest remainder."""
        quotas = [share * total for total in self._total]
        spare = [max(left - 1, 0) for left in self._left]
        counts = [min(int(quota), most) for quota, most in zip(quotas, spare, strict=True)]
        missing = round(share * len(self.unit)) - sum(counts)
        strata = range(len(counts))
        for one in sorted(strata, key=lambda one: (counts[one] - quotas[one], self._names[one])):
            if missing > 0 and spare[one] > counts[one]:
                counts[one] += 1
                missing -= 1
        return counts

    def _take_what_fits(self, number: int, wanted: _Wanted) -> None:
        for stratum, count in enumerate(wanted.rows):
            if count <= 0:
                continue
            for unit in self._units_of(stratum):
                mixture = self._mixture(unit)
                if wanted.fits(mixture) and self._spared(mixture):
                    self._take(unit, mixture, number, wanted)
                    if wanted.rows[stratum] <= 0:
                        break

    def _take_what_helps(self, number: int, wanted: _Wanted) -> None:
        """Take larger units too, the smallest of them first."""
        for stratum, count in enumerate(wanted.rows):
            if count <= 0 or self._units_left[stratum] < 2:
                continue
            for unit in sorted(self._units_of(stratum), key=self._size):
                mixture = self._mixture(unit)
                if wanted.helps(mixture) and self._spared(mixture):
                    self._take(unit, mixture, number, wanted)

    def _more(self, share: float, wanted: _Wanted) -> list[int]:
        """What each stratum gives for those that can't give their share."""
        totals = [
            total if units > 1 else 0
            for total, units in zip(self._total, self._units_left, strict=True)
        ]
        of_all = wanted.all / max(sum(totals), 1)
        return [
            min(rows, 0) + min(ceil(of_all * total), int(share * total))
            for rows, total in zip(wanted.rows, totals, strict=True)
        ]

    def _take_smallest(self, number: int, wanted: _Wanted) -> None:
        """Better a part that is larger than its share than none, up to half of the rows."""
        for unit in sorted(range(len(self.part)), key=self._size_and_key):
            mixture = self._mixture(unit)
            if not self.part[unit] and self._spared(mixture):
                if 2 * self._size(unit) <= len(self.unit):
                    self._take(unit, mixture, number, wanted)
                return

    def give_back_last_labels(self) -> None:
        """Move a unit back for every label that training has none of: where rows have several
        labels, their strata alone don't say so."""
        combinations = self._facts.combinations
        if all(len(labels) < 2 for labels in combinations):
            return
        in_training = np.frombuffer(self.part, np.uint8)[self.unit] == 0
        there = self._labels(self._facts.combination[in_training])
        for label in sorted(set().union(*combinations) - there):
            having = [number for number, labels in enumerate(combinations) if label in labels]
            rows = np.isin(self._facts.combination, having).nonzero()[0]
            unit = min(self.unit[rows].tolist(), key=self._size_and_key)
            if label not in there and self.part.count(self.part[unit]) > 1:
                self.part[unit] = 0
                there |= self._labels(self._facts.combination[self.unit == unit])

    def _labels(self, combination: NDArray[np.int32]) -> set[str]:
        """The labels that rows of these combinations have."""
        numbers = np.unique(combination).tolist()
        return set().union(*(self._facts.combinations[number] for number in numbers))
