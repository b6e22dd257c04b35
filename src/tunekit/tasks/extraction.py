"""Extraction: a text gets labelled spans.

Offsets count Python code points, end exclusive: the stored truth for every backend. Generative
backends answer with quotes, see :mod:`tunekit.tasks.quotes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, Literal

import orjson

from ..findings import Finding
from ..shapes import (
    Asked,
    Example,
    Failure,
    Input,
    Marks,
    Passage,
    Said,
    Shape,
    Span,
    Target,
)
from .base import (
    Misread,
    Prompt,
    Record,
    Row,
    ask_passage,
    chat,
    unliftable,
    user_input,
    wrong_target,
)
from .labels import LabelledTask
from .offsets import spans_of
from .quotes import Unplaced, place, quote
from .span_findings import spans_findings
from .span_mending import SPAN_MENDS, SPAN_MENDS_OF_SET, mended_spans, rewritten
from .span_survey import SpanSurvey

__all__ = ["Extracted", "Extraction", "ExtractionRow"]

NO_SPAN = frozenset({"-", "", "None"})


@dataclass(frozen=True, slots=True)
class Extracted:
    """Predicted spans, with offsets into the very text that was asked about.

    ``spans`` are in the text's order. ``unplaced`` holds what a generative model answered that
    couldn't be placed: words that aren't in the text, or a label outside the set.

    Example:
        >>> Extracted((Span(5, 11, "city"),)).spans[0].label
        'city'
    """

    spans: tuple[Span, ...]
    unplaced: tuple[Unplaced, ...] = ()


class ExtractionRow(Row):
    """``text`` with labelled ``spans``; ``context`` is read along and never tagged.

    Offsets count Unicode code points from 0, end exclusive.

    Example:
        >>> row = ExtractionRow(text="From Berlin", spans=(Span(5, 11, "city"),))
        >>> row.answer
        "'Berlin' 5–11 (city)"
    """

    text: str
    spans: tuple[Span, ...] = ()
    context: str | None = None

    @property
    def content(self) -> tuple[Any, ...]:
        return (self.text, tuple(map(tuple, self.spans)), self.context)

    @property
    def asks(self) -> tuple[str, str | None]:
        return (self.text, self.context)

    @property
    def judged(self) -> tuple[Any, Any]:
        return self.asks, tuple(sorted(map(tuple, self.spans)))

    @property
    def answer(self) -> str:
        said = (
            f"{self.text[max(start, 0) : end]!r} {start}–{end} ({label})"
            for start, end, label in sorted(self.spans)
        )
        return ", ".join(said) or "nothing"


class Extraction(LabelledTask):
    """A text gets labelled spans.

    Args:
        labels: the closed set of span types, or ``None`` to take those that the data show.
        instruction: what to do, for models that are instructed.
        order: how models that write their answer list the entities: as they ``"appear"`` in the
            text, or ``"sorted"`` by their words. What is predicted comes in the text's order.

    ``Dataset.read`` takes columns ``text`` and ``spans`` (a JSON list of ``[start, end, label]``
    or of objects), or ``text``, ``label``, ``start`` and ``end``: one record per span, consecutive
    records with equal ``id``, else equal text, forming one row. Its options here are ``offsets``
    (``"codepoints"`` or ``"utf16"``) and ``ends`` (``"exclusive"`` or ``"inclusive"``).
    ``predict`` takes a text, and ``context=``, and gives :class:`Extracted`.

    Raises:
        InputError: a label stands twice, or ``order`` is none of the two.

    Example:
        >>> Extraction(["city"]).labels
        ('city',)
    """

    kind: ClassVar[str] = "extraction"
    row_type: ClassVar[type[Row]] = ExtractionRow
    columns: ClassVar[tuple[str, ...]] = ("text", "spans", "context", "label", "start", "end")
    required: ClassVar[tuple[str, ...]] = ("text",)
    text_fields: ClassVar[frozenset[str]] = frozenset({"text", "context", "label"})
    reader_options: ClassVar[Mapping[str, Any]] = {
        "offsets": ("codepoints", "utf16"),
        "ends": ("exclusive", "inclusive"),
    }

    mends: ClassVar[frozenset[str]] = SPAN_MENDS
    mends_of_set: ClassVar[frozenset[str]] = SPAN_MENDS_OF_SET

    order: Literal["appear", "sorted"] = "appear"

    def __init__(
        self,
        labels: Any = None,
        instruction: str | None = None,
        order: Literal["appear", "sorted"] = "appear",
    ) -> None:
        super().__init__(labels=labels, instruction=instruction, order=order)

    @property
    def offers(self) -> tuple[Shape, ...]:
        return (Shape.SPANNED, Shape.CHAT)

    def prompt(self) -> Prompt:
        lines = [self.instruction or "Extract the entities from the text."]
        order = "in order of appearance" if self.order == "appear" else "sorted by text"
        lines.append(
            f'Answer with a JSON list of {{"type", "text"}} objects {order}, the text '
            'copied exactly; add "nth" (counted from 1) where it stands in the text before and '
            "an earlier or later place is meant. Answer [] where there is none."
        )
        if self.labels:
            lines.append("Types: " + ", ".join(self.labels))
        return Prompt(system="\n".join(lines))

    # --- reading --------------------------------------------------------------------------------

    def assemble(
        self, records: Iterable[Record | Misread], options: Mapping[str, Any]
    ) -> Iterator[Record | Misread]:
        first: Record | None = None  # where the row that is being put together begins
        spans: list[Span] = []
        whole = True
        for record in records:
            if isinstance(record, Misread):
                yield record
                continue
            fields, grouped = _own_fields(record.fields)
            if first is not None and not (grouped and _same_row(first.fields, fields)):
                if whole:
                    yield first._replace(fields={**first.fields, "spans": tuple(spans)})
                first = None
            if first is None:
                first, spans, whole = record._replace(fields=fields), [], True
            read = self._spans(record, grouped, options)
            if isinstance(read, Misread):
                yield read
                whole = False  # without one of its spans a row would teach to overlook it
            else:
                spans.extend(read)
        if first is not None and whole:
            yield first._replace(fields={**first.fields, "spans": tuple(spans)})

    def _spans(
        self, record: Record, grouped: bool, options: Mapping[str, Any]
    ) -> tuple[Span, ...] | Misread:
        """The spans of one record, as exclusive code points."""
        fields = record.fields
        raw = fields.get("spans")
        if grouped:
            start, end = fields.get("start"), fields.get("end")
            raw = [(start, end, fields.get("label"))]
            if _no_span(start) and _no_span(end):
                raw = []
        text = fields.get("text")
        if not isinstance(text, str):
            what = "missing" if text is None else f"{type(text).__name__}, not a text"
            return Misread(record.line, "text", f"text is {what}.")
        return spans_of(raw, text, record.line, **options)

    def label_values(self, row: ExtractionRow) -> tuple[str, ...]:
        return tuple(span.label for span in row.spans)

    def needs(self, row: ExtractionRow) -> tuple[str, ...]:
        found = ["context"] if row.context is not None else []
        ordered = sorted(row.spans)
        if any(after.start < before.end for before, after in pairwise(ordered)):
            found.append("overlap")
        return tuple(found)

    def findings(self, row: ExtractionRow) -> Iterator[Finding]:
        if not row.text or row.text.isspace():
            yield Finding("empty-text", "error", "the text is empty.", field="text")
        if not row.spans:
            return
        yield from spans_findings(row.text, row.spans)
        known = self.known_labels
        if known is None:
            return
        for _, _, label in row.spans:
            if label not in known and not label.isspace() and label:
                yield Finding(
                    "label-outside-set",
                    "error",
                    f"span type {label!r} is not in the task's label set.",
                    field="spans",
                    suggestion="Add it to Extraction(labels=[…]) or mend the row.",
                )

    def set_findings(self, counts: Mapping[str, int]) -> Iterator[Finding]:
        if not counts:
            yield Finding(
                "no-spans",
                "error",
                "no row has a span: there is nothing to learn.",
                field="spans",
                suggestion="Check the columns that hold the spans.",
            )

    def survey(self) -> SpanSurvey:
        return SpanSurvey()

    # --- mending --------------------------------------------------------------------------------

    def texts(self, row: ExtractionRow) -> Iterator[tuple[str, str]]:
        yield "text", row.text
        if row.context is not None:
            yield "context", row.context

    def retext(self, row: ExtractionRow, change: Callable[[str], str]) -> ExtractionRow | None:
        after = rewritten(row.text, row.spans, change)
        if after is None:
            return None
        text, spans = after
        context = None if row.context is None else change(row.context)
        return row.model_copy(update={"text": text, "spans": spans, "context": context})

    def mend(self, row: ExtractionRow, codes: frozenset[str]) -> ExtractionRow:
        if not row.spans:
            return row
        spans = mended_spans(row.text, row.spans, codes, self.known_labels)
        return row if spans == row.spans else row.model_copy(update={"spans": spans})

    # --- the narrow waist -----------------------------------------------------------------------

    def ask(self, value: Any, **fields: Any) -> Passage:
        return ask_passage(self.kind, value, fields, extra=("context",))

    def asked(self, row: ExtractionRow) -> Passage:
        return Passage(row.text, row.context)

    def input(self, asked: Asked, shape: Shape, prompt: Prompt) -> Input:
        assert isinstance(asked, Passage)
        if shape is Shape.SPANNED:
            return asked
        return chat(asked.text, asked.context, prompt, schema=_schema(self.labels))

    def targets(self, row: ExtractionRow, asked: Asked, shape: Shape) -> tuple[Target, ...]:
        spans = tuple(sorted(row.spans))
        for start, end, label in spans:
            if not 0 <= start < end <= len(row.text):
                raise ValueError(f"span {start}–{end} ({label!r}) is empty or outside the text")
        if shape is Shape.SPANNED:
            return (Marks(spans),)
        if self.order == "sorted":
            spans = tuple(sorted(spans, key=lambda span: (row.text[span.start : span.end], span)))
        return (Said(quote(row.text, spans)),)

    def parse(self, asked: Asked, target: Target, shape: Shape) -> Extracted | Failure:
        assert isinstance(asked, Passage)
        if isinstance(target, Marks):
            return Extracted(target.spans)
        if not isinstance(target, Said):
            return wrong_target(self.kind, target)
        placed = place(asked.text, target.text, self.labels)
        if isinstance(placed, Failure):
            return placed
        spans, unplaced = placed
        return Extracted(tuple(sorted(spans)), unplaced)

    def lift(self, example: Example) -> ExtractionRow | Finding:
        asked, target = user_input(example.input), example.target
        if asked is None or not isinstance(target, Marks | Said):
            return unliftable(self.kind, example)
        if isinstance(target, Marks):
            return ExtractionRow(text=asked.text, spans=target.spans, context=asked.context)
        # A label outside the set is no reason not to read a row: check() finds it.
        placed = place(asked.text, target.text, None)
        if isinstance(placed, Failure):
            return Finding("unreadable-answer", "error", f"{placed.detail}.", field="spans")
        spans, unplaced = placed
        for lost in unplaced:
            return Finding(
                "unplaced-quote",
                "error",
                f"{lost.text!r} ({lost.label}) can't be placed: {lost.reason}.",
                field="spans",
            )
        return ExtractionRow(text=asked.text, spans=tuple(sorted(spans)), context=asked.context)


def _own_fields(fields: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The fields of the row that a record is about or of; whether the record is one span of it."""
    loose = {name: fields[name] for name in ("label", "start", "end") if name in fields}
    own = {name: value for name, value in fields.items() if name not in loose}
    if "spans" in fields:
        if loose:  # columns that happen to have these names, and mean something else
            own["meta"] = (*fields.get("meta", ()), *loose.items())
        return own, False
    grouped = "start" in loose or "end" in loose
    if loose and not grouped:
        own["meta"] = (*fields.get("meta", ()), *loose.items())
    return own, grouped


def _no_span(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip() in NO_SPAN)


def _same_row(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two consecutive records stand for the same row."""
    names = ("id", "text", "context")
    return all(before.get(name) == after.get(name) for name in names)


@lru_cache(maxsize=64)
def _schema(labels: tuple[str, ...] | None) -> str:
    kind: dict[str, Any] = {"type": "string"}
    if labels:
        kind["enum"] = list(labels)
    item = {
        "type": "object",
        "properties": {"type": kind, "text": {"type": "string"}, "nth": {"type": "integer"}},
        "required": ["type", "text"],
        "additionalProperties": False,
    }
    return orjson.dumps({"type": "array", "items": item}).decode()
