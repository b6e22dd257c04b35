"""The report on extraction as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .rendering import (
    ROWS_SHOWN,
    count_rows,
    counted,
    failure_table,
    figure_table,
    label_table,
    one_line,
    stacked,
    table,
    title,
    unknown_labels_note,
    wrong_title,
)

if TYPE_CHECKING:
    from .extraction_report import ExtractionReport, QuotedError, QuotedSpan, WrongText

__all__ = ["as_rich"]

#: So that a row with short spans takes one line of 100 columns.
EXCERPT_WIDTH = 40
SPAN_WIDTH = 40
ERRORS_SHOWN = 4

MEANING = {
    "boundary": "the right label at an overlapping place",
    "type": "the right place with another label",
    "both": "another label at an overlapping place",
    "missed": "a true span that no answer is left for",
    "spurious": "an answer that no true span is left for",
}


def as_rich(report: ExtractionReport) -> RenderableType:
    """The report as tables."""
    return stacked(_figures(report), _notes(report), _parts(report))


def _figures(report: ExtractionReport) -> Table:
    return figure_table(
        title("Extraction", report.rows, report.model_kind),
        (
            ("span F1", report.span_f1, "start, end and label all right"),
            ("macro-F1", report.macro_f1, f"mean over {counted(len(report.per_label), 'label')}"),
            ("precision", report.precision, f"of {counted(report.predicted_spans, 'answer')}"),
            ("recall", report.recall, f"of {counted(report.true_spans, 'true span')}"),
            ("overlap F1", report.span_f1_overlap, "right label, some overlap"),
        ),
    )


def _notes(report: ExtractionReport) -> Iterator[str]:
    if not report.true_spans and not report.predicted_spans:
        yield "There is no span, true or predicted: the figures are 0 by convention."
    elif not report.true_spans:
        yield "No row has a true span: this says nothing about what would be found."
    if report.failures:
        yield (
            f"Without an answer, and all spans counted as missed: "
            f"{count_rows(len(report.failures))}."
        )
    if report.unplaced:
        yield (
            f"Answered but no span, and in no figure: {counted(report.unplaced, 'quote')} "
            "not in the text or outside the label set."
        )
    if report.unknown_labels:
        yield unknown_labels_note(report.unknown_labels)


def _parts(report: ExtractionReport) -> Iterator[RenderableType]:
    if report.per_label:
        yield label_table(report.per_label, "spans")
    if any(report.errors):
        yield _errors(report)
    if report.wrong:
        yield _wrong(report)
    if report.failures:
        yield failure_table([(row.row, row.text, row.code, row.detail) for row in report.failures])


def _errors(report: ExtractionReport) -> Table:
    shown = table("What is wrong", "", "spans", "meaning")
    for kind, count in report.errors._asdict().items():
        shown.add_row(Text(kind, style="bold"), Text(f"{count:,}"), Text(MEANING[kind]))
    return shown


def _wrong(report: ExtractionReport) -> Table:
    shown = table(
        wrong_title(len(report.wrong), "with most errors"), "row", "text", "true span", "answer"
    )
    for row in report.wrong[:ROWS_SHOWN]:
        number, text = str(row.row), one_line(row.text, EXCERPT_WIDTH)
        for truth, answer in _lines(row):
            shown.add_row(Text(number, style="dim"), Text(text), truth, answer)
            number = text = ""
    return shown


def _lines(row: WrongText) -> Iterable[tuple[Text, Text]]:
    """What was true and what was answered, an error a line."""
    lines = [_pair(error) for error in row.errors]
    lines.extend(
        (Text("-", style="dim"), Text(one_line(f"{text} ({label}): {reason}", SPAN_WIDTH)))
        for label, text, reason in row.unplaced[:ERRORS_SHOWN]
    )
    yield from lines[:ERRORS_SHOWN]
    if len(lines) > ERRORS_SHOWN:
        yield Text(f"and {len(lines) - ERRORS_SHOWN} more", style="dim"), Text()


def _pair(error: QuotedError) -> tuple[Text, Text]:
    return _span(error.truth, "green"), _span(error.predicted, "red")


def _span(span: QuotedSpan | None, style: str) -> Text:
    if span is None:
        return Text("-", style="dim")
    # The place is not the first thing to be cut.
    place = f"{span.start}-{span.end}"
    return Text(
        f"{one_line(span.quote, SPAN_WIDTH)} ({one_line(span.label, SPAN_WIDTH)}) {place}", style
    )
