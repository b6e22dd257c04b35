"""Whether two models differ, judged on the same rows: by how much, and whether that is more than
luck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .metrics import SEED, Floats, Measure
from .tally import Tally
from .tally_intervals import bootstrap_weights

__all__ = ["ALPHA", "SAME", "Paired", "holm", "paired_difference"]

#: The share of comparisons without a difference that claim one.
ALPHA = 0.05
#: Random swaps, and how many are held at once.
SWAPS, AT_ONCE = 2_000, 100
#: Differences closer than this are the same: sums come in another order.
SAME = 1e-12


class Paired(NamedTuple):
    """The figure of one model less that of another, with its 95 % interval and p-value."""

    difference: Measure
    p: float

    @property
    def shown(self) -> bool:
        """Whether that is more than luck: ``p`` is at most 0.05 and the interval leaves 0 out."""
        return self.p <= ALPHA and not self.difference.low <= 0 <= self.difference.high


def paired_difference(a: Tally, b: Tally) -> Paired:
    """``a`` less ``b`` on the same rows.

    The interval is the percentile interval of the paired bootstrap: both models are judged on the
    same resampled rows, so that rows which are hard for both don't blur the difference (Efron &
    Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3). The p-value is that of a
    permutation test: if the models didn't differ, their answers to a row could be swapped; it is
    the share of random swaps with at least this difference, half of the equal ones counted (the
    mid-p, since counts of rows come in steps; Noreen, "Computer-Intensive Methods for Testing
    Hypotheses", 1989, and Lancaster, "Significance tests in discrete distributions", JASA 56,
    1961). Both need no assumption about the figure.
    """
    drawn = np.concatenate(
        [
            a.figure(a.sums(weights)) - b.figure(b.sums(weights))
            for weights in bootstrap_weights(a.rows)
        ]
    )
    drawn = drawn[~np.isnan(drawn)]
    value = a.once - b.once
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (0.0, 0.0)
    return Paired(Measure(value, float(low), float(high)), _p_of_swaps(a, b, abs(value)))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for how many are looked at, so that the chance of any false claim among
    them stays what it was for one. Source: S. Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6 (1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        highest = max(highest, min(1.0, p_values[at] * (len(p_values) - rank)))
        adjusted[at] = highest
    return adjusted


def _p_of_swaps(a: Tally, b: Tally, seen: float) -> float:
    moved = _moved(a, b)
    if not len(moved.row):
        return 1.0  # the models answer alike, as far as this figure can see
    once = np.ones((1, a.rows))
    sums_a, sums_b = a.sums(once), b.sums(once)
    beyond = equal = 0
    for swapped in _swaps(moved.rows):
        over = moved.sums(swapped)
        there, here = a.figure(sums_a + over), b.figure(sums_b - over)
        found = np.abs(np.nan_to_num(there) - np.nan_to_num(here))
        beyond += int((found > seen + SAME).sum())
        equal += int((np.abs(found - seen) <= SAME).sum())
    # What was seen is itself one of the swaps.
    return (beyond + 0.5 * (equal + 1)) / (SWAPS + 1)


def _moved(a: Tally, b: Tally) -> Tally:
    """What moves from one model's sums to the other's when the answers to a row are swapped; of
    rows that both answer alike nothing does, and they are left out."""
    at = np.concatenate([a.row * a.columns + a.column, b.row * b.columns + b.column])
    cells, of_entry = np.unique(at, return_inverse=True)
    value = np.bincount(of_entry, np.concatenate([-a.value, b.value]), minlength=len(cells))
    cells, value = cells[value != 0], value[value != 0]
    rows, row = np.unique(cells // a.columns, return_inverse=True)
    return a._replace(row=row, column=cells % a.columns, value=value, rows=len(rows))


def _swaps(rows: int) -> Iterator[Floats]:
    random = np.random.default_rng(SEED)
    for _ in range(0, SWAPS, AT_ONCE):
        yield random.integers(0, 2, (AT_ONCE, rows)).astype(float)
