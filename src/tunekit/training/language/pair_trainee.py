"""A language model that learns which of two answers is better (DPO).

The loss of a pair is ``-log(sigmoid(beta * (m - r)))``, where ``m`` is by how much the model finds
the better answer likelier than the other one (in log-probabilities), and ``r`` is by how much the
base model did. Rafailov et al. 2023, "Direct Preference Optimization", equation 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn.functional import logsigmoid

from ..loop import Group
from .answer_trainee import sums_of
from .completion import Completion
from .sequences import Spoken

__all__ = ["Pair", "PairTrainee", "leads_of"]


class Pair(NamedTuple):
    """Two answers to the same conversation."""

    chosen: Spoken
    rejected: Spoken

    @property
    def tokens(self) -> int:
        """Of both, with their prompts, side by side."""
        return 2 * max(len(self.chosen.ids), len(self.rejected.ids))


class Known(NamedTuple):
    """Pairs, and how likely the base model finds the better answer: see :func:`leads_of`."""

    pairs: Sequence[Pair]
    leads: torch.Tensor


class PairTrainee:
    """Examples are pairs, see :class:`tunekit.training.loop.Trainee`; the loss is their mean.

    Args:
        module: what is trained.
        groups: its parameters.
        rows: to learn from.
        held_out: to judge by; may be empty.
        beta: how dear it is to answer otherwise than the base model would.
        tokens: that are judged at once.
    """

    def __init__(
        self,
        module: Completion,
        groups: Sequence[Group],
        rows: Known,
        held_out: Known,
        beta: float,
        tokens: int,
    ) -> None:
        self.module: torch.nn.Module = module
        self.lengths = [pair.tokens for pair in rows.pairs]
        self._judged = module
        self._groups, self._rows = groups, rows
        self._held_out, self._beta, self._tokens = held_out, beta, tokens

    def groups(self) -> Sequence[Group]:
        return self._groups

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        pairs = [self._rows.pairs[place] for place in places]
        rows = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
        losses = module(rows).split([row.learnt for row in rows])
        surprise = torch.stack([one.sum() for one in losses])
        leads = surprise[len(pairs) :] - surprise[: len(pairs)]
        before = self._rows.leads[list(places)].to(leads.device)
        return -logsigmoid(self._beta * (leads - before)).sum()

    def amount(self, places: Sequence[int]) -> float:
        return float(len(places))

    def margins(self) -> torch.Tensor:
        """Of the pairs that aren't learnt from, how much more than the base model's the lead of the
        better answer is worth: ``beta * (m - r)``, (pairs,)."""
        leads = leads_of(self._judged, self._held_out.pairs, self._tokens)
        return self._beta * (leads - self._held_out.leads)

    def judge(self) -> torch.Tensor | None:
        return -logsigmoid(self.margins()) if self._held_out.pairs else None


def leads_of(module: Completion, pairs: Sequence[Pair], tokens: int) -> torch.Tensor:
    """By how much each better answer is likelier than the other one, with nothing trained: in
    log-probabilities, (pairs,), on the CPU."""
    if not pairs:
        return torch.empty(0)
    rows = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
    surprise = sums_of(module, rows, tokens)
    return surprise[len(pairs) :] - surprise[: len(pairs)]
