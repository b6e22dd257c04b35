"""What spans mean on their text: whole words, faults, and the one safe reading of a faulty span.

Two notions of a word are at work. A place *cuts* where a letter or digit stands on both sides of
it: that is what findings and figures are about. Where an end is moved it must arrive at the end of
a whole *chain*, of all that is joined without white space, such as ``123-45-6789`` or
``john@email.com``: inside of one there are several places to stop, and none of them is safe.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ..shapes import Span

__all__ = [
    "BEYOND_BMP",
    "Faults",
    "as_utf16",
    "broken",
    "cuts",
    "ends_between_kinds",
    "faults",
    "inside",
    "mended",
    "outer_space",
    "overlapping_pairs",
    "touched",
    "with_last",
]

#: Scripts that put no space between words (Thai to Khmer, kana, Han), or none between a word and
#: its particle (Hangul): there a span in the middle of letters says nothing.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u318f\u31f0-\u31ff\u3400-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)
#: Characters that are two code units in UTF-16.
BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
#: How far the end of a chain is looked for: what is longer is no word that anybody meant.
_REACH = 200


def inside(text: str, span: Span) -> bool:
    """Whether a span is at least one character long and within the text."""
    return 0 <= span.start < span.end <= len(text)


def cuts(text: str, at: int) -> bool:
    """Whether a letter or digit stands on both sides of this place."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def outer_space(text: str, span: Span) -> bool:
    """Whether a span inside the text begins or ends with white space."""
    return text[span.start].isspace() or text[span.end - 1].isspace()


def overlapping_pairs(spans: Sequence[Span]) -> int:
    """How many pairs of spans have a character in common."""
    ordered = sorted(span for span in spans if span.start < span.end)
    if all(before.end <= after.start for before, after in pairwise(ordered)):
        return 0
    # Pairs without a common character are those where one ends before the other starts.
    ends = sorted(span.end for span in ordered)
    apart = sum(bisect_right(ends, span.start) for span in ordered)
    return len(ordered) * (len(ordered) - 1) // 2 - apart


class Faults(NamedTuple):
    """What is rarely meant about a span inside its text."""

    cut_start: bool
    cut_end: bool
    spaced: bool


def faults(text: str, span: Span) -> Faults | None:
    """The faults of a span inside the text; ``None`` where it has none."""
    start, end, _ = span
    first, last = text[start], text[end - 1]
    cut_start = start > 0 and text[start - 1].isalnum() and _breaks(text, start)
    cut_end = end < len(text) and text[end].isalnum() and _breaks(text, end)
    spaced = first.isspace() or last.isspace()
    return Faults(cut_start, cut_end, spaced) if cut_start or cut_end or spaced else None


def broken(text: str, span: Span) -> bool:
    """Whether a span is outside the text or has a fault."""
    return not inside(text, span) or faults(text, span) is not None


def mended(
    text: str, span: Span, *, move: bool = True, trim: bool = True, clip: bool = True
) -> Span | None:
    """The one safe reading of a span with a fault, or ``None`` where there is none.

    White space may be dropped (``trim``), and one end be moved by one place: into the word that it
    cuts (``move``), or back to the end of the text (``clip``). That is safe where

    - the result begins and ends at whole words;
    - the end that moves arrives at the end of a whole chain, over a character of the same kind:
      between a letter and a digit a cut may be meant (``7pm``);
    - no other reading is as near: of the cut word more than one character was in the span, and
      the span isn't whole as it stands when counted in UTF-16;
    - something vouches for the words: an end that was right, or that there is only one word.
    """
    start, end, label = span
    size = len(text)
    over = end == size + 1
    if not 0 <= start < min(end, size) or end > size + 1:
        return None
    within = Span(start, min(end, size), label)
    found = faults(text, within)
    if found is None and not over:
        return None
    cut_start, cut_end, spaced = found or Faults(False, False, False)
    cut = cut_start or cut_end
    if cut_start + cut_end + over > 1:
        return None
    if (cut and not move) or (over and not clip) or (spaced and not trim):
        return None
    if cut_start and not _grows(text, start, -1, within):
        return None
    if cut_end and not _grows(text, end, 1, within):
        return None
    words = text[start : within.end]
    result = Span(
        start - 1 if cut_start else start + len(words) - len(words.lstrip()),
        end + 1 if cut_end else start + len(words.rstrip()),
        label,
    )
    one_word = not any(map(str.isspace, text[result.start : result.end]))
    if not _whole(text, result) or ((cut or over) and spaced and not one_word):
        return None
    (other,) = as_utf16(text, (span,)) or (span,)
    return result if other == span or broken(text, other) else None


