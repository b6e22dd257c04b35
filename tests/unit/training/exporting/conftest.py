"""Small models on their way out: an encoder of each kind, with heads that nobody trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tunekit.shapes import Shape
from tunekit.training.card import HEAD, Artifact
from tunekit.training.recipe import Base

if TYPE_CHECKING:
    from tunekit.training.loading import Kept

LABELS = ("no", "yes", "007")
#: How each kind is trained: method, shape, labels and options.
KINDS: dict[str, dict[str, Any]] = {
    "labels": {"method": "head", "shape": Shape.LABELLED, "labels": LABELS},
    "spans": {
        "method": "full",
        "shape": Shape.SPANNED,
        "labels": ("who", "where"),
        "options": {"whole_words": True},
    },
    "bi-encoder": {"method": "bi-encoder", "shape": Shape.RANKED, "labels": ()},
    "cross-encoder": {"method": "cross-encoder", "shape": Shape.RANKED, "labels": ()},
}
#: The tensors of a head on 32 dimensions, by kind.
HEADS = {
    "labels": {"weight": (32, 3), "bias": (3,)},
    "spans": {"weight": (5, 32), "bias": (5,)},
    "bi-encoder": {"head": (33,)},
    "cross-encoder": {"head": (32,)},
}


def base_of(**changes: Any) -> Base:
    facts = {"name": "tiny", "files": (("model.safetensors", "0"),), "max_length": 48, "limit": 64}
    return Base.model_validate({**facts, **changes})


@pytest.fixture
def kept(tiny_encoder: Path, tmp_path: Path) -> Callable[..., Kept]:
    """Makes an artifact of a kind and gives it as it is loaded."""
    import torch

    from tunekit.training.artifact import write_artifact
    from tunekit.training.loading import Kept

    def made(kind: str, **changes: Any) -> Kept:
        chance = torch.Generator().manual_seed(1)
        tensors = {
            name: torch.randn(shape, generator=chance) for name, shape in HEADS[kind].items()
        }
        facts = {**KINDS[kind], "base": base_of(), "max_length": 48}
        card = Artifact.model_validate(
            {"precision": "fp32", "temperature": None, **facts, **changes}
        )
        write_artifact(tmp_path / "artifact", card, {HEAD: tensors})
        return Kept(card, tmp_path / "artifact", tiny_encoder)

    return made
