"""Counting right and wrong answers, and how far the counts can be trusted.

All of it works on *cells*: how often each pair (true label, predicted label) occurs. There are
far fewer of them than rows, and fewer than classes squared, so that a thousand resamples of them
are cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cells", "Measure", "cells", "interval", "resamples"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES = 1_000
SEED = 20_240_229
#: Resamples that are held at once: what bounds the memory.
AT_ONCE = 50


class Measure(NamedTuple):
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """``{"value", "low", "high"}``."""
        return self._asdict()


class Cells(NamedTuple):
    """Which (true, predicted) pairs there are, and the cell of each row.

    Labels are numbers below ``labels``; the prediction ``labels`` means that there was none.
    """

    true: Ints
    predicted: Ints
    of_row: Ints
    labels: int

    @property
    def counts(self) -> Floats:
        """Rows per cell, as one resample of itself: shape (1, cells)."""
        return np.bincount(self.of_row, minlength=len(self.true)).astype(float)[None, :]

    def accuracy(self, counts: Floats) -> Floats:
        """The share of right answers per resample; counts has the shape (resamples, cells)."""
        right: Floats = counts[:, self.true == self.predicted].sum(axis=1)
        return right / len(self.of_row)

    def per_label(self, counts: Floats) -> tuple[Floats, Floats, Floats]:
        """Right answers, rows and predictions of each label: shape (resamples, labels)."""
        right = self.true == self.predicted
        return (
            self._summed(counts[:, right], self.true[right]),
            self._summed(counts, self.true),
            self._summed(counts, self.predicted),
        )

    def macro_f1(self, counts: Floats) -> Floats:
        """The mean F1 of the labels that occur, as truth or as prediction, in each resample.

        F1 is ``2 · right / (rows + predictions)``. A label that occurs in neither has none and
        stays out of the mean, as in scikit-learn's ``f1_score(average="macro")``. "No answer" is
        no label: it costs the true label its recall.
        """
        right, rows, predictions = self.per_label(counts)
        both = rows + predictions
        f1 = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
        mean: Floats = f1.sum(axis=1) / (both > 0).sum(axis=1)
        return mean

    def _summed(self, counts: Floats, label: Ints) -> Floats:
        """Counts of cells summed by label."""
        wide = self.labels + 1
        sums = [np.bincount(label, weights=resample, minlength=wide) for resample in counts]
        return np.array(sums, dtype=float)[:, : self.labels]


def cells(true: Ints, predicted: Ints, labels: int) -> Cells:
    """The cells of rows, given the number of each row's true and predicted label."""
    pairs, of_row = np.unique(true * (labels + 1) + predicted, return_inverse=True)
    return Cells(pairs // (labels + 1), pairs % (labels + 1), of_row.astype(np.int64), labels)


def resamples(rows: int) -> Iterator[Ints]:
    """A thousand draws of row numbers with replacement: the same ones at every call."""
    random = np.random.default_rng(SEED)
    for _ in range(RESAMPLES):
        yield random.integers(0, rows, rows)


def interval(found: Cells, figure: Callable[[Floats], Floats]) -> Measure:
    """A figure of the cells with its 95 % percentile bootstrap interval.

    Source: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
    """
    draws = resamples(len(found.of_row))
    drawn: list[Floats] = []
    while batch := [draw for _, draw in zip(range(AT_ONCE), draws, strict=False)]:
        counts = [np.bincount(found.of_row[draw], minlength=len(found.true)) for draw in batch]
        drawn.append(figure(np.array(counts, dtype=float)))
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    return Measure(float(figure(found.counts)[0]), float(low), float(high))
