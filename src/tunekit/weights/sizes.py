"""How large a base model is: the numbers that its time and memory follow from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from .folder import BaseWeights

__all__ = ["Size", "read_size"]

#: What a number is called in ``config.json``, by kind of model: the first that is there counts.
DIMENSIONS = ("hidden_size", "dim", "d_model")
LAYERS = ("num_hidden_layers", "n_layers", "num_layers")
INNER = ("intermediate_size", "hidden_dim", "d_ff")


class Size(NamedTuple):
    """The size of an encoder.

    ``dimensions`` is the length of a token's vector, ``inner`` that within a layer; ``bytes`` are
    those of the files of weights.
    """

    dimensions: int
    layers: int
    inner: int
    bytes: int


def read_size(weights: BaseWeights) -> Size | None:
    """The size of these weights, or ``None`` where their ``config.json`` doesn't say it."""
    try:
        config = orjson.loads((weights.path / "config.json").read_bytes())
        stored = sum(file.stat().st_size for file in weights.path.glob("*.safetensors"))
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(config, dict):
        return None
    dimensions, layers, inner = (_first(config, names) for names in (DIMENSIONS, LAYERS, INNER))
    if not (dimensions and layers and stored):
        return None
    return Size(dimensions, layers, inner or 4 * dimensions, stored)


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    for name in names:
        stated = config.get(name)
        if type(stated) is int and stated > 0:
            return stated
    return 0
