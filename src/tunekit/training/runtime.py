"""An artifact at work: texts in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import ModelError
from ..shapes import Passage, Weights
from .artifact import read_artifact
from .card import Artifact
from .encoder import Encoder, Progress
from .head import Head
from .recipe import Precision

__all__ = ["Runtime", "load"]


class Runtime:
    """A loaded head. Safe to use from several threads: nothing in it changes."""

    def __init__(self, card: Artifact, head: Head, encoder: Encoder) -> None:
        if head.weight.shape[0] != encoder.dimensions:
            raise ModelError(
                f"the head is for vectors of {head.weight.shape[0]} numbers, and {card.base.name} "
                f"gives {encoder.dimensions}. Give the base model that it was trained on."
            )
        self.card = card
        self._head = head
        self._encoder = encoder

    def predict(
        self, passages: Sequence[Passage], progress: Progress | None = None
    ) -> list[Weights]:
        """The probabilities of all labels, highest first, for each passage in order.

        They are those of the head alone: the temperature belongs to the model. ``progress`` is
        told after each batch how many texts it had; what it raises ends the work.
        """
        vectors = self._encoder.encode([passage.text for passage in passages], progress)
        with torch.inference_mode():
            probabilities = self._head.logits(vectors).softmax(1)
            # Stable, so that labels of equal probability keep their order.
            ranked = probabilities.sort(dim=1, descending=True, stable=True)
        labels = self.card.labels
        return [
            Weights(tuple(zip([labels[place] for place in places], values, strict=True)))
            for places, values in zip(ranked.indices.tolist(), ranked.values.tolist(), strict=True)
        ]


def load(
    artifact: Path,
    base_path: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    precision: Precision = "auto",
) -> Runtime:
    """Load an artifact and its base weights.

    Args:
        artifact: the folder that a training left.
        base_path: the folder of the base weights.
        device: ``"auto"`` or a torch device.
        threads: of torch on the CPU; ``None`` leaves torch's own choice.
        precision: ``"auto"`` is fp32, so that a model answers alike on every machine; bf16 is
            about three times as fast where the chip is good at it, and moves probabilities in the
            second digit.

    Raises:
        ModelError: the artifact can't be read.
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    card, head = read_artifact(artifact)
    encoder = Encoder(
        card.base,
        base_path,
        max_length=card.max_length,
        device=device,
        threads=threads,
        precision="fp32" if precision == "auto" else precision,
    )
    return Runtime(card, head, encoder)
