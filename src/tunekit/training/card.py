"""What an artifact says about itself, in ``artifact.json``. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ModelError
from ..shapes import Shape
from .recipe import Base, Method

__all__ = ["ADAPTER", "CARD", "ENCODER", "HEAD", "Artifact", "read_card"]

CARD = "artifact.json"
#: The tensors of what was put on the base model; all weights of the base model where they were
#: trained; an adapter's.
HEAD, ENCODER, ADAPTER = "head.safetensors", "encoder.safetensors", "adapter.safetensors"


class Artifact(BaseModel):
    """``artifact.json``: the labels in the order of the head's columns, and what it stands on.

    ``precision`` is that of the vectors it was trained on, ``temperature`` what the model's
    probabilities want (it isn't applied here). ``weights`` says whether the base model's own were
    trained, too: not at all (``"base"``), all of them (``"own"``), or by an adapter. ``options`` is
    what else the method must know when it answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    method: Method
    shape: Shape = Shape.LABELLED
    weights: Literal["base", "own", "adapter"] = "base"
    labels: tuple[str, ...]
    base: Base
    max_length: int = Field(ge=1)
    precision: str
    temperature: float | None
    options: Mapping[str, Any] = {}


def read_card(folder: Path) -> Artifact:
    """Read ``artifact.json``.

    Raises:
        ModelError: it is missing or damaged.
    """
    path = folder / CARD
    try:
        return Artifact.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"{path} can't be read ({error}). Train again, or copy it again."
        ) from error
