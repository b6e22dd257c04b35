"""How long a training goes on, and how fast it learns. No torch here."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Course", "epochs_for"]


class Course(NamedTuple):
    """One training.

    ``batch_size`` counts the examples of an optimizer step; ``tokens`` are those that are computed
    at once, with their padding: a batch that has more is computed in parts, with the same result.
    ``warmup`` is the share of all steps in which the learning rate rises from 0; after that it
    falls back to 0, both in a straight line. ``clip`` is the largest norm of a gradient.
    ``patience`` is the number of judgements in a row without progress after which training ends.
    """

    rows: int
    epochs: int
    batch_size: int
    tokens: int
    warmup: float = 0.1
    seed: int = 0
    clip: float = 1.0
    patience: int = 2

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in which every row is seen once."""
        return math.ceil(self.rows / self.batch_size)

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.epochs * self.steps_per_epoch

    def rate(self, step: int) -> float:
        """The share of the full learning rate in this step, counted from 0.

        Example:
            >>> course = Course(rows=10, epochs=1, batch_size=1, tokens=64, warmup=0.2)
            >>> [round(course.rate(step), 3) for step in range(10)]
            [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
        """
        rising = round(self.warmup * self.steps)
        if step < rising:
            return (step + 1) / rising
        return (self.steps - step) / (self.steps - rising)


def epochs_for(rows: int, batch_size: int, *, steps: int, least: int, most: int) -> int:
    """Epochs that come to about so many optimizer steps: small sets need to be seen more often.

    Example:
        >>> epochs_for(100, 10, steps=45, least=1, most=10)
        5
        >>> epochs_for(9, 9, steps=45, least=1, most=10)
        10
    """
    return min(most, max(least, math.ceil(steps / math.ceil(rows / batch_size))))
