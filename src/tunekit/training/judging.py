"""Which of several states of a training to keep, given what each does on rows it hasn't seen.

Two states are compared by their losses row by row. A difference of their means that is within one
standard error of itself is no difference: validation sets are small, and whoever always takes the
lowest mean takes the luckiest state. Of two that don't differ the one that was trained longer is
kept.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

__all__ = ["Difference", "difference", "worse"]

#: Of a normal distribution: 95 % lie within so many standard deviations.
WITHIN = 1.96


class Difference(NamedTuple):
    """The mean of paired differences, with its standard error and 95 % interval."""

    mean: float
    error: float

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - WITHIN * self.error

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + WITHIN * self.error


def difference(one: torch.Tensor, other: torch.Tensor) -> Difference:
    """How much larger the losses of ``one`` are than those of ``other``, both (rows,).

    The standard error is that of a mean of independent rows, ``s / sqrt(n)``; of a single row
    nothing can be said, so it is infinite.
    """
    apart = (one - other).double()
    rows = len(apart)
    error = float(apart.std()) / math.sqrt(rows) if rows > 1 else math.inf
    return Difference(float(apart.mean()), error)


def worse(now: torch.Tensor, best: torch.Tensor) -> bool:
    """Whether a later state is worse than the best one before, by more than chance would do. One
    whose losses aren't all finite always is."""
    if not bool(now.isfinite().all()):
        return True
    if not bool(best.isfinite().all()):
        return False
    apart = difference(now, best)
    return apart.mean > apart.error
