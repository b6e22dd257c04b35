"""Handing a model of transformers the keys and values that it has computed already."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

__all__ = ["remembered"]


def remembered(module: Any, cache: Any) -> dict[str, Any]:
    """The arguments by which a module goes on from this cache, and fills it."""
    return {_name(type(module)): cache, "use_cache": True}


@lru_cache(maxsize=32)
def _name(kind: type) -> str:
    # Called past_key_values until version 5.23, and warned about since.
    there = inspect.signature(getattr(kind, "forward")).parameters  # noqa: B009 - of any module
    return "cache" if "cache" in there else "past_key_values"
