"""What is wrong with the spans of one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from ..findings import Finding
from ..shapes import Span
from .labels import label_findings
from .spans import Faults, as_utf16, broken, faults, mended, overlapping_pairs, touched

__all__ = ["spans_findings"]


def spans_findings(text: str, spans: Sequence[Span]) -> Iterator[Finding]:
    """What is wrong with spans on their text, one by one and together. Quick where nothing is."""
    size = len(text)
    for span in spans:
        start, end, label = span
        if not 0 <= start < end <= size:
            yield _outside(text, span)
        elif (found := faults(text, span)) is not None:
            yield from _faulty(text, span, found)
        if odd := _label(label):
            yield from odd
    if len(spans) > 1:
        yield from _together(spans)


@lru_cache(maxsize=1024)  # a set has few labels and many spans
def _label(label: str) -> tuple[Finding, ...]:
    found = label_findings(label, "spans")
    if "," not in label and ";" not in label:
        return found
    several = Finding(
        "several-types",
        "warning",
        f"{label!r} looks like several types: a span has one.",
        field="spans",
        suggestion="Give each type a span of its own.",
    )
    return (several, *found)


def _outside(text: str, span: Span) -> Finding:
    start, end, label = span
    better = mended(text, span)
    return Finding(
        "span-out-of-range",
        "error",
        f"span {start}–{end} ({label!r}) is empty or outside the text of {len(text)} characters.",
        field="spans",
        suggestion=_instead(text, better)
        if better
        else _counted_otherwise(text, span)
        or "Offsets count characters from 0, end exclusive; read with ends='inclusive' or "
        "offsets='utf16' where the file counts otherwise.",
    )


def _faulty(text: str, span: Span, found: Faults) -> Iterator[Finding]:
    start, end, label = span
    words = text[start:end]
    better = mended(text, span)
    whole = touched(text, span)
    if better is not None:
        way_out = _instead(text, better)
    elif (counted := _counted_otherwise(text, span)) is not None:
        way_out = counted
    elif whole is not None and whole != span:
        way_out = f"The words it touches are {whole.start}–{whole.end}, {_shown(text, whole)}."
    else:
        way_out = None
    if found.cut_start or found.cut_end:
        if better is not None:
            which = "begins one place too late" if found.cut_start else "ends one place too early"
            message = f"span {start}–{end} ({label!r}) {which}: {words!r:.80}."
            yield Finding("span-off-by-one", "warning", message, None, None, "spans", way_out)
        else:
            message = f"span {start}–{end} ({label!r}) cuts a word: {words!r:.80}."
            yield Finding("span-cut-in-word", "warning", message, None, None, "spans", way_out)
    if found.spaced:
        message = f"span {start}–{end} ({label!r}) begins or ends with white space: {words!r:.80}."
        yield Finding("span-outer-space", "warning", message, None, None, "spans", way_out)


def _together(spans: Sequence[Span]) -> Iterator[Finding]:
    """What is wrong with several spans taken together."""
    ordered = sorted(spans)
    meet = [(one, two) for one, two in pairwise(ordered) if two.start < one.end or two == one]
    if not meet:
        return
    counts = Counter(ordered)
    if len(counts) < len(ordered):
        for (start, end, label), count in counts.items():
            if count > 1:
                yield Finding(
                    "repeated-span",
                    "warning",
                    f"span {start}–{end} ({label!r}) stands there {count} times.",
                    field="spans",
                    suggestion="Once is enough; data.fix(['repeated-span']) leaves the copies out.",
                )
    pairs = overlapping_pairs(tuple(counts))
    if pairs:
        one, two = next((one, two) for one, two in meet if one != two)
        yield Finding(
            "overlapping-spans",
            "info",
            f"{pairs} pair{'s' if pairs > 1 else ''} of spans overlap, such as {one.start}–"
            f"{one.end} ({one.label!r}) and {two.start}–{two.end} ({two.label!r}).",
            field="spans",
            suggestion="Not every backend carries that; those that don't will say so.",
        )


def _instead(text: str, span: Span) -> str:
    return f"As {span.start}–{span.end} it would be {_shown(text, span)}: data.fix() does that."


def _counted_otherwise(text: str, span: Span) -> str | None:
    """The reading of a broken span by another way of counting, where that makes it whole."""
    for read, option in (
        ((span._replace(end=span.end + 1),), "ends='inclusive'"),
        (as_utf16(text, (span,)) or (span,), "offsets='utf16'"),
    ):
        if not broken(text, read[0]):
            return f"Read with {option} it would be {_shown(text, read[0])}."
    return None


def _shown(text: str, span: Span) -> str:
    return f"{text[span.start : span.end]!r:.80}"
