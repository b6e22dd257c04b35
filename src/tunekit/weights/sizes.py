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
HEADS = ("num_attention_heads", "n_heads", "num_heads")
HEAD = ("head_dim", "d_kv")


class Size(NamedTuple):
    """The size of a base model.

    ``dimensions`` is the length of a token's vector, ``inner`` that within a layer; ``bytes`` are
    those of the files of weights. Of language models ``vocabulary`` counts the tokens, ``queries``
    and ``keys`` are the lengths of what attention compares; 0 where that isn't known.
    """

    dimensions: int
    layers: int
    inner: int
    bytes: int
    vocabulary: int = 0
    queries: int = 0
    keys: int = 0


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
    heads, head = (_first(config, names) for names in (HEADS, HEAD))
    head = head or dimensions // max(1, heads)
    return Size(
        dimensions,
        layers,
        inner or 4 * dimensions,
        stored,
        vocabulary=_first(config, ("vocab_size",)),
        queries=heads * head,
        keys=(_first(config, ("num_key_value_heads",)) or heads) * head,
    )


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    for name in names:
        stated = config.get(name)
        if type(stated) is int and stated > 0:
            return stated
    return 0
