"""Texts that were read in a wrong encoding, and what they were."""

from __future__ import annotations

import re

__all__ = ["decoded_again", "loses_characters", "may_be_damaged", "undamaged"]

# UTF-8 that was read as something else leaves two characters beyond ASCII side by side, or one of
# these alone. Most texts have neither, and this is ten times as quick as asking ftfy.
_SUSPECT = re.compile("[^\x00-\x7f]{2}|[ÂÃŒœ\x80-\x9f]")
# A word in capitals that ends in Ã, and a quotation mark or the like: “MANHÃ” isn't MANHÔ.
_CAPITALS = re.compile(r"(?<=[A-ZÀ-Þ])Ã(?=[^\w\s](?!\w))")


def may_be_damaged(text: str) -> bool:
    """Whether a text has what damage leaves behind; one that hasn't is whole."""
    return not text.isascii() and _SUSPECT.search(text) is not None


def decoded_again(text: str) -> str:
    """The text as ftfy reads it, where it was read in a wrong encoding; else the same text."""
    if not may_be_damaged(text):
        return text
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    return fix_encoding(text) if is_bad(_CAPITALS.sub("A", text)) else text


def loses_characters(text: str, repaired: str) -> bool:
    """Whether a part of the text was lost on the way.

    Decoded, what is left of such a character would be a replacement character, and nobody could
    see any more what it came from.
    """
    return repaired.count("\ufffd") > text.count("\ufffd")


def undamaged(text: str) -> str:
    """The text as it was before it was read in a wrong encoding; else the same text.

    A text of which a part was lost stays as it is (see :func:`loses_characters`).

    Example:
        >>> undamaged("fÃ¼r"), undamaged("für"), undamaged("dÃ©jÃ? vu")
        ('für', 'für', 'dÃ©jÃ? vu')
    """
    repaired = decoded_again(text)
    return text if loses_characters(text, repaired) else repaired
