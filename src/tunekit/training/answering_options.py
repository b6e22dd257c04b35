"""Scores and probabilities for the options of questions.

What a question is answered depends on nothing but itself: only texts of equal length are computed
together, so other questions change no more than the last digit of a score, and the order of the
options changes nothing; options of equal tokens have equal scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ..errors import ModelError
from ..shapes import Order, Question
from .artifact import read_tensors
from .base_model import BaseModel
from .card import HEAD, Artifact
from .encoder import Progress
from .loading import Kept
from .option_tuning import KINDS
from .scorer import Scorer

__all__ = ["Options", "answering", "probabilities_of", "scorer_of"]

#: Questions that are computed together. Many have many texts of equal length.
AT_ONCE = 256


class Options:
    """A scorer at work. Nothing in it changes."""

    def __init__(self, card: Artifact, scorer: Scorer) -> None:
        self.card = card
        self._scorer = scorer.eval()

    def predict(
        self, questions: Sequence[Question], progress: Progress | None = None
    ) -> list[Order]:
        """A score and a probability for each option of each question, in order."""
        answers: list[Order] = []
        for start in range(0, len(questions), AT_ONCE):
            part = questions[start : start + AT_ONCE]
            answers.extend(self._orders(part))
            if progress is not None:
                progress(len(part))
        return answers

    def _orders(self, questions: Sequence[Question]) -> list[Order]:
        read = self._scorer.read(questions)
        with torch.inference_mode():
            scores = self._scorer.alone(read).tolist()
        orders, at = [], 0
        for question in questions:
            own = tuple(scores[at : at + len(question.options)])
            at += len(own)
            orders.append(Order(own, probabilities_of(own)))
        return orders


def answering(kept: Kept) -> Options:
    """Load a scorer of options; raises as :func:`scorer_of` does."""
    return Options(kept.card, scorer_of(kept))


def scorer_of(kept: Kept) -> Scorer:
    """The scorer of an artifact.

    Raises:
        ModelError: it can't be read, or doesn't fit.
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    card, artifact = kept.card, kept.folder
    kind = card.method
    if kind not in ("bi-encoder", "cross-encoder"):
        raise ModelError(
            f"{artifact} was trained by {kind!r}, which doesn't rank options. Train again."
        )
    model = kept.model(BaseModel)
    scorer = KINDS[kind](model)
    head = read_tensors(artifact).get("head")
    if head is None or head.shape != scorer.head.shape or head.dtype != torch.float32:
        raise ModelError(
            f"{artifact / HEAD} doesn't fit a {kind} on {card.base.name}. "
            "Train again, or copy it again."
        )
    scorer.set_head(head)
    return scorer.eval()


def probabilities_of(scores: Sequence[float]) -> tuple[float, ...]:
    """How likely each option is the best, given the scores of all."""
    if not scores:
        return ()
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = math.fsum(powers)  # exact, so that the order of the options makes no difference
    return tuple(power / total for power in powers)
