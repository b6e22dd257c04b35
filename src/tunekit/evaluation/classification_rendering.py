"""The report on a classifier as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .rendering import (
    LABEL_WIDTH,
    ROWS_SHOWN,
    TEXT_WIDTH,
    count_rows,
    failure_table,
    figure_table,
    floor_note,
    label_table,
    one_line,
    stacked,
    table,
    title,
    unknown_labels_note,
    wrong_title,
)

if TYPE_CHECKING:
    from .classification_report import ClassificationReport

__all__ = ["as_rich"]

CONFUSIONS_SHOWN = 8


def as_rich(report: ClassificationReport) -> RenderableType:
    """The report as tables."""
    return stacked(_figures(report), _notes(report), _parts(report))


def _figures(report: ClassificationReport) -> Table:
    answered = report.rows - len(report.failures)
    some = f"({count_rows(answered)} with an answer)" if answered < report.rows else ""
    return figure_table(
        title("Classification", report.rows, report.model_kind),
        (
            ("accuracy", report.accuracy, ""),
            ("macro-F1", report.macro_f1, f"mean over {len(report.per_class)} labels"),
            ("ECE", report.ece, f"{floor_note(report.ece)} {some}".strip()),
            ("log loss", report.log_loss, some),
        ),
    )


def _notes(report: ClassificationReport) -> Iterable[str]:
    if report.ece is None:
        yield f"No ECE: {report.ece_missing}."
    if report.failures:
        yield f"Without an answer, and counted as wrong: {count_rows(len(report.failures))}."
    if report.unknown_labels:
        yield unknown_labels_note(report.unknown_labels)
    occurring = [scores for scores in report.per_class if scores.support]
    if len(occurring) == 1:
        name = one_line(occurring[0].label, LABEL_WIDTH)
        yield f"All rows have the label {name}: this says little about the others."


def _parts(report: ClassificationReport) -> Iterator[RenderableType]:
    yield label_table(report.per_class, "rows")
    if any(pair.truth != pair.predicted for pair in report.confusion):
        yield _confusions(report)
    if report.wrong:
        yield _wrong(report)
    if report.failures:
        yield failure_table([(row.row, row.text, row.code, row.detail) for row in report.failures])


def _confusions(report: ClassificationReport) -> Table:
    confused = [pair for pair in report.confusion if pair.truth != pair.predicted]
    name = "Most confused"
    if len(confused) > CONFUSIONS_SHOWN:
        name = f"Most confused: {CONFUSIONS_SHOWN} of {len(confused)} pairs"
    shown = table(name, "true label", "answer", "rows")
    for pair in confused[:CONFUSIONS_SHOWN]:
        answer = (
            Text("no answer", style="dim")
            if pair.predicted is None
            else Text(one_line(pair.predicted, LABEL_WIDTH))
        )
        shown.add_row(Text(one_line(pair.truth, LABEL_WIDTH)), answer, Text(f"{pair.rows:,}"))
    return shown


def _wrong(report: ClassificationReport) -> Table:
    shown = table(
        wrong_title(len(report.wrong), "most confident"), "row", "text", "true label", "answer", "p"
    )
    for row in report.wrong[:ROWS_SHOWN]:
        shown.add_row(
            Text(str(row.row), style="dim"),
            Text(one_line(row.text, TEXT_WIDTH)),
            Text(one_line(row.truth, LABEL_WIDTH), style="green"),
            Text(one_line(row.predicted, LABEL_WIDTH), style="red"),
            Text("-" if row.probability is None else f"{row.probability:.2f}"),
        )
    return shown
