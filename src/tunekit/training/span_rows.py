"""Rows with spans, as a tagger learns them: windows with tags, and what was lost on the way."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import ModelError
from ..shapes import Example, Marks, Passage, Span
from .alignment import align, cuts_word
from .span_tagger import Tagged
from .windows import Reading, Windows

__all__ = ["Counts", "Prepared", "Row", "hold_out", "known_labels", "prepare", "rows_of"]

TOKENISED_AT_ONCE = 4_096
#: Of a label's spans, how many may be held out.
MAY_LOSE = 1 / 5


class Row(NamedTuple):
    """A passage with its spans."""

    passage: Passage
    spans: tuple[Span, ...]


class Counts(NamedTuple):
    """What became of the spans of rows, and of the rows.

    Of ``spans``, ``overlapping`` ones were left out for longer ones, ``misaligned`` ones end within
    a token; of the others, ``cut_words`` end within a word. ``long`` texts were cut into windows,
    ``unread_context`` counts rows whose context isn't read to its end.
    """

    rows: int = 0
    spans: int = 0
    overlapping: int = 0
    misaligned: int = 0
    cut_words: int = 0
    tokens: int = 0
    long: int = 0
    unread_context: int = 0

    def ceiling(self, *, words: bool) -> float:
        """The share of spans that come back from their tags: recall can't be higher."""
        lost = self.overlapping + self.misaligned + (self.cut_words if words else 0)
        return 1 - lost / self.spans if self.spans else 1.0


class Prepared(NamedTuple):
    """Rows in tokens; ``readings`` only where they were asked for."""

    rows: Sequence[Row]
    tagged: list[Tagged]
    tags: list[list[int]]
    readings: list[Reading]
    counts: Counts


def rows_of(examples: Sequence[Example]) -> list[Row]:
    """The rows of Examples.

    Raises:
        ModelError: one isn't a text with spans, or a span isn't within its text.
    """
    rows = []
    for number, (asked, target) in enumerate(examples, 1):
        if not (isinstance(asked, Passage) and isinstance(target, Marks)):
            raise ModelError(
                f"row {number} is no text with spans, and nothing else can be learnt here. Submit "
                "again."
            )
        for start, end, _ in target.spans:
            if not 0 <= start < end <= len(asked.text):
                raise ModelError(
                    f"row {number}: span {start}-{end} isn't within its text of "
                    f"{len(asked.text)} characters. Mend it (data.check() names all), submit again."
                )
        rows.append(Row(asked, target.spans))
    return rows


def known_labels(rows: Sequence[Row], labels: Sequence[str]) -> tuple[str, ...]:
    """The labels that can be learnt, in the recipe's order.

    Raises:
        ModelError: there is nothing to learn, or a label that the recipe doesn't have.
    """
    shown = {span.label for row in rows for span in row.spans}
    if unknown := sorted(shown - set(labels)):
        raise ModelError(
            f"labels that the recipe doesn't have: {', '.join(map(repr, unknown[:10]))}. "
            "Submit again."
        )
    if not shown:
        raise ModelError("no training row has a span, so nothing can be learnt. Add rows with one.")
    return tuple(label for label in labels if label in shown)


def hold_out(rows: Sequence[Row], count: int, chance: random.Random) -> set[int]:
    """Places of up to so many rows, without which each label keeps most of its spans. Rows of the
    same passage stay together: what was learnt by heart says nothing."""
    total = Counter(span.label for row in rows for span in row.spans)
    spare = {label: int(MAY_LOSE * spans) for label, spans in total.items()}
    alike: dict[Passage, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        alike[row.passage].append(place)
    out: set[int] = set()
    for place in chance.sample(range(len(rows)), len(rows)):
        if len(out) == count:
            break
        together = alike[rows[place].passage]
        if place in out or len(out) + len(together) > count:
            continue
        labels = Counter(span.label for one in together for span in rows[one].spans)
        if all(spare[label] >= spans for label, spans in labels.items()):
            out.update(together)
            for label, spans in labels.items():
                spare[label] -= spans
    return out


def prepare(
    rows: Sequence[Row], labels: Sequence[str], windows: Windows, *, keep: bool = False
) -> Prepared:
    """Rows in windows with tags. Spans of other labels are passed over.

    Args:
        rows: to be tokenised.
        labels: those that have tags.
        windows: read the passages.
        keep: the readings, which judging needs; training doesn't, and they are large.
    """
    tagged: list[Tagged] = []
    tags: list[list[int]] = []
    readings: list[Reading] = []
    counts = [0] * len(Counts._fields)
    there = set(labels)
    for start in range(0, len(rows), TOKENISED_AT_ONCE):
        part = rows[start : start + TOKENISED_AT_ONCE]
        for row, reading in zip(part, windows.read([row.passage for row in part]), strict=True):
            spans = {span for span in row.spans if span.label in there}
            aligned = align(sorted(spans), reading.offsets, labels)
            of_row = Counts(
                rows=1,
                spans=len(spans),
                overlapping=len(aligned.overlapping),
                misaligned=len(aligned.misaligned),
                cut_words=sum(cuts_word(row.passage.text, span) for span in aligned.kept),
                tokens=len(reading.offsets),
                long=len(reading.windows) > 1,
                unread_context=reading.unread_context > 0,
            )
            counts = [total + more for total, more in zip(counts, of_row, strict=True)]
            tagged += [Tagged(one, aligned.tags[one.begin : one.end]) for one in reading.windows]
            if keep:
                readings.append(reading)
                tags.append(aligned.tags)
    return Prepared(rows, tagged, tags, readings, Counts(*counts))