def touched(text: str, span: Span) -> Span | None:
    """The whole words that a span has a part of, or ``None`` where it has none."""
    start, end = max(span.start, 0), min(span.end, len(text))
    words = text[start:end] if start < end else ""
    if not words.strip():
        return None
    start, end = start + len(words) - len(words.lstrip()), start + len(words.rstrip())
    first, last = max(start - _REACH, 0), min(end + _REACH, len(text))
    while start > first and _in_chain(text, start):
        start -= 1
    while end < last and _in_chain(text, end):
        end += 1
    # A chain that goes on is no word that anybody meant.
    cut = (first and start == first) or (end == last and end < len(text))
    return None if cut else Span(start, end, span.label)


def as_utf16(text: str, spans: Sequence[Span]) -> tuple[Span, ...] | None:
    """The spans if their offsets count UTF-16 code units.

    ``None`` where one would lie inside of a character.
    """
    pairs = () if text.isascii() else _surrogate_pairs(text)
    if not pairs or all(max(span[:2]) <= pairs[0] for span in spans):
        return tuple(spans)
    most = len(text) + len(pairs)

    def point(unit: int) -> int | None:
        before = bisect_left(pairs, unit)
        if unit > most:  # outside of the text, however it counts
            return unit
        return None if before and pairs[before - 1] == unit - 1 else unit - before

    read: list[Span] = []
    for span in spans:
        start, end = point(span.start), point(span.end)
        if start is None or end is None:
            return None
        read.append(Span(start, end, span.label))
    return tuple(read)


def with_last(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The spans if their ends are those of the last character."""
    return tuple(Span(start, end + 1, label) for start, end, label in spans)


def ends_between_kinds(text: str, span: Span) -> bool:
    """Whether a span ends between a letter and a digit, where a cut may be meant (``7pm``)."""
    end = span.end
    return cuts(text, end) and text[end - 1].isdigit() != text[end].isdigit()


@lru_cache(maxsize=1)  # the spans of a row are asked about one by one
def _surrogate_pairs(text: str) -> tuple[int, ...]:
    """At which UTF-16 code units the characters begin that have two of them."""
    found = enumerate(BEYOND_BMP.finditer(text))
    return tuple(match.start() + before for before, match in found)


def _breaks(text: str, at: int) -> bool:
    """Whether a place cuts a word, in a script where that says something."""
    return cuts(text, at) and not _UNSPACED.search(text, at - 1, at + 1)


def _grows(text: str, at: int, by: int, span: Span) -> bool:
    """Whether moving this end of a span outwards by one place is the only near reading."""
    within, beyond = (at, at - 1) if by < 0 else (at - 1, at)
    if text[within].isdigit() != text[beyond].isdigit() or _in_chain(text, at + by):
        return False
    next_within = within - by
    alone = span.start <= next_within < span.end and not text[next_within].isalnum()
    return not alone


def _in_chain(text: str, at: int) -> bool:
    """Whether letters or digits stand before and behind this place with no white space between."""
    if not 0 < at < len(text) or text[at - 1].isspace():
        return False
    if unicodedata.category(text[at])[0] == "M":  # an accent belongs to the letter before it
        return True
    return _reaches(text[max(at - _REACH, 0) : at][::-1]) and _reaches(text[at : at + _REACH])


def _reaches(ahead: str) -> bool:
    for character in ahead:
        if character.isalnum():
            return True
        if character.isspace():
            return False
    return len(ahead) == _REACH


def _whole(text: str, span: Span) -> bool:
    """Whether a span is whole words: no fault, and no end that hangs between joined words.

    ``789-`` of ``789-0`` hangs, ``Berlin`` of ``Berlin-Mitte`` doesn't.
    """
    if broken(text, span):
        return False
    start, end, _ = span
    hangs = (not text[start].isalnum() and _in_chain(text, start)) or (
        not text[end - 1].isalnum() and _in_chain(text, end)
    )
    return not hangs
