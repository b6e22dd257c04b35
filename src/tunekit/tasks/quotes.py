"""Spans as quotes and back: how a generative model answers an Extraction.

The answer is a JSON list of ``{"type", "text"}``, in order of appearance or in another. Each quote
is looked for behind the end of the one before it, else from the beginning of the text; where that
would find another place than the span's own, ``"nth"`` says which occurrence is meant (counted from
1, occurrences may overlap). Writing and reading share :func:`_find`, so reading inverts writing
exactly, overlapping and repeated spans included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from ..errors import shown
from ..shapes import Failure, Span

__all__ = ["Unplaced", "place", "quote"]


class Unplaced(NamedTuple):
    """Part of an answer that has no place in the text."""

    label: str
    text: str
    reason: str


def quote(text: str, spans: Sequence[Span]) -> str:
    """Write spans (inside the text, in the order they are to have) as an answer.

    Raises:
        ValueError: a span is empty or outside the text.

    Example:
        >>> quote("Rome, not Rome", (Span(10, 14, "city"),))
        '[{"type":"city","text":"Rome","nth":2}]'
    """
    items: list[dict[str, Any]] = []
    cursor = 0
    for start, end, label in spans:
        if not 0 <= start < end <= len(text):
            raise ValueError(f"span {start}–{end} ({label!r}) is empty or outside the text")
        words = text[start:end]
        item: dict[str, Any] = {"type": label, "text": words}
        if _find(text, words, cursor) != start:
            item["nth"] = _count(text, words, start)
        items.append(item)
        cursor = end
    return orjson.dumps(items).decode()


def place(
    text: str, answer: str, labels: Sequence[str] | None
) -> tuple[tuple[Span, ...], tuple[Unplaced, ...]] | Failure:
    """Read an answer: the spans that have a place, and what has none.

    A Failure where the answer is no JSON list of objects with "type" and "text".
    """
    try:
        items = orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        return Failure("not-json", f"the answer is no JSON ({error}): {answer!r:.120}")
    if not isinstance(items, list):
        return Failure("not-a-list", f"the answer is no JSON list: {answer!r:.120}")
    spans: list[Span] = []
    unplaced: list[Unplaced] = []
    cursor = 0
    for item in items:
        match item:
            case {"type": str(label), "text": str(words)}:
                nth = item.get("nth")
            case _:
                return Failure("not-an-entity", f'no "type" and "text" in {shown(item, 120)}')
        start = _nth(text, words, nth) if isinstance(nth, int) else _find(text, words, cursor)
        if not words or start < 0:
            unplaced.append(Unplaced(label, words, "these words aren't in the text"))
        elif labels is not None and label not in labels:
            unplaced.append(Unplaced(label, words, "the label is outside the set"))
        else:
            cursor = start + len(words)
            spans.append(Span(start, cursor, label))
    return tuple(spans), tuple(unplaced)


def _find(text: str, words: str, cursor: int) -> int:
    """Where these words are meant without "nth": behind the last find, else anywhere."""
    found = text.find(words, cursor)
    return found if found >= 0 else text.find(words)


def _count(text: str, words: str, start: int) -> int:
    """Which occurrence begins at ``start``, from 1."""
    nth, at = 1, text.find(words)
    while at < start:
        nth, at = nth + 1, text.find(words, at + 1)
    return nth


def _nth(text: str, words: str, nth: int) -> int:
    """Where the nth occurrence begins, or -1."""
    at = -1
    for _ in range(nth):
        at = text.find(words, at + 1)
        if at < 0:
            return -1
    return at
