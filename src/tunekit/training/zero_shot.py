"""Heads that nobody trained: a label's weights are the vector of its description, and an option is
worth its likeness to the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..shapes import Shape
from .artifact import write_artifact
from .base_model import BaseModel
from .bi_encoder import BiEncoder
from .card import HEAD, Artifact
from .encoder import Encoder
from .head import Head
from .recipe import Recipe

__all__ = ["write_zero_shot"]

#: What a similarity between -1 and 1 is multiplied by to be a logit: the customary factor of
#: sentence encoders, which they were trained with.
SCALE = 20.0


def write_zero_shot(folder: Path, recipe: Recipe, descriptions: Mapping[str, str]) -> None:
    """Write an artifact whose probabilities come from similarity to descriptions, or for the ranked
    shape, of options to their question. A language model needs nothing: it is asked as it is.

    Args:
        folder: new.
        recipe: base weights, shape and labels.
        descriptions: by label; one without is described by its name.

    Raises:
        WeightsError: the base weights can't be loaded.
        StoreError: the folder exists, or the disk refused.
    """
    if recipe.shape in (Shape.CHAT, Shape.PAIR):
        _write_untouched(folder, recipe)
        return
    if recipe.shape is Shape.RANKED:
        _write_likeness(folder, recipe)
        return
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


def _write_untouched(folder: Path, recipe: Recipe) -> None:
    card = Artifact(
        method="zero-shot",
        shape=recipe.shape,
        labels=(),
        base=recipe.base,
        max_length=recipe.max_length,
        precision="fp32",
        temperature=None,
    )
    write_artifact(folder, card, {})


def _write_likeness(folder: Path, recipe: Recipe) -> None:
    scorer = BiEncoder(BaseModel.of(recipe))
    card = Artifact(
        method="bi-encoder",
        shape=Shape.RANKED,
        labels=(),
        base=recipe.base,
        max_length=recipe.max_length,
        precision=scorer.model.precision,
        temperature=None,
    )
    write_artifact(folder, card, {HEAD: {"head": scorer.head.detach()}})


def _texts(labels: Sequence[str], descriptions: Mapping[str, str]) -> list[str]:
    return [
        descriptions.get(label) or label.replace("_", " ").replace("-", " ") for label in labels
    ]
