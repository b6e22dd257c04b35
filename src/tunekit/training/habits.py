"""What each learner does where nobody says otherwise. No torch here: plans are made from it."""

from __future__ import annotations

from typing import NamedTuple

from .course import epochs_for
from .recipe import Settings

__all__ = ["ENOUGH", "LABELLED", "PAIRED", "RANKED", "SPANNED", "SPOKEN", "Habit"]

#: From so many rows on, tuning a classifier's encoder is taken unless it is clearly worse than a
#: head; below, only if it is clearly better.
ENOUGH = 1_000


class Habit(NamedTuple):
    """How a base model is tuned.

    ``steps`` are the optimizer steps that a small set gets in all, in ``least`` to ``most`` epochs
    (``few`` at most where the set is larger than ``small`` rows). ``held_out`` is the share of the
    rows that is held out, as far as that is no more than ``held_out_most`` rows; of fewer than
    ``from_rows`` none is.
    """

    batch_size: int
    steps: int
    least: int
    most: int
    held_out: float
    held_out_most: int
    from_rows: int = 0
    small: int | None = None
    few: int = 0
    warmup: float = 0.1
    weight_decay: float = 0.01

    def epochs(self, rows: int, settings: Settings) -> int:
        """How often so many rows are seen; what is set counts."""
        if settings.epochs is not None:
            return settings.epochs
        most = self.most if self.small is None or rows <= self.small else self.few
        size = settings.batch_size or self.batch_size
        return epochs_for(rows, size, steps=self.steps, least=self.least, most=most)

    def left_out(self, rows: int) -> int:
        """About how many of these rows are held out."""
        if rows < self.from_rows:
            return 0
        return min(self.held_out_most, int(self.held_out * rows))


LABELLED = Habit(32, steps=150, least=1, most=5, held_out=0.2, held_out_most=1_000)
SPANNED = Habit(16, steps=300, least=3, most=20, held_out=0.1, held_out_most=500, from_rows=200)
RANKED = Habit(
    16,
    steps=150,
    least=1,
    most=4,
    held_out=0.2,
    held_out_most=2_000,
    from_rows=40,
    small=320,
    few=2,
)
#: Answers of a language model. Few rows are kept for judging: each is dear to learn from.
SPOKEN = Habit(
    8,
    steps=375,
    least=1,
    most=6,
    held_out=0.05,
    held_out_most=200,
    from_rows=1_000,
    small=200,
    few=3,
    weight_decay=0.0,
)
#: Pairs of answers.
PAIRED = Habit(
    8,
    steps=100,
    least=1,
    most=5,
    held_out=0.1,
    held_out_most=200,
    from_rows=200,
    weight_decay=0.0,
)
