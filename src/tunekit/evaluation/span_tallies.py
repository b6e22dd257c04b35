"""What spans of rows add up to, in a form that a thousand resamples of the rows are cheap on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .metrics import Floats, Ints

__all__ = ["Counts", "Tallies", "tallies"]

RIGHT, TRUE, PREDICTED = range(3)


class Counts(NamedTuple):
    """One row: how many true spans have an overlapping answer, and of each label that occurs its
    number with its right, true and predicted spans."""

    overlapping: int
    of_labels: tuple[tuple[int, int, int, int], ...]


class Tallies(NamedTuple):
    """Rows by kinds that count the same.

    ``sums`` has the shape (kinds, 3): right, true and predicted spans of a row of that kind;
    ``overlapping`` (kinds,). ``of_row`` says of which kind each row is. ``entries`` (entries, 3)
    are the same counts for each label that occurs in a kind, ``kind`` and ``label`` (entries,) say
    whose they are.
    """

    sums: Floats
    overlapping: Floats
    of_row: Ints
    entries: Floats
    kind: Ints
    label: Ints
    labels: int

    @property
    def counts(self) -> Floats:
        """Rows per kind, as one resample of itself: shape (1, kinds)."""
        return np.bincount(self.of_row, minlength=len(self.sums)).astype(float)[None, :]

    def precision(self, counts: Floats) -> Floats:
        """Right of the predicted spans; counts has the shape (resamples, kinds)."""
        return _share(counts @ self.sums[:, RIGHT], counts @ self.sums[:, PREDICTED])

    def recall(self, counts: Floats) -> Floats:
        """Right of the true spans."""
        return _share(counts @ self.sums[:, RIGHT], counts @ self.sums[:, TRUE])

    def f1(self, counts: Floats) -> Floats:
        """The harmonic mean of precision and recall."""
        return _share(2 * counts @ self.sums[:, RIGHT], self._both(counts))

    def overlap_f1(self, counts: Floats) -> Floats:
        """The same, where an overlapping span of the same label is right."""
        return _share(2 * counts @ self.overlapping, self._both(counts))

    def macro_f1(self, counts: Floats) -> Floats:
        """The mean F1 of the labels that occur, as truth or as answer, in each resample."""
        right, true, predicted = self.per_label(counts)
        both = true + predicted
        f1 = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
        return _share(f1.sum(axis=1), (both > 0).sum(axis=1).astype(float))

    def per_label(self, counts: Floats) -> tuple[Floats, Floats, Floats]:
        """Right, true and predicted spans of each label: shape (resamples, labels)."""
        right, true, predicted = (self._summed(counts, column) for column in self.entries.T)
        return right, true, predicted

    def _both(self, counts: Floats) -> Floats:
        both: Floats = counts @ (self.sums[:, TRUE] + self.sums[:, PREDICTED])
        return both

    def _summed(self, counts: Floats, column: Floats) -> Floats:
        """A column of the entries summed by label."""
        weights = counts[:, self.kind] * column
        sums = [np.bincount(self.label, weights=one, minlength=self.labels) for one in weights]
        return np.array(sums, dtype=float).reshape(len(counts), self.labels)


def tallies(rows: Sequence[Counts], labels: int) -> Tallies:
    """The tallies of rows, whose labels are numbers below ``labels``."""
    number = {counts: at for at, counts in enumerate(dict.fromkeys(rows))}
    flat = [(at, *of) for counts, at in number.items() for of in counts.of_labels]
    entries = np.array(flat, dtype=np.int64).reshape(-1, 5)
    kind, label, columns = entries[:, 0], entries[:, 1], entries[:, 2:].astype(float)
    sums = np.zeros((len(number), 3))
    np.add.at(sums, kind, columns)
    return Tallies(
        sums=sums,
        overlapping=np.array([counts.overlapping for counts in number], dtype=float),
        of_row=np.array([number[counts] for counts in rows], dtype=np.int64),
        entries=columns,
        kind=kind,
        label=label,
        labels=labels,
    )


def _share(part: Floats, whole: Floats) -> Floats:
    """Parts of wholes; NaN for a part of nothing."""
    shares: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares
