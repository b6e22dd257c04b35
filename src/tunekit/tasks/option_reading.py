"""Preferences as tables and files hold them: lists as JSON text, and what is best as a number."""

from __future__ import annotations

from typing import Any

import orjson

from ..errors import shown
from .offsets import whole_number

__all__ = ["read_best", "read_lists"]


def read_lists(fields: dict[str, Any]) -> tuple[str, str] | None:
    """Turn JSON text in ``options`` and ``ranks`` into tuples; gives (field, what is wrong)."""
    for name in ("options", "ranks"):
        value = fields.get(name)
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                return name, f"{name} is no JSON list ({error})."
        if isinstance(value, list):
            value = tuple(value)
        if name == "options" and isinstance(value, tuple):
            while value and value[-1] is None:  # as tables have it where lists are of one length
                value = value[:-1]
        if name in fields:
            fields[name] = value
    return None


def read_best(fields: dict[str, Any], best_from: int) -> tuple[str, str] | None:
    """Turn ``best`` into an index from 0; gives (field, what is wrong)."""
    best = fields.pop("best", None)
    if best is None or best == "":
        return None
    number = whole_number(best)
    if number is None:
        return "best", f"best is {shown(best, 40)}, not a whole number."
    fields["best"] = number - best_from
    return None
