"""A report for people: as rich tables, and the same as plain text.

What comes from data is never read as markup, and never reaches a terminal as a control sequence.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .report import ClassificationReport

__all__ = ["as_rich", "as_text"]

#: How much is shown; ``to_dict`` has all.
LABELS_SHOWN = 12
CONFUSIONS_SHOWN = 8
ROWS_SHOWN = 6
LABEL_WIDTH = 30
TEXT_WIDTH = 70
#: Columns of the plain text.
WIDTH = 100
#: Joins emoji to one; harmless, though not "printable".
JOINER = "\u200d"


def as_text(report: ClassificationReport) -> str:
    """The report in plain text, without colours, at most 100 columns wide."""
    out = io.StringIO()
    console = Console(
        file=out, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False
    )
    console.print(as_rich(report))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def as_rich(report: ClassificationReport) -> RenderableType:
    """The report as tables."""
    parts: list[RenderableType] = [_figures(report)]
    if notes := [Text(f" {note}", style="yellow") for note in _notes(report)]:
        parts.append(Group(*notes))
    parts.append(_labels(report))
    if any(pair.truth != pair.predicted for pair in report.confusion):
        parts.append(_confusions(report))
    if report.wrong:
        parts.append(_wrong(report))
    if report.failures:
        parts.append(_failures(report))
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def _figures(report: ClassificationReport) -> Table:
    kind = f" · {report.model_kind} model" if report.model_kind else ""
    table = _table(
        f"Classification · {_rows(report.rows)}{kind}", "", "value", "95 % interval", "note"
    )
    answered = report.rows - len(report.failures)
    for name, measure, note in (
        ("accuracy", report.accuracy, ""),
        ("macro-F1", report.macro_f1, f"mean over {len(report.per_class)} labels"),
        ("ECE", report.ece, ""),
        ("log loss", report.log_loss, ""),
    ):
        if measure is None:
            continue
        if name == "ECE" and report.ece is not None:
            note = f"a perfectly calibrated model would have {report.ece.floor:.3f} here"
        if name in ("ECE", "log loss") and answered < report.rows:
            note = f"{note} ({_rows(answered)} with an answer)".strip()
        table.add_row(
            Text(name, style="bold"),
            Text(f"{measure.value:.3f}", style="bold cyan"),
            Text(f"{measure.low:.3f} - {measure.high:.3f}"),
            Text(note, style="dim"),
        )
    return table


def _notes(report: ClassificationReport) -> Iterable[str]:
    if report.ece is None:
        yield f"No ECE: {report.ece_missing}."
    if report.failures:
        yield f"Without an answer, and counted as wrong: {_rows(len(report.failures))}."
    if report.unknown_labels:
        names = ", ".join(_line(label, LABEL_WIDTH) for label in report.unknown_labels[:5])
        more = len(report.unknown_labels) - 5
        yield (
            f"The model doesn't know these labels, so it can't get them right: {names}"
            f"{f' and {more} more' if more > 0 else ''}."
        )
    occurring = [scores for scores in report.per_class if scores.support]
    if len(occurring) == 1:
        name = _line(occurring[0].label, LABEL_WIDTH)
        yield f"All rows have the label {name}: this says little about the others."


def _labels(report: ClassificationReport) -> Table:
    worst = sorted(report.per_class, key=lambda scores: (scores.f1, -scores.support))
    title = "Labels"
    if len(worst) > LABELS_SHOWN:
        title = f"Labels: the worst {LABELS_SHOWN} of {len(worst)}"
    table = _table(title, "label", "precision", "recall", "F1", "rows")
    for scores in worst[:LABELS_SHOWN]:
        table.add_row(
            Text(_line(scores.label, LABEL_WIDTH)),
            Text(f"{scores.precision:.3f}"),
            Text(f"{scores.recall:.3f}"),
            Text(f"{scores.f1:.3f}", style=_shade(scores.f1)),
            Text(f"{scores.support:,}"),
        )
    return table


def _confusions(report: ClassificationReport) -> Table:
    confused = [pair for pair in report.confusion if pair.truth != pair.predicted]
    title = "Most confused"
    if len(confused) > CONFUSIONS_SHOWN:
        title = f"Most confused: {CONFUSIONS_SHOWN} of {len(confused)} pairs"
    table = _table(title, "true label", "answer", "rows")
    for pair in confused[:CONFUSIONS_SHOWN]:
        answer = (
            Text("no answer", style="dim")
            if pair.predicted is None
            else Text(_line(pair.predicted, LABEL_WIDTH))
        )
        table.add_row(Text(_line(pair.truth, LABEL_WIDTH)), answer, Text(f"{pair.rows:,}"))
    return table


def _wrong(report: ClassificationReport) -> Table:
    title = f"Wrong rows: the {ROWS_SHOWN} most confident of {len(report.wrong):,}"
    if len(report.wrong) <= ROWS_SHOWN:
        title = "Wrong rows"
    table = _table(title, "row", "text", "true label", "answer", "p")
    for row in report.wrong[:ROWS_SHOWN]:
        table.add_row(
            Text(str(row.row), style="dim"),
            Text(_line(row.text, TEXT_WIDTH)),
            Text(_line(row.truth, LABEL_WIDTH), style="green"),
            Text(_line(row.predicted, LABEL_WIDTH), style="red"),
            Text("-" if row.probability is None else f"{row.probability:.2f}"),
        )
    return table


def _failures(report: ClassificationReport) -> Table:
    title = f"Without an answer: {min(ROWS_SHOWN, len(report.failures))} of"
    table = _table(f"{title} {len(report.failures):,}", "row", "text", "why")
    for row in report.failures[:ROWS_SHOWN]:
        table.add_row(
            Text(str(row.row), style="dim"),
            Text(_line(row.text, TEXT_WIDTH)),
            Text(_line(f"{row.code}: {row.detail}", TEXT_WIDTH)),
        )
    return table


_NUMBERS = frozenset({"value", "95 % interval", "precision", "recall", "F1", "rows", "row", "p"})


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=True,
    )
    for column in columns:
        number = column in _NUMBERS
        table.add_column(
            Text(column),
            justify="right" if number else "left",
            # Where the terminal is narrow, texts give way and figures don't.
            no_wrap=number or not column,
            overflow="fold",
        )
    return table


def _shade(f1: float) -> str:
    return "red" if f1 < 0.5 else "yellow" if f1 < 0.8 else "green"


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _line(text: str, width: int) -> str:
    """A text on one line, without control characters, cut to a number of terminal cells."""
    # Only as much as could be shown: a text may have a million characters.
    flat = " ".join(text[: width * 8].split())
    flat = "".join(
        c if c.isprintable() or c == JOINER else "\N{REPLACEMENT CHARACTER}" for c in flat
    )
    if cell_len(flat) <= width and len(text) <= width * 8:
        return flat
    return set_cell_size(flat, min(width, cell_len(flat) + 1) - 1).rstrip() + "…"
