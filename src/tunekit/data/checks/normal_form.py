"""Texts and labels that aren't in Unicode's normal form NFC.

The same letter can be one character or a letter and an accent. People see no difference, a
tokenizer and a comparison do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from unicodedata import is_normalized, normalize

import orjson

from ...findings import Finding
from .base import Check

__all__ = ["NormalForm"]


class NormalForm(Check):
    """Finds every string of a row that NFC would change, its labels included."""

    def __init__(self) -> None:
        self._rows = 0

    def see(self, first: int, rows: Sequence[Any]) -> Iterator[Finding]:
        if _normal(rows):
            return
        for position, row in enumerate(rows, start=first):
            fields = {name: text for name, text in _strings(row) if not is_normalized("NFC", text)}
            self._rows += bool(fields)
            for name, text in fields.items():
                yield _finding(position, name, text)

    def figures(self) -> Mapping[str, int]:
        return {"non_nfc_rows": self._rows}


def _normal(rows: Sequence[Any]) -> bool:
    """Whether all strings of these rows are in normal form: quick, and false more often than so."""
    try:
        every = orjson.dumps([row.content for row in rows])
    except TypeError:  # a number of more than 64 bits
        return False
    # An escape of JSON ends in a letter that may form another one with what follows. Nothing that
    # stands between two strings does.
    return every.isascii() or is_normalized("NFC", every.decode())


def _strings(row: Any) -> Iterator[tuple[str, str]]:
    for name, value in row:
        if name not in ("given_id", "meta"):
            for text in _within(value):
                yield name, text


def _within(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _within(part)


def _finding(row: int, field: str, text: str) -> Finding:
    changed = normalize("NFC", text)
    at = next(
        (at for at, (one, other) in enumerate(zip(text, changed, strict=False)) if one != other),
        len(changed),
    )
    # What differs begins with the first character that does, or with the letter before a mark.
    was = " ".join(f"U+{ord(one):04X}" for one in text[at : at + 2])
    return Finding(
        "non-nfc",
        "info",
        f"isn't in normal form NFC: from character {at} on it has {was}.",
        row=row,
        field=field,
        suggestion=f"In NFC that is U+{ord(changed[at]):04X}. data.fix() writes it so."
        if at < len(changed)
        else None,
    )
