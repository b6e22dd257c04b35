"""What an artifact says about itself, in ``artifact.json``. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import ModelError
from .recipe import Base

__all__ = ["CARD", "HEAD", "Artifact", "read_card"]

CARD = "artifact.json"
HEAD = "head.safetensors"


class Artifact(BaseModel):
    """``artifact.json``: the labels in the order of the head's columns, and what it stands on.

    ``precision`` is that of the vectors it was trained on, ``temperature`` what the model's
    probabilities want (it isn't applied here).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    method: Literal["head", "zero-shot"]
    labels: tuple[str, ...]
    base: Base
    max_length: int = Field(ge=1)
    precision: str
    temperature: float | None


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
