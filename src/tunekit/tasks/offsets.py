"""Spans as other tools write them, as exclusive code point offsets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ..errors import shown
from ..shapes import Span
from .base import Misread

__all__ = ["spans_of", "utf16_starts", "whole_number"]


def spans_of(
    raw: Any,
    text: str,
    line: int,
    *,
    offsets: str = "codepoints",
    ends: str = "exclusive",
) -> tuple[Span, ...] | Misread:
    """Spans from a JSON text, or from a list of triples or of mappings.

    Only the way of counting is converted. Whether a span lies inside the text is for ``check``.
    """
    if isinstance(raw, str):
        try:
            raw = orjson.loads(raw) if raw.strip() else ()
        except orjson.JSONDecodeError as error:
            return Misread(line, "spans", f"spans is no JSON ({error}).")
    if raw is None:
        raw = ()
    if not isinstance(raw, list | tuple):
        return Misread(line, "spans", f"spans is {type(raw).__name__}, not a list.")
    units = utf16_starts(text) if offsets == "utf16" and not text.isascii() else None
    last = next(reversed(units)) if units else 0
    spans: list[Span] = []
    for item in raw:
        if isinstance(item, Mapping):
            item = (item.get("start"), item.get("end"), item.get("label"))
        if not isinstance(item, list | tuple) or len(item) != 3:
            return Misread(line, "spans", f"{shown(item, 80)} is no span: start, end and label.")
        start, end, label = whole_number(item[0]), whole_number(item[1]), item[2]
        if start is None or end is None:
            return Misread(
                line,
                "start" if start is None else "end",
                f"offsets {shown(item[0])} and {shown(item[1])} are no whole numbers.",
            )
        if not isinstance(label, str):
            return Misread(line, "label", f"label is {type(label).__name__}, not a text.")
        end += ends == "inclusive"
        if units is not None:
            for offset in (start, end):
                if 0 <= offset <= last and offset not in units:
                    return Misread(
                        line, "spans", f"offset {offset} is inside of a character in UTF-16."
                    )
            start, end = units.get(start, start), units.get(end, end)
        spans.append(Span(start, end, label))
    return tuple(spans)


def whole_number(value: Any) -> int | None:
    """A whole number from a cell: 12, "12", or 12.0, which is what pandas makes of 12 in a column
    with gaps. Anything else, and what no 64 bits could hold, is ``None``."""
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            return None
        number = int(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < 1 << 63 else None


def utf16_starts(text: str) -> dict[int, int]:
    """For each UTF-16 code unit offset at which a character begins, its code point offset."""
    starts: dict[int, int] = {}
    unit = 0
    for point, character in enumerate(text):
        starts[unit] = point
        unit += 2 if ord(character) > 0xFFFF else 1
    starts[unit] = len(text)
    return starts
