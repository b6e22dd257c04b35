"""A scorer that learns from lists of options: see :class:`tunekit.training.loop.Trainee`."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .listwise import beside, choices, losses
from .loop import Group
from .memory import with_less
from .option_rows import Lists
from .pooled import Tokens
from .scorer import Rates, Scorer

__all__ = ["AT_ONCE", "ListTrainee", "scores_of"]

#: Questions that are scored at once, where nothing is trained.
AT_ONCE = 64


class ListTrainee:
    """Examples are rows; a row's length is that of all that is read for it.

    Args:
        scorer: what is trained.
        rates: how fast.
        rows: to learn from.
        held_out: to judge by, or ``None``.
    """

    def __init__(self, scorer: Scorer, rates: Rates, rows: Lists, held_out: Lists | None) -> None:
        self._scorer, self._rates, self._orders = scorer, rates, rows.orders
        self._read = scorer.read(rows.questions)
        self._lengths = [sum(len(text.ids) for text in texts) for texts in self._read]
        self._held_out = None if held_out is None else scorer.read(held_out.questions)
        self._made = choices([] if held_out is None else held_out.orders)

    @property
    def module(self) -> torch.nn.Module:
        return self._scorer

    @property
    def lengths(self) -> Sequence[int]:
        return self._lengths

    def groups(self) -> Sequence[Group]:
        return self._scorer.groups(self._rates)

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        scores = module([self._read[place] for place in places])
        return losses(scores, choices([self._orders[place] for place in places])).sum()

    def amount(self, places: Sequence[int]) -> float:
        return float(len(places))

    def judge(self) -> torch.Tensor | None:
        if self._held_out is None:
            return None
        return losses(beside(scores_of(self._scorer, self._held_out)), self._made)


def scores_of(scorer: Scorer, read: Sequence[Sequence[Tokens]]) -> list[list[float]]:
    """The scores of tokenised questions, with nothing trained."""
    scorer.eval()
    return with_less(lambda at_once: _scores(scorer, read, at_once), AT_ONCE)


def _scores(scorer: Scorer, read: Sequence[Sequence[Tokens]], at_once: int) -> list[list[float]]:
    found: list[list[float]] = []
    with torch.no_grad():
        for start in range(0, len(read), at_once):
            part = read[start : start + at_once]
            for one, scores in zip(part, scorer(part).tolist(), strict=True):
                found.append(scores[: scorer.count(one)])
    return found
