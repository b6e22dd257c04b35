"""The head of a scorer before its encoder is trained: solved to the optimum on frozen features.

Loss, over rows ``i`` (see :mod:`tunekit.training.listwise` for theirs)::

    mean_i loss_i  +  weight_decay / 2 * sum(head ** 2)

It is convex, and a head of zeros is where nothing is learnt, so the penalty draws towards the
score that an option starts from. From this head on an encoder is trained: from a random one, its
features would be distorted before the head makes sense (Kumar et al., "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution", ICLR 2022, who call it LP-FT).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import torch

from .listwise import beside, choices, losses
from .scorer import Features

__all__ = ["Solved", "scored", "solve", "solve_best"]

#: Values of ``C = 1 / (weight_decay * rows)``, from smooth to sharp; and the one that is taken
#: where no row can be held out.
PATH = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
USUAL = 1.0
#: Up to so many rows all of them take their turn in being held out; above, one part of them is.
OUT_OF_FOLD_UP_TO = 2_000
FOLDS = 5
STEPS = 200
#: The largest part of the gradient that counts as none, in weight decays.
TOLERANCE = 0.01


class Solved(NamedTuple):
    """A head, and how it was regularised."""

    head: torch.Tensor
    strength: float


def solve_best(
    features: Features, orders: Sequence[Sequence[float]], rows: Sequence[int], seed: int
) -> Solved:
    """The head whose ``C`` does best on rows that are held out in turn.

    Args:
        features: of all options of all rows, one after the other, on the CPU.
        orders: for each row one number per option, higher is better.
        rows: places of the rows that are learnt from.
        seed: decides which rows are held out together.
    """
    folds = _folds(rows, seed)
    strength, lowest = USUAL, math.inf
    before: list[torch.Tensor | None] = [None] * len(folds)
    for tried in PATH if folds else ():
        heads = list[torch.Tensor | None]()
        total = 0.0
        for fold, start in zip(folds, before, strict=True):
            out = set(fold)
            others = [row for row in rows if row not in out]
            head = solve(features, orders, others, strength=tried, start=start)
            scores = scored(features, orders, fold, head)
            total += float(losses(beside(scores), choices([orders[row] for row in fold])).sum())
            heads.append(head)
        if total >= lowest:
            break
        strength, before, lowest = tried, heads, total
    return Solved(solve(features, orders, rows, strength=strength), strength)


def solve(
    features: Features,
    orders: Sequence[Sequence[float]],
    rows: Sequence[int],
    *,
    strength: float,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """The optimum of the loss above on some of the rows.

    Args:
        features: as in :func:`solve_best`, and so are orders and rows.
        orders: see there.
        rows: see there.
        strength: ``C``.
        start: a head from which to go on.
    """
    made = choices([orders[row] for row in rows])
    places = _places(orders, rows)
    head = torch.zeros(features.values.shape[1]) if start is None else start.clone()
    head.requires_grad_()
    decay = 1 / (strength * len(rows))
    optimizer = torch.optim.LBFGS(
        [head],
        max_iter=STEPS,
        history_size=20,
        tolerance_grad=TOLERANCE * decay,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        scores = features.start + features.values @ head
        value = losses(scores[places], made).mean() + decay / 2 * head.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return head.detach()


def scored(
    features: Features, orders: Sequence[Sequence[float]], rows: Sequence[int], head: torch.Tensor
) -> list[list[float]]:
    """The scores that a head gives to some of the rows."""
    scores = (features.start + features.values @ head)[_places(orders, rows)].tolist()
    return [one[: len(orders[row])] for row, one in zip(rows, scores, strict=True)]


def _places(orders: Sequence[Sequence[float]], rows: Sequence[int]) -> torch.Tensor:
    """Where the options of these rows stand, (rows, options); any where a row has fewer."""
    counts = [len(order) for order in orders]
    each = torch.arange(sum(counts)).split(counts)
    return torch.nn.utils.rnn.pad_sequence([each[row] for row in rows], batch_first=True)


def _folds(rows: Sequence[int], seed: int) -> list[list[int]]:
    if len(rows) < FOLDS:
        return []
    order = list(rows)
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    return [order[fold::FOLDS] for fold in range(FOLDS if len(rows) <= OUT_OF_FOLD_UP_TO else 1)]
