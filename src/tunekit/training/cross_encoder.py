"""Options in view of the question: both are read together, once for every option.

The score is linear in the vector of the pair. It sees what a comparison of two vectors can't, and
costs more: a question is read again for every option.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..shapes import Question
from .base_model import BaseModel
from .pooled import Text, Tokens
from .questions import asked
from .scorer import Features, Scorer

__all__ = ["CrossEncoder"]


class CrossEncoder(Scorer):
    """A question is read along with each of its options."""

    def __init__(self, model: BaseModel) -> None:
        super().__init__(model, model.dimensions)

    def texts(self, question: Question) -> list[Text]:
        return [(asked(question), option) for option in question.options]

    def count(self, read: Sequence[Tokens]) -> int:
        return len(read)

    def of_vectors(self, vectors: torch.Tensor, places: Sequence[Sequence[int]]) -> Features:
        pairs = vectors[[place for options in places for place in options]]
        return Features(pairs, pairs.new_zeros(len(pairs)))
