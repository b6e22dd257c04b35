"""The report on transformed texts as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .rendering import (
    ROWS_SHOWN,
    count_rows,
    failure_table,
    figure_table,
    one_line,
    stacked,
    table,
    title,
    wrong_title,
)

if TYPE_CHECKING:
    from .transformation_report import TransformationReport

__all__ = ["as_rich"]

TEXT_WIDTH = 40


def as_rich(report: TransformationReport) -> RenderableType:
    """The report as tables."""
    return stacked(_figures(report), _notes(report), _parts(report))


def _figures(report: TransformationReport) -> Table:
    return figure_table(
        title("Transformation", report.rows, report.model_kind),
        (
            ("exact match", report.exact_match, ""),
            (
                "of changed rows",
                report.exact_match_changed,
                f"{count_rows(report.changed_rows)} whose output isn't their input",
            ),
            ("chrF", report.chrf, "agreement in character n-grams"),
            ("similarity", report.similarity, "1 - edit distance / length"),
        ),
    )


def _notes(report: TransformationReport) -> Iterator[str]:
    if not report.changed_rows:
        yield "Every output is its input: repeating the input would be right everywhere."
    if report.failures:
        yield f"Without an answer, and counted as wrong: {count_rows(len(report.failures))}."


def _parts(report: TransformationReport) -> Iterator[RenderableType]:
    if report.wrong:
        yield _wrong(report)
    if report.failures:
        yield failure_table(
            [(row.row, row.input, row.code, row.detail) for row in report.failures], "input"
        )


def _wrong(report: TransformationReport) -> Table:
    shown = table(
        wrong_title(len(report.wrong), "furthest off"), "row", "input", "output", "answer"
    )
    for row in report.wrong[:ROWS_SHOWN]:
        shown.add_row(
            Text(str(row.row), style="dim"),
            Text(one_line(row.input, TEXT_WIDTH)),
            Text(one_line(row.output, TEXT_WIDTH), style="green"),
            Text(one_line(row.answer, TEXT_WIDTH), style="red"),
        )
    return shown
