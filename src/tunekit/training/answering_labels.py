"""Labels for texts, with their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import ModelError
from ..shapes import Passage, Weights
from .artifact import read_tensors
from .base_model import choose_precision
from .card import CARD, HEAD, Artifact
from .encoder import Encoder, Progress
from .head import Head
from .loading import Kept
from .narrow import logits_of_many

__all__ = ["Labels", "answering", "read_head"]

#: Texts whose vectors are held at once.
AT_ONCE = 4_096
#: So few texts are quick enough as they are.
MANY = 256


class Labels:
    """A head on an encoder. Nothing in it changes.

    Args:
        card: what the artifact says about itself.
        head: its head.
        encoder: its encoder, which computes in fp32 unless the user wants something else.
        quick: whether many texts may be computed in bf16 first: see :mod:`.narrow`.
    """

    def __init__(
        self, card: Artifact, head: Head, encoder: Encoder, *, quick: bool = False
    ) -> None:
        if head.weight.shape[0] != encoder.dimensions:
            raise ModelError(
                f"the head is for vectors of {head.weight.shape[0]} numbers, and {card.base.name} "
                f"gives {encoder.dimensions}. Give the base model that it was trained on."
            )
        self.card = card
        self._head = head
        self._encoder = encoder
        self._quick = quick

    def predict(
        self, passages: Sequence[Passage], progress: Progress | None = None
    ) -> list[Weights]:
        """The probabilities of all labels, highest first, for each passage in order."""
        answers: list[Weights] = []
        for start in range(0, len(passages), AT_ONCE):
            texts = [passage.text for passage in passages[start : start + AT_ONCE]]
            answers += self._answers(texts, progress)
        return answers

    def _answers(self, texts: list[str], progress: Progress | None) -> list[Weights]:
        if self._quick and len(texts) >= MANY and len(self._head.bias) > 1:
            logits = logits_of_many(self._encoder, self._head, texts, progress)
        else:
            logits = self._head.logits(self._encoder.encode(texts, progress))
        # Stable, so that labels of equal probability keep their order.
        ranked = logits.softmax(1).sort(dim=1, descending=True, stable=True)
        labels = self.card.labels
        return [
            Weights(tuple(zip([labels[place] for place in places], values, strict=True)))
            for places, values in zip(ranked.indices.tolist(), ranked.values.tolist(), strict=True)
        ]


def answering(kept: Kept) -> Labels:
    """Load a head and its encoder.

    Raises:
        ModelError: the head can't be read, or doesn't fit.
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    card, artifact = kept.card, kept.folder
    encoder = kept.model(Encoder)
    quick = kept.precision == "auto" and choose_precision("auto", encoder.device) == "bf16"
    return Labels(card, read_head(card, artifact), encoder, quick=quick)


def read_head(card: Artifact, artifact: Path) -> Head:
    """The head of an artifact.

    Raises:
        ModelError: it is missing, damaged, or doesn't fit the labels.
    """
    tensors = read_tensors(artifact)
    path = artifact / HEAD
    try:
        head = Head(tensors["weight"], tensors["bias"])
    except KeyError as error:
        raise ModelError(f"{path} has no {error}. Train again, or copy it again.") from error
    fits = head.weight.ndim == 2 and head.weight.shape[1] == len(card.labels) == len(head.bias)
    if not fits or head.weight.dtype != torch.float32:
        raise ModelError(
            f"{path} doesn't fit the {len(card.labels)} labels of {CARD}. "
            "Train again, or copy it again."
        )
    return head
