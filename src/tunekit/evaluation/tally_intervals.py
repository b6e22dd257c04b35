"""How far the figure of a tally can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import sqrt

import numpy as np

from .metrics import AT_ONCE, Floats, Measure, resamples
from .tally import Tally

__all__ = ["bootstrap_weights", "interval_of", "share_interval"]

#: The 97.5 % quantile of the normal distribution.
Z = 1.959963984540054


def bootstrap_weights(rows: int) -> Iterator[Floats]:
    """How often each row is drawn in each of a thousand resamples, some resamples at a time: shape
    (resamples, rows). The same ones at every call, so that two models are drawn the same rows."""
    draws = resamples(rows)
    while some := [np.bincount(draw, minlength=rows) for draw in islice(draws, AT_ONCE)]:
        yield np.array(some, dtype=float)


def interval_of(tally: Tally) -> Measure:
    """The figure with its 95 % percentile bootstrap interval.

    Source: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
    """
    drawn = np.concatenate(
        [tally.figure(tally.sums(weights)) for weights in bootstrap_weights(tally.rows)]
    )
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Measure(0.0, 0.0, 0.0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Measure(tally.once, float(low), float(high))


def share_interval(hits: float, rows: int) -> Measure:
    """A share of rows with its 95 % Wilson score interval, which holds for a handful of rows, too:
    of 5 right ones of 5 a resample would say that all are always right.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927).

    Example:
        >>> [round(end, 3) for end in share_interval(5, 5)]
        [1.0, 0.566, 1.0]
    """
    share = hits / rows
    middle = (share + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z / (1 + Z * Z / rows) * sqrt(share * (1 - share) / rows + (Z / (2 * rows)) ** 2)
    return Measure(share, max(0.0, middle - half), min(1.0, middle + half))
