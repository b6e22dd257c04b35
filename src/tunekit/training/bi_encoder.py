"""Options by likeness: the question has a vector, each option has one, and they are compared.

The score of an option ``o`` of a question ``q``, both vectors of length 1, with a head ``(w, v)``::

    20 * q·o   +   w·o   +   10 * v * q·o

With a head of zeros that is the pretrained sentence encoder's similarity, at the factor that such
encoders are trained with. ``w·o`` is what an option is worth whatever the question: without it an
encoder has to learn that by moving all questions, and it is often most of what there is to learn.

An option is encoded once for all questions that have it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..shapes import Question
from .base_model import BaseModel
from .pooled import Text, Tokens
from .questions import asked
from .scorer import Features, Scorer

__all__ = ["BiEncoder"]

#: What a similarity is multiplied by before anything was learnt (as in
#: :mod:`tunekit.training.zero_shot`), and what one unit of the head's weight adds to that.
SCALE, UNIT = 20.0, 10.0


class BiEncoder(Scorer):
    """A question and its options are read apart."""

    def __init__(self, model: BaseModel) -> None:
        super().__init__(model, model.dimensions + 1)

    def texts(self, question: Question) -> list[Text]:
        return [asked(question), *question.options]

    def count(self, read: Sequence[Tokens]) -> int:
        return len(read) - 1

    def of_vectors(self, vectors: torch.Tensor, places: Sequence[Sequence[int]]) -> Features:
        questions = [first for first, *options in places for _ in options]
        options = vectors[[place for _, *options in places for place in options]]
        likeness = (vectors[questions] * options).sum(1)
        return Features(torch.cat([options, UNIT * likeness[:, None]], 1), SCALE * likeness)
