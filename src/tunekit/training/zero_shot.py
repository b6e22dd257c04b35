"""A head that nobody trained: a label's weights are the vector of its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from .artifact import write_artifact
from .card import HEAD, Artifact
from .encoder import Encoder
from .head import Head
from .recipe import Recipe

__all__ = ["write_zero_shot"]

#: What a similarity between -1 and 1 is multiplied by to be a logit: the customary factor of
#: sentence encoders, which they were trained with.
SCALE = 20.0


def write_zero_shot(folder: Path, recipe: Recipe, descriptions: Mapping[str, str]) -> None:
    """Write an artifact whose probabilities come from similarity to descriptions.

    Args:
        folder: new.
        recipe: base weights and labels.
        descriptions: by label; one without is described by its name.

    Raises:
        WeightsError: the base weights can't be loaded.
        StoreError: the folder exists, or the disk refused.
    """
    encoder = Encoder(
        recipe.base,
        Path(recipe.base_path),
        max_length=recipe.max_length,
        device=recipe.device,
        threads=recipe.threads,
        precision="fp32",
    )
    vectors = encoder.encode(_texts(recipe.labels, descriptions))
    card = Artifact(
        method="zero-shot",
        labels=recipe.labels,
        base=recipe.base,
        max_length=recipe.max_length,
        precision=encoder.precision,
        temperature=None,
    )
    head = Head(SCALE * vectors.T, torch.zeros(len(recipe.labels)))
    write_artifact(folder, card, {HEAD: head._asdict()})


def _texts(labels: Sequence[str], descriptions: Mapping[str, str]) -> list[str]:
    return [
        descriptions.get(label) or label.replace("_", " ").replace("-", " ") for label in labels
    ]
