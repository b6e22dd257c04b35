"""The head of a README, as the Hub reads it before it takes one."""

from __future__ import annotations

import importlib
from typing import Any

from .replies import Refusal

__all__ = ["check_metadata"]


def check_metadata(content: str) -> dict[str, Any]:
    """What is wrong with it. It isn't looked at where PyYAML isn't installed."""
    fine: dict[str, Any] = {"errors": [], "warnings": []}
    if not content.startswith("---\n"):
        return fine
    try:
        yaml: Any = importlib.import_module("yaml")
    except ModuleNotFoundError:
        return fine
    try:
        metadata = yaml.safe_load(content[4:].partition("\n---")[0])
    except yaml.YAMLError:
        raise _invalid("the metadata are no YAML") from None
    if not isinstance(metadata, dict | None):
        raise _invalid('"metadata" must be of type object')
    return fine


def _invalid(message: str) -> Refusal:
    return Refusal(400, message, errors=[{"message": message}], warnings=[])
