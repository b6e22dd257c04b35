"""Spans without the faults that have one safe reading, and spans on a text that is rewritten."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from ..shapes import Span
from .labels import LABEL_MENDS, mended_label
from .spans import as_utf16, broken, inside, mended

__all__ = ["SPAN_MENDS", "mended_spans", "rewritten"]

SPAN_MENDS = LABEL_MENDS | {
    "repeated-span",
    "span-off-by-one",
    "span-out-of-range",
    "span-outer-space",
    "utf16-offsets",
}


def mended_spans(
    text: str, spans: Sequence[Span], codes: frozenset[str], declared: Collection[str] | None
) -> tuple[Span, ...]:
    """Spans without the findings of these codes, as far as each has one safe reading."""
    if "utf16-offsets" in codes:
        spans = as_utf16(text, spans) or spans
    once = "repeated-span" in codes
    now = {span: span for span in spans}  # copies of a span are mended alike
    for span in now:
        if not broken(text, span):
            continue
        better = mended(
            text,
            span,
            move="span-off-by-one" in codes,
            trim="span-outer-space" in codes,
            clip="span-out-of-range" in codes,
        )
        if better is not None:
            others = [one for was, one in now.items() if was != span]
            if not _collides(span, better, others, once):
                now[span] = better
    after = [now[span] for span in spans]
    if not codes.isdisjoint(LABEL_MENDS):
        after = [
            Span(start, end, mended_label(label, codes, declared)) for start, end, label in after
        ]
    return tuple(dict.fromkeys(after)) if once else tuple(after)


def rewritten(
    text: str, spans: Sequence[Span], change: Callable[[str], str]
) -> tuple[str, tuple[Span, ...]] | None:
    """A text after a change, with the spans on the same words.

    The change is made between the ends of spans, piece by piece. ``None`` where that isn't the
    change of the whole text, where a span loses all its words, and where one is out of range.
    """
    whole = change(text)
    if not spans:
        return whole, ()
    if not all(inside(text, span) for span in spans):
        return None
    places = sorted({0, len(text), *(at for span in spans for at in span[:2])})
    pieces = [change(text[start:end]) for start, end in pairwise(places)]
    if "".join(pieces) != whole:
        return None
    moved = {0: 0}
    for (start, end), piece in zip(pairwise(places), pieces, strict=True):
        moved[end] = moved[start] + len(piece)
    after = tuple(Span(moved[start], moved[end], label) for start, end, label in spans)
    return (whole, after) if all(span.start < span.end for span in after) else None


def _collides(span: Span, better: Span, others: Sequence[Span], once: bool) -> bool:
    """Whether a span would reach into another one, or become its copy: then somebody meant these
    characters otherwise."""
    if better in others:
        return not once
    return any(
        better.start < other.end and other.start < better.end
        for other in others
        if not (span.start < other.end and other.start < span.end)
    )
