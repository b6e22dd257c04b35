"""From spans of characters to tags of tokens, and back. No torch here.

Tags are BIO: 0 is outside; label ``k`` begins with tag ``2k + 1`` and goes on with ``2k + 2``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from ..shapes import Span

__all__ = [
    "OUTSIDE",
    "Aligned",
    "Offsets",
    "align",
    "begins_word",
    "cuts_word",
    "spans_of",
    "tight",
]

OUTSIDE = 0

#: (start, end) of each token in code points, end exclusive.
Offsets = Sequence[tuple[int, int]]


class Aligned(NamedTuple):
    """The tags of a text's tokens.

    ``kept`` spans come back from the tags, ``overlapping`` ones were left out for a longer one,
    ``misaligned`` ones come back otherwise: their ends aren't ends of tokens.
    """

    tags: list[int]
    kept: list[Span]
    overlapping: list[Span]
    misaligned: list[Span]


def tight(text: str, offsets: Offsets) -> list[tuple[int, int]]:
    """The offsets of tokens without the white space that some tokenizers count in.

    A token of white space alone becomes empty, where it ends.

    Example:
        >>> tight("to Rome", [(0, 2), (2, 7)])
        [(0, 2), (3, 7)]
    """
    trimmed = []
    for start, end in offsets:
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        trimmed.append((start, end))
    return trimmed


def begins_word(text: str, offsets: Offsets) -> list[bool]:
    """Whether a token begins a word, or goes on with one that the token before it began.

    Example:
        >>> begins_word("Rome-bound", [(0, 2), (2, 4), (4, 5), (5, 10)])
        [True, False, True, True]
    """
    begins, before = [], -1
    for start, end in offsets:
        # Tokens that are parts of one character share its offsets.
        of_one = start < before and start < end
        begins.append(not (of_one or (start == before and _within(text, start))))
        before = max(before, end)
    return begins


def align(spans: Sequence[Span], offsets: Offsets, labels: Sequence[str]) -> Aligned:
    """The tags of the tokens of a text, whose offsets are :func:`tight`.

    Of spans that overlap the longest is kept, of equally long ones the first. A token belongs to a
    span that has a character of it, so a span that ends within a token becomes longer.
    """
    number = {label: place for place, label in enumerate(labels)}
    tags = [OUTSIDE] * len(offsets)
    kept: list[Span] = []
    overlapping: list[Span] = []
    starts = [start for start, _ in offsets]
    ends = [end for _, end in offsets]
    for span in sorted(set(spans), key=lambda one: (one.start - one.end, one)):
        if any(span.start < other.end and other.start < span.end for other in kept):
            overlapping.append(span)
            continue
        kept.append(span)
        begin = 2 * number[span.label] + 1
        for place in range(bisect_right(ends, span.start), bisect_left(starts, span.end)):
            if tags[place] == OUTSIDE:
                tags[place] = begin
                begin = 2 * number[span.label] + 2
    back = set(spans_of(tags, offsets, labels))
    come_back = [span for span in kept if span in back]
    return Aligned(tags, come_back, overlapping, [span for span in kept if span not in back])


def cuts_word(text: str, span: Span) -> bool:
    """Whether a span begins or ends within a word.

    Example:
        >>> cuts_word("Rome-bound", Span(0, 4, "city")), cuts_word("Romebound", Span(0, 4, "city"))
        (False, True)
    """
    return _within(text, span.start) or _within(text, span.end)


def spans_of(tags: Sequence[int], offsets: Offsets, labels: Sequence[str]) -> list[Span]:
    """The spans that tags say, in order; a tag that goes on with nothing begins a span."""
    spans: list[Span] = []
    open_label = -1
    for tag, (start, end) in zip(tags, offsets, strict=True):
        if tag == OUTSIDE:
            open_label = -1
            continue
        if start == end:
            continue
        label, goes_on = (tag - 1) // 2, tag % 2 == 0
        if goes_on and label == open_label:
            spans[-1] = spans[-1]._replace(end=max(end, spans[-1].end))
        elif spans and start < spans[-1].end:
            continue  # of one character that the span before has already
        else:
            spans.append(Span(start, end, labels[label]))
        open_label = label
    return spans


def _within(text: str, place: int) -> bool:
    """Whether there is a word's inside between this character and the one before it."""
    return 0 < place < len(text) and _in_word(text[place - 1]) and _in_word(text[place])


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
