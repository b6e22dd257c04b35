"""Figures as functions of sums over rows, so that resamples of the rows are cheap.

Every figure of a report is one: accuracy of right rows, macro-F1 of rows, answers and right answers
per label, chrF of n-grams. A :class:`Tally` holds what each row adds to the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .metrics import Floats, Ints

__all__ = ["Tally", "label_f1", "mean", "per_row", "share_f1"]

#: Numbers that are held at once while resamples are summed: what bounds the memory.
AT_ONCE = 2_000_000


class Tally(NamedTuple):
    """What each row adds to which sum, and the figure that the sums make.

    ``row``, ``column`` and ``value`` have one number per entry: the row it is of, the sum it goes
    to, and what it adds. ``figure`` takes sums of the shape (resamples, columns) and gives one
    number per resample, NaN where it isn't defined.
    """

    metric: str
    row: Ints
    column: Ints
    value: Floats
    rows: int
    columns: int
    figure: Callable[[Floats], Floats]

    def sums(self, weights: Floats) -> Floats:
        """The sums where each row counts so often: shape (resamples, rows) in, (resamples, columns)
        out."""
        out = np.empty((len(weights), self.columns))
        step = max(1, AT_ONCE // max(1, len(self.row)))
        for first in range(0, len(weights), step):
            part = weights[first : first + step]
            at = np.arange(len(part))[:, None] * self.columns + self.column
            added = part[:, self.row] * self.value
            size = len(part) * self.columns
            flat = np.bincount(at.ravel(), added.ravel(), minlength=size)
            out[first : first + step] = flat.reshape(len(part), self.columns)
        return out

    def at(self, rows: Ints) -> Tally:
        """The tally of these rows alone (in ascending order), numbered anew."""
        new = np.full(self.rows, -1)
        new[rows] = np.arange(len(rows))
        kept = new[self.row] >= 0
        return self._replace(
            row=new[self.row[kept]],
            column=self.column[kept],
            value=self.value[kept],
            rows=len(rows),
        )

    @property
    def once(self) -> float:
        """The figure of the rows as they are; 0 where it isn't defined."""
        found = float(self.figure(self.sums(np.ones((1, self.rows))))[0])
        return 0.0 if np.isnan(found) else found

    @property
    def yes_or_no(self) -> bool:
        """Whether each row is right or wrong, and the figure is the share of the right ones."""
        return self.columns == 2 and bool(np.isin(self.value, (0.0, 1.0)).all())


def mean(metric: str, values: Sequence[float]) -> Tally:
    """The mean of one number per row."""
    return per_row(metric, [(value, 1.0) for value in values], 2, _mean)


def per_row(
    metric: str,
    sums: Sequence[Sequence[float]],
    columns: int,
    figure: Callable[[Floats], Floats],
) -> Tally:
    """A tally of rows that each add to all columns."""
    table = np.array(sums, dtype=float).reshape(len(sums), columns)
    row, column = np.nonzero(table)
    return Tally(metric, row, column, table[row, column], len(table), columns, figure)


def label_f1(
    metric: str, rows: Sequence[Mapping[str, tuple[int, int, int]]], labels: Collection[str]
) -> Tally:
    """The mean F1 of the labels that occur, as truth or as answer, of (right, true, said) per label
    and row. ``labels`` has all that occur; for models that are compared the same ones, so that
    their sums are of the same labels."""
    number = {label: at for at, label in enumerate(labels)}
    entries = [
        (at, part * len(labels) + number[label], count)
        for at, row in enumerate(rows)
        for label, counts in row.items()
        for part, count in enumerate(counts)
        if count
    ]
    table = np.array(entries, dtype=np.int64).reshape(-1, 3)
    row, column, value = table.T
    return Tally(metric, row, column, value.astype(float), len(rows), 3 * len(labels), _mean_of_f1)


def share_f1(metric: str, counted: Sequence[tuple[int, int, int]]) -> Tally:
    """``2 · right / (true + said)`` over all rows, of (right, true, said) per row."""
    return per_row(metric, counted, 3, _f1)


def _mean(sums: Floats) -> Floats:
    return _divided(sums[:, 0], sums[:, 1])


def _f1(sums: Floats) -> Floats:
    return _divided(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


def _mean_of_f1(sums: Floats) -> Floats:
    right, true, said = np.split(sums, 3, axis=1)
    both = true + said
    f1 = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
    return _divided(f1.sum(axis=1), (both > 0).sum(axis=1).astype(float))


def _divided(part: Floats, whole: Floats) -> Floats:
    shares: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares
