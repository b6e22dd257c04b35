"""A language model that learns answers: see :class:`tunekit.training.loop.Trainee`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import torch

from ..batches import within
from ..loop import Group
from ..memory import with_less

__all__ = ["AnswerTrainee", "Row", "losses_of", "sums_of"]


class Row(Protocol):
    """What is asked and what is to be said: all tokens, and how many of them count in the loss."""

    @property
    def ids(self) -> list[int]: ...
    @property
    def learnt(self) -> int: ...


class AnswerTrainee:
    """Examples are rows; the loss is the mean over the tokens of all answers.

    Args:
        module: what is trained. It gives the loss of each token that is learnt, row after row.
        groups: its parameters.
        rows: to learn from.
        held_out: to judge by; may be empty.
        tokens: that are judged at once.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        groups: Sequence[Group],
        rows: Sequence[Row],
        held_out: Sequence[Row],
        tokens: int,
    ) -> None:
        self.module: torch.nn.Module = module
        self.lengths = [len(row.ids) for row in rows]
        self._judged = module
        self._groups, self._rows = groups, rows
        self._held_out, self._tokens = held_out, tokens

    def groups(self) -> Sequence[Group]:
        return self._groups

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        losses: torch.Tensor = module([self._rows[place] for place in places])
        return losses.sum()

    def amount(self, places: Sequence[int]) -> float:
        return float(sum(self._rows[place].learnt for place in places))

    def judge(self) -> torch.Tensor | None:
        if not self._held_out:
            return None
        return losses_of(self._judged, self._held_out, self._tokens)


def losses_of(module: torch.nn.Module, rows: Sequence[Row], tokens: int) -> torch.Tensor:
    """The mean loss of each answer, (rows,), on the CPU, with nothing trained.

    Args:
        module: the model.
        rows: conversations with their answers.
        tokens: that are computed at once.
    """
    return sums_of(module, rows, tokens) / torch.tensor([float(row.learnt) for row in rows])


def sums_of(module: torch.nn.Module, rows: Sequence[Row], tokens: int) -> torch.Tensor:
    """The negative log-likelihood of each answer, (rows,), on the CPU, with nothing trained."""
    return with_less(partial(_sums, module, rows), tokens)


def _sums(module: torch.nn.Module, rows: Sequence[Row], tokens: int) -> torch.Tensor:
    found = torch.empty(len(rows))
    lengths = [len(row.ids) for row in rows]
    with torch.inference_mode():
        for places in within(lengths, range(len(rows)), tokens):
            some = [rows[place] for place in places]
            losses = module(some).float().cpu().split([row.learnt for row in some])
            found[places] = torch.stack([one.sum() for one in losses])
    return found
