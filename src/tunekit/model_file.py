"""What is written down of a model: ``model.json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from .backends.registry import task_class
from .durable import disk_errors
from .errors import ModelError
from .shapes import Shape
from .tasks.base import Prompt, Task

__all__ = ["Kind", "SavedModel", "read_model_file", "stored_task"]

Kind: TypeAlias = Literal["tuned", "prompted", "zero-shot", "trivial"]


class SavedModel(BaseModel):
    """``model.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    kind: Kind
    task: dict[str, Any]
    prompt: Prompt
    backend: tuple[str, str, dict[str, Any]]
    model: str
    shape: Shape
    ref: str
    temperature: float | None
    provenance: dict[str, Any]


def read_model_file(folder: Path) -> SavedModel:
    """What a folder says of the model that is in it.

    Raises:
        ModelError: it holds none, or a damaged one.
    """
    path = folder / "model.json"
    with disk_errors(f"reading {path}"):
        if not path.is_file():
            raise ModelError(
                f"{folder} holds no model: there is no model.json in it. Give a folder that "
                "model.save wrote."
            )
        text = path.read_bytes()
    try:
        return SavedModel.model_validate(orjson.loads(text), strict=False)
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise ModelError(
            f"{path} is damaged or of another version of tunekit ({error}). Save the model again."
        ) from error


def stored_task(kept: Mapping[str, Any]) -> Task:
    """The task that a job or model keeps: its registered kind, and its fields."""
    fields = {name: value for name, value in kept.items() if name != "kind"}
    try:
        return task_class(kept["kind"])(**fields)
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"the task {dict(kept)!r:.200} can't be read ({error}). It was written by another "
            "version of tunekit, or damaged. Save the model again."
        ) from error
