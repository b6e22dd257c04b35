"""The loss of a list of options: how likely its order was, given a score for each.

Of scores ``s`` over the options ``R`` that are left, the probability that ``i`` is the best is
``softmax_R(s)_i`` (Luce, "Individual Choice Behavior", 1959). A ranking is chosen from the top
down, each time among those that are left (Plackett, "The Analysis of Permutations", 1975), and the
loss is minus the logarithm of its probability: ListMLE (Xia et al., "Listwise Approach to Learning
to Rank", ICML 2008, section 4). Where only the best is known the first choice is all there is, and
the loss is cross-entropy; with two options it is the pairwise logistic loss.

Options that are tied are chosen in one go, which counts as one choice: the loss is the mean of what
each of them would cost among all that are left (Breslow's approximation for ties, "Covariance
Analysis of Censored Survival Data", Biometrics 1974, per tied option). It is lowest where they
share the probability equally. The last ones are left over, so they aren't chosen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

__all__ = ["Choices", "beside", "choices", "losses"]

#: Stands for "not to be chosen". Finite: it is multiplied by 0.
NEVER = -1e9


class Choices(NamedTuple):
    """All choices of some rows, side by side.

    ``row`` (choices,) says whose each is, ``left`` (choices, options) which options are left, and
    ``taken`` (choices, options) how much of one choice each option takes: all of it, or an equal
    share where several are tied.
    """

    row: torch.Tensor
    left: torch.Tensor
    taken: torch.Tensor


def choices(orders: Sequence[Sequence[float]]) -> Choices:
    """The choices that lead to these orders.

    Args:
        orders: for each row one number per option, higher is better, equal is a tie.
    """
    widest = max(map(len, orders), default=0)
    row: list[int] = []
    left: list[list[bool]] = []
    taken: list[list[float]] = []
    for place, order in enumerate(orders):
        padded = [*order, *[-math.inf] * (widest - len(order))]
        for level in sorted(set(order), reverse=True)[:-1]:
            tied = sum(one == level for one in order)
            row.append(place)
            left.append([one <= level and at < len(order) for at, one in enumerate(padded)])
            taken.append([(one == level) / tied for one in padded])
    return Choices(
        torch.tensor(row, dtype=torch.long),
        torch.tensor(left, dtype=torch.bool).reshape(len(row), widest),
        torch.tensor(taken, dtype=torch.float32).reshape(len(row), widest),
    )


def losses(scores: torch.Tensor, made: Choices) -> torch.Tensor:
    """The loss of each row, (rows,).

    Args:
        scores: (rows, options), float32; where a row has fewer options, anything.
        made: the choices of these rows.

    Example:
        Nothing known of three options, one of which is the best.

        >>> value = losses(torch.zeros(1, 3), choices([[1.0, 0.0, 0.0]]))
        >>> round(float(value.exp()), 4)
        3.0
    """
    row, left, taken = (one.to(scores.device) for one in made)
    logs = scores[row].masked_fill(~left, NEVER).log_softmax(1)
    each = -(logs * taken).sum(1)
    return torch.zeros(len(scores), device=scores.device).index_add(0, row, each)


def beside(scores: Sequence[Sequence[float]]) -> torch.Tensor:
    """Scores of several rows as (rows, options), filled up where a row has fewer."""
    if not scores:
        return torch.empty(0, 0)
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in scores], batch_first=True)
