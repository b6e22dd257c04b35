"""A comparison as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..evaluation.rendering import (
    LABEL_WIDTH,
    ROWS_SHOWN,
    TEXT_WIDTH,
    count_rows,
    one_line,
    stacked,
    table,
)
from .page.wording import metric_name, p_value
from .page_data import headline_of
from .words import UNDECIDED, cost_in_words, kind_in_words, seconds_in_words

if TYPE_CHECKING:
    from .comparison import Case, Comparison

__all__ = ["as_rich"]

ANSWER_WIDTH = 24


def as_rich(comparison: Comparison) -> RenderableType:
    """The comparison as tables."""
    told = headline_of(comparison)
    said = [f"{told.question} {told.answer}", *told.grounds]
    return stacked(_figures(comparison), said, _parts(comparison))


def _figures(comparison: Comparison) -> Table:
    test = comparison.test
    title = f"Comparison · {count_rows(test['rows'])} of {one_line(str(test['name']), TEXT_WIDTH)}"
    names = [metric_name(metric) for metric in comparison.metrics]
    shown = table(title, "model", *names, "per input", "1,000 inputs")
    for one in comparison.models.values():
        figures = []
        for metric in comparison.metrics:
            measure = one.measure(metric)
            figures.append(Text("-") if measure is None else _measure(*measure))
        kind = kind_in_words(one.model.kind, one.model.spec.name)
        shown.add_row(
            Text.assemble((one_line(one.name, LABEL_WIDTH), "bold"), ("\n" + kind, "dim")),
            *figures,
            Text(seconds_in_words(one.seconds)),
            Text(cost_in_words(one.cost), style="dim"),
        )
    return shown


def _measure(value: float, low: float, high: float) -> Text:
    return Text.assemble((f"{value:.3f}", "bold cyan"), f"\n{low:.3f} - {high:.3f}")


def _parts(comparison: Comparison) -> Iterator[RenderableType]:
    if comparison.differences:
        yield _differences(comparison)
    apart = [case for case in comparison.rows if len({*map(_right, case.answers.values())}) > 1]
    if apart:
        yield _cases(comparison, apart)


def _right(answer: object) -> bool:
    return bool(getattr(answer, "right", False))


def _differences(comparison: Comparison) -> Table:
    shown = table(
        "Differences", "figure", "of", "difference", "95 % interval", "p", "won/lost", "better"
    )
    for one in comparison.differences:
        value, low, high = one.measure
        undecided = one.verdict == UNDECIDED
        shown.add_row(
            Text(metric_name(one.metric)),
            Text(f"{one_line(one.a, LABEL_WIDTH)} - {one_line(one.b, LABEL_WIDTH)}"),
            Text(f"{value:+.3f}", style="" if undecided else "bold cyan"),
            Text(f"{low:+.3f} to {high:+.3f}"),
            Text(p_value(one.p)),
            Text(f"{one.rows.won:,}/{one.rows.lost:,}"),
            Text(one_line(one.verdict, LABEL_WIDTH), style="dim" if undecided else "green"),
        )
    return shown


def _cases(comparison: Comparison, apart: list[Case]) -> Table:
    title = "Rows that not all get right"
    if len(apart) > ROWS_SHOWN:
        title = f"{title}: {ROWS_SHOWN} of {len(apart):,}"
    names = [one_line(name, ANSWER_WIDTH) for name in comparison.models]
    shown = table(title, "row", "input", "truth", *names)
    for case in apart[:ROWS_SHOWN]:
        answers = [
            Text(
                one_line(answer.failure or answer.text, ANSWER_WIDTH),
                style="green" if answer.right else "red",
            )
            for answer in case.answers.values()
        ]
        shown.add_row(
            Text(str(case.row), style="dim"),
            Text(one_line(case.input, 2 * ANSWER_WIDTH)),
            Text(one_line(case.truth, ANSWER_WIDTH)),
            *answers,
        )
    return shown
