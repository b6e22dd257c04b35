"""What gives each option of a question a score: an encoder, and a linear head on its vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn.functional import normalize

from ..shapes import Question
from .base_model import BaseModel
from .loop import Group
from .pooled import Text, Tokens, pooled, tokens_of
from .trained_weights import trainable

__all__ = ["Features", "Rates", "Scorer"]


class Rates(NamedTuple):
    """How fast the base model learns and how fast the head, and the weight decay of both."""

    base: float
    head: float
    weight_decay: float


class Features(NamedTuple):
    """What a head sees of options, one after the other: (options, features), and the score that
    each has before the head says anything, (options,)."""

    values: torch.Tensor
    start: torch.Tensor


class Scorer(torch.nn.Module, ABC):
    """Questions in, scores of their options out.

    A head of zeros leaves every option the score it starts from. Equal options get equal scores,
    whatever stands beside them.

    Args:
        model: the base model; its module is part of this one.
        features: how many the head sees.
    """

    def __init__(self, model: BaseModel, features: int) -> None:
        super().__init__()
        self.model = model
        self.base = model.module
        self.head = torch.nn.Parameter(torch.zeros(features, device=model.device))

    @abstractmethod
    def texts(self, question: Question) -> list[Text]:
        """All that has to be encoded for a question."""

    @abstractmethod
    def count(self, read: Sequence[Tokens]) -> int:
        """How many options a tokenised question has."""

    @abstractmethod
    def of_vectors(self, vectors: torch.Tensor, places: Sequence[Sequence[int]]) -> Features:
        """The features of the options, given the vectors (of length 1) of all texts, and for each
        question the places of its texts."""

    def read(self, questions: Sequence[Question]) -> list[list[Tokens]]:
        """These questions, tokenised."""
        each = [self.texts(question) for question in questions]
        tokens = tokens_of(self.model, [text for texts in each for text in texts])
        return [[next(tokens) for _ in texts] for texts in each]

    def features(self, read: Sequence[Sequence[Tokens]], *, alike: bool = False) -> Features:
        """The features of all options of tokenised questions. Equal texts are encoded once.

        ``alike``: see :func:`tunekit.training.pooled.pooled`.
        """
        place: dict[tuple[int, ...], int] = {}
        different: list[Tokens] = []
        places: list[list[int]] = []
        for texts in read:
            places.append([])
            for text in texts:
                key = (*text.ids, -1, *text.types)
                if key not in place:
                    place[key] = len(different)
                    different.append(text)
                places[-1].append(place[key])
        vectors = pooled(self.model, different, alike=alike)
        if alike:  # rounded in the end, which hides in what order a machine sums
            vectors = vectors.cpu().double()
        vectors = normalize(vectors, dim=-1)
        return self.of_vectors(vectors, places)

    def forward(self, read: Sequence[Sequence[Tokens]]) -> torch.Tensor:
        """The scores of tokenised questions, (questions, options), 0 where one has fewer."""
        features = self.features(read)
        scores = features.start + features.values @ self.head
        parts = scores.split([self.count(one) for one in read])
        return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)

    def alone(self, read: Sequence[Sequence[Tokens]]) -> torch.Tensor:
        """The scores of all options, (options,), each as if it were the only one."""
        values, start = self.features(read, alike=True)
        return (start + (values * self.head.cpu().double()).sum(1)).float()

    def set_head(self, head: torch.Tensor) -> None:
        """Take this head over."""
        with torch.no_grad():
            self.head.copy_(head)

    def groups(self, rates: Rates) -> list[Group]:
        """All that is trained."""
        return [
            Group(list(trainable(self.model)), rates.base, rates.weight_decay),
            Group([self.head], rates.head, rates.weight_decay),
        ]
