"""Spans without the faults that have one safe reading, and spans on a text that is rewritten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from ..shapes import Span
from .labels import LABEL_MENDS, mended_label
from .spans import as_utf16, broken, inside, mended, with_last

__all__ = ["SPAN_MENDS", "SPAN_MENDS_OF_SET", "mended_spans", "rewritten"]

#: What is safe only where the set as a whole shows it (see :class:`SpanSurvey`).
SPAN_MENDS_OF_SET = frozenset({"inclusive-ends", "utf16-offsets"})
SPAN_MENDS = (
    LABEL_MENDS
    | SPAN_MENDS_OF_SET
    | {
        "repeated-span",
        "span-off-by-one",
        "span-out-of-range",
        "span-outer-space",
    }
)


def mended_spans(
    text: str, spans: Sequence[Span], codes: frozenset[str], declared: Collection[str] | None
) -> tuple[Span, ...]:
    """Spans without the findings of these codes, as far as each has one safe reading."""
    if "inclusive-ends" in codes:
        spans = with_last(spans)
    if "utf16-offsets" in codes:
        spans = as_utf16(text, spans) or spans
    once = "repeated-span" in codes
    now = {span: span for span in spans}  # copies of a span are mended alike
    others = _Others(spans)
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
        if better is not None and others.leave_room(span, better, once):
            now[span] = better
            others.move(span, better)
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


class _Others:
    """The different spans of a row, while one after another is mended."""

    def __init__(self, spans: Sequence[Span]) -> None:
        distinct = set(spans)
        self._spans = Counter(distinct)
        self._starts = Counter(span.start for span in distinct)
        self._ends = Counter(span.end for span in distinct)

    def leave_room(self, span: Span, better: Span, once: bool) -> bool:
        """Whether a span can become this one, whose ends lie further out by one place at most.

        If it reached into another one, or became its copy, then somebody meant these characters
        otherwise.
        """
        if self._spans[better]:
            return once
        into_left = better.start < span.start and self._ends[span.start]
        into_right = better.end > span.end and self._starts[span.end]
        return not into_left and not into_right

    def move(self, span: Span, better: Span) -> None:
        """Note that a span has become this one."""
        self._spans.subtract((span,))
        self._spans.update((better,))
        self._starts.subtract((span.start,))
        self._starts.update((better.start,))
        self._ends.subtract((span.end,))
        self._ends.update((better.end,))
