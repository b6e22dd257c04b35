"""The report on choices between options as tables."""

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
    floor_note,
    one_line,
    stacked,
    table,
    title,
    wrong_title,
)

if TYPE_CHECKING:
    from .preference_report import PreferenceReport

__all__ = ["as_rich"]

QUESTION_WIDTH = 45
OPTION_WIDTH = 40


def as_rich(report: PreferenceReport) -> RenderableType:
    """The report as tables."""
    return stacked(_figures(report), _notes(report), _parts(report))


def _figures(report: PreferenceReport) -> Table:
    return figure_table(
        title("Preference", report.rows, report.model_kind),
        (
            ("accuracy", report.accuracy, f"choosing blindly would have {report.chance:.3f}"),
            ("ECE", report.ece, floor_note(report.ece)),
            ("log loss", report.log_loss, ""),
            (
                "rank correlation",
                report.rank_correlation,
                f"Kendall's tau-b, {count_rows(report.ranked_rows)} with a ranking",
            ),
        ),
    )


def _notes(report: PreferenceReport) -> Iterator[str]:
    if report.accuracy.low <= report.chance:
        yield "As far as these rows can tell, this may be no better than choosing blindly."
    if report.ece is None:
        yield f"No ECE: {report.ece_missing}."
    elif report.judged_rows < report.rows:
        judged = count_rows(report.judged_rows)
        yield f"ECE and log loss are over {judged} with an answer and one best option."
    if report.failures:
        yield f"Without an answer, and counted as wrong: {count_rows(len(report.failures))}."
    if report.all_tied:
        yield f"All options are tied, so that any choice is right: {count_rows(report.all_tied)}."


def _parts(report: PreferenceReport) -> Iterator[RenderableType]:
    if report.wrong:
        yield _wrong(report)
    if report.failures:
        yield failure_table(
            [(row.row, row.question, row.code, row.detail) for row in report.failures], "question"
        )


def _wrong(report: PreferenceReport) -> Table:
    shown = table(
        wrong_title(len(report.wrong), "most confident"), "row", "question", "best", "answer", "p"
    )
    for row in report.wrong[:ROWS_SHOWN]:
        best = one_line(row.options[row.best[0]], OPTION_WIDTH)
        more = f" (or {len(row.best) - 1} more)" if len(row.best) > 1 else ""
        shown.add_row(
            Text(str(row.row), style="dim"),
            Text(one_line(row.question, QUESTION_WIDTH)),
            Text(f"{best}{more}", style="green"),
            Text(one_line(row.options[row.chosen], OPTION_WIDTH), style="red"),
            Text("-" if row.probability is None else f"{row.probability:.2f}"),
        )
    return shown
