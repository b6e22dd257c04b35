"""Counting right and wrong answers, and how far the counts can be trusted.

It works on *cells*: rows that count the same, such as those with the same pair (true label,
predicted label). There are far fewer of them than rows, so that a thousand resamples are cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .base_report import ClassScores

__all__ = [
    "Cells",
    "Counted",
    "Measure",
    "cells",
    "interval",
    "intervals",
    "mean_interval",
    "resamples",
    "scores",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

RESAMPLES = 1_000
SEED = 20_240_229
#: Resamples that are held at once: what bounds the memory.
AT_ONCE = 50


class Measure(NamedTuple):
    """A figure, ``value``, with the ends of its 95 % interval, ``low`` and ``high``.

    Example:
        >>> Measure(0.9, 0.85, 0.94).to_dict()
        {'value': 0.9, 'low': 0.85, 'high': 0.94}
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """``{"value", "low", "high"}``."""
        return self._asdict()


class Counted(Protocol):
    """Rows sorted into cells: what :func:`intervals` resamples."""

    @property
    def of_row(self) -> Ints:
        """The cell of each row."""
        ...

    @property
    def counts(self) -> Floats:
        """Rows per cell, as one resample: shape (1, cells)."""
        ...


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


def intervals(found: Counted, figures: Sequence[Callable[[Floats], Floats]]) -> tuple[Measure, ...]:
    """Figures of the cells, each with its 95 % percentile bootstrap interval.

    A figure takes counts of the shape (resamples, cells) and returns one number per resample; NaN
    where it isn't defined. Resamples in which it isn't stay out of its interval; where it isn't
    defined on the rows themselves, it is 0, and so are both ends.

    Source: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
    """
    once = found.counts
    draws = resamples(len(found.of_row))
    drawn: list[list[Floats]] = [[] for _ in figures]
    while counts := [
        np.bincount(found.of_row[draw], minlength=once.shape[1]) for draw in islice(draws, AT_ONCE)
    ]:
        batch = np.array(counts, dtype=float)
        for figure, values in zip(figures, drawn, strict=True):
            values.append(figure(batch))
    return tuple(
        _measure(float(figure(once)[0]), np.concatenate(values))
        for figure, values in zip(figures, drawn, strict=True)
    )


def interval(found: Counted, figure: Callable[[Floats], Floats]) -> Measure:
    """One figure with its interval: see :func:`intervals`."""
    return intervals(found, [figure])[0]


def mean_interval(values: Floats) -> Measure:
    """The mean of one number per row, with its 95 % percentile bootstrap interval."""
    drawn = np.array([values[draw].mean() for draw in resamples(len(values))])
    return _measure(float(values.mean()), drawn)


def scores(
    names: Sequence[str], right: Floats, true: Floats, predicted: Floats
) -> tuple[ClassScores, ...]:
    """The scores of each label, given how often it was answered rightly, is true, was answered.

    A share of nothing is 0, as with scikit-learn's ``zero_division=0``.
    """
    return tuple(
        ClassScores(
            label=name,
            precision=float(hits / said) if said else 0.0,
            recall=float(hits / there) if there else 0.0,
            f1=float(2 * hits / (there + said)) if there + said else 0.0,
            support=int(there),
        )
        for name, hits, there, said in zip(names, right, true, predicted, strict=True)
    )


def _measure(value: float, drawn: Floats) -> Measure:
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(defined):
        return Measure(0.0, 0.0, 0.0)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Measure(value, float(low), float(high))
