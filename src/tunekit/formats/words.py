"""Where the words of a text are, for formats and models that tag word by word.

A word is a run of letters, digits and underscores with the marks on them; any other sign is a word
of its own, and so is each letter of a script that is written without spaces.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal
from unicodedata import category

__all__ = ["words_of"]

_Kind = Literal["space", "letter", "mark", "alone"]

#: Scripts in which a space parts no words.
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # Han: radicals
    (0x3005, 0x3007),
    (0x3041, 0x30FF),  # kana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xAA60, 0xAA7F),  # Burmese, further letters
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
#: They join what stands before them with what comes behind.
_JOINERS: Final = "\u200c\u200d"


def words_of(text: str) -> list[tuple[int, int]]:
    """The (start, end) of each word in code points, in order, end exclusive.

    Example:
        >>> words_of("to Saint-Lô, 東京")
        [(0, 2), (3, 8), (8, 9), (9, 11), (11, 12), (13, 14), (14, 15)]
    """
    words: list[tuple[int, int]] = []
    start, open_kind = 0, "space"
    for place, character in enumerate(text):
        kind = _kind_of(character)
        if kind == open_kind == "letter" or (kind == "mark" and open_kind != "space"):
            continue
        if open_kind != "space":
            words.append((start, place))
        start, open_kind = place, "alone" if kind == "mark" else kind
    if open_kind != "space":
        words.append((start, len(text)))
    return words


@lru_cache(maxsize=1 << 16)
def _kind_of(character: str) -> _Kind:
    if character.isspace():
        return "space"
    if category(character).startswith("M") or character in _JOINERS:
        return "mark"
    if not (character.isalnum() or character == "_"):
        return "alone"
    number = ord(character)
    return "alone" if any(first <= number <= last for first, last in _UNSPACED) else "letter"
