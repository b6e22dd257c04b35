"""Which true span a predicted one stands for, and what is wrong with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from heapq import heappop, heappush
from typing import Literal, NamedTuple, TypeAlias

from ..shapes import Span

__all__ = ["ErrorKind", "SpanError", "overlapping_hits", "pair_overlapping", "span_errors"]

ErrorKind: TypeAlias = Literal["boundary", "type", "both", "missed", "spurious"]

Pairs: TypeAlias = list[tuple[Span, Span]]


class SpanError(NamedTuple):
    """What is wrong: a true span, the predicted one that was taken for it, or one of them."""

    kind: ErrorKind
    truth: Span | None
    predicted: Span | None


def pair_overlapping(truth: Collection[Span], predicted: Collection[Span]) -> Pairs:
    """As many (true, predicted) pairs with a common character as there can be, one to one.

    Labels play no part. Spans of one side may overlap each other; none stands there twice. Takes
    ``n log n`` steps for n spans.

    Among the spans that are left, take the one that ends first. Every span of the other side that
    began before that end goes with it; of these, the one that ends first has the fewest other
    partners. So no pairing is larger than the one that takes these two.

    Example:
        >>> long, first, second = Span(0, 9, "a"), Span(0, 3, "b"), Span(2, 5, "b")
        >>> pair_overlapping([long, first], [second])
        [(Span(start=0, end=3, label='b'), Span(start=2, end=5, label='b'))]
    """
    sides = [
        sorted(span for span in spans if span.start < span.end) for spans in (truth, predicted)
    ]
    queue = sorted((span.end, span, side) for side in (0, 1) for span in sides[side])
    begun: tuple[list[tuple[int, Span]], list[tuple[int, Span]]] = ([], [])
    done: tuple[set[Span], set[Span]] = (set(), set())
    waiting = [list(reversed(side)) for side in sides]
    pairs: Pairs = []
    for end, span, side in queue:
        if span in done[side]:
            continue
        done[side].add(span)
        other = 1 - side
        while waiting[other] and waiting[other][-1].start < end:
            next_one = waiting[other].pop()
            heappush(begun[other], (next_one.end, next_one))
        while begun[other] and begun[other][0][1] in done[other]:
            heappop(begun[other])
        if begun[other]:
            _, partner = heappop(begun[other])
            done[other].add(partner)
            pairs.append((span, partner) if side == 0 else (partner, span))
    return pairs


def overlapping_hits(truth: frozenset[Span], predicted: frozenset[Span]) -> int:
    """How many true spans can be paired, one to one, with a predicted one of the same label that
    has a character in common."""
    if truth == predicted:
        return len(truth)
    # A span without characters overlaps nothing, and is still right where it is the same.
    empty = sum(span.start >= span.end for span in truth & predicted)
    return empty + len(_by_label(truth, predicted))


def span_errors(truth: frozenset[Span], predicted: frozenset[Span]) -> tuple[SpanError, ...]:
    """What is wrong with the spans of a row, in order of appearance.

    Spans that are equal on both sides are right. Of the others each is in one error:

    - ``type``: the same place, another label;
    - ``boundary``: the same label, another place that overlaps;
    - ``both``: another label and another place that overlaps;
    - ``missed``: a true span that nothing is left for;
    - ``spurious``: a predicted span that is left over.

    They are looked for in this order. Source: C. Manning, "Doing Named Entity Recognition? Don't
    optimize for F1" (2006), who calls them label, boundary and label-boundary errors, false
    negatives and false positives.

    Example:
        >>> found = span_errors(frozenset({Span(0, 9, "city")}), frozenset({Span(0, 4, "city")}))
        >>> [error.kind for error in found]
        ['boundary']
    """
    missing, extra = set(truth - predicted), set(predicted - truth)
    found: list[SpanError] = []

    def settle(kind: ErrorKind, pair: Callable[[set[Span], set[Span]], Pairs]) -> None:
        for true, said in pair(missing, extra):
            missing.discard(true)
            extra.discard(said)
            found.append(SpanError(kind, true, said))

    if missing and extra:
        settle("type", _same_place)
        settle("boundary", _by_label)
        settle("both", pair_overlapping)
    found.extend(SpanError("missed", span, None) for span in missing)
    found.extend(SpanError("spurious", None, span) for span in extra)
    return tuple(sorted(found, key=lambda error: (error.truth or error.predicted, error.kind)))


def _same_place(truth: Iterable[Span], predicted: Iterable[Span]) -> Pairs:
    there: dict[tuple[int, int], list[Span]] = defaultdict(list)
    for span in sorted(truth, reverse=True):
        there[span.start, span.end].append(span)
    return [
        (there[span.start, span.end].pop(), span)
        for span in sorted(predicted)
        if there[span.start, span.end]
    ]


def _by_label(truth: Iterable[Span], predicted: Iterable[Span]) -> Pairs:
    """:func:`pair_overlapping` within each label."""
    by_label: dict[str, tuple[list[Span], list[Span]]] = defaultdict(lambda: ([], []))
    for side, spans in enumerate((truth, predicted)):
        for span in spans:
            by_label[span.label][side].append(span)
    return [pair for label in sorted(by_label) for pair in pair_overlapping(*by_label[label])]
