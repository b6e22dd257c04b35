"""What reports for people are made of: rich tables, and the same as plain text.

What comes from data is never read as markup, and never reaches a terminal as a control sequence.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .base_report import ClassScores
from .metrics import Measure
from .reliability import Calibration

__all__ = [
    "LABEL_WIDTH",
    "ROWS_SHOWN",
    "TEXT_WIDTH",
    "as_text",
    "count_rows",
    "counted",
    "failure_table",
    "figure_table",
    "floor_note",
    "label_table",
    "one_line",
    "stacked",
    "table",
    "title",
    "unknown_labels_note",
    "wrong_title",
]

#: How much is shown; ``to_dict`` has all.
LABELS_SHOWN = 12
ROWS_SHOWN = 6
LABEL_WIDTH = 30
TEXT_WIDTH = 70
#: Columns of the plain text.
WIDTH = 100
#: Joins emoji to one; harmless, though not "printable".
JOINER = "\u200d"


def as_text(shown: RenderableType) -> str:
    """What rich would show, in plain text, without colours, at most 100 columns wide."""
    out = io.StringIO()
    console = Console(
        file=out, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False
    )
    console.print(shown)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def stacked(
    figures: Table, notes: Iterable[str], parts: Iterable[RenderableType]
) -> RenderableType:
    """A whole report: the figures, what must be known about them, and the other tables."""
    all_parts: list[RenderableType] = [figures]
    if lines := [Text(f" {note}", style="yellow") for note in notes]:
        all_parts.append(Group(*lines))
    all_parts.extend(parts)
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in all_parts))


def title(task: str, rows: int, model_kind: str | None) -> str:
    """What stands above a report."""
    return f"{task} · {count_rows(rows)}{f' · {model_kind} model' if model_kind else ''}"


def figure_table(
    name: str, figures: Iterable[tuple[str, Measure | Calibration | None, str]]
) -> Table:
    """Figures with their intervals and a note each; those that are None are left out."""
    shown = table(name, "", "value", "95 % interval", "note")
    for figure, measure, note in figures:
        if measure is not None:
            shown.add_row(
                Text(figure, style="bold"),
                Text(f"{measure.value:.3f}", style="bold cyan"),
                Text(f"{measure.low:.3f} - {measure.high:.3f}"),
                Text(note, style="dim"),
            )
    return shown


def floor_note(ece: Calibration | None) -> str:
    """What an ECE is to be compared with."""
    return "" if ece is None else f"a perfectly calibrated model would have {ece.floor:.3f} here"


def unknown_labels_note(labels: Sequence[str]) -> str:
    """That the model can't answer with these labels."""
    names = ", ".join(one_line(label, LABEL_WIDTH) for label in labels[:5])
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return f"The model doesn't know these labels, so it can't get them right: {names}{more}."


def label_table(per_class: Sequence[ClassScores], support: str) -> Table:
    """How labels fare, the worst first; ``support`` names what is counted."""
    worst = sorted(per_class, key=lambda scores: (scores.f1, -scores.support))
    name = "Labels"
    if len(worst) > LABELS_SHOWN:
        name = f"Labels: the worst {LABELS_SHOWN} of {len(worst)}"
    shown = table(name, "label", "precision", "recall", "F1", support)
    for scores in worst[:LABELS_SHOWN]:
        shown.add_row(
            Text(one_line(scores.label, LABEL_WIDTH)),
            Text(f"{scores.precision:.3f}"),
            Text(f"{scores.recall:.3f}"),
            Text(f"{scores.f1:.3f}", style=_shade(scores.f1)),
            Text(f"{scores.support:,}"),
        )
    return shown


def wrong_title(count: int, first: str) -> str:
    """What stands above wrong rows of which only the ``first`` are shown."""
    return (
        f"Wrong rows: the {ROWS_SHOWN} {first} of {count:,}"
        if count > ROWS_SHOWN
        else ("Wrong rows")
    )


def failure_table(failures: Sequence[tuple[int, str, str, str]], column: str = "text") -> Table:
    """Rows without an answer: number, text, code and detail of each."""
    name = "Without an answer"
    if len(failures) > ROWS_SHOWN:
        name = f"Without an answer: {ROWS_SHOWN} of {len(failures):,}"
    shown = table(name, "row", column, "why")
    for number, text, code, detail in failures[:ROWS_SHOWN]:
        shown.add_row(
            Text(str(number), style="dim"),
            Text(one_line(text, TEXT_WIDTH)),
            Text(one_line(f"{code}: {detail}", TEXT_WIDTH)),
        )
    return shown


_NUMBERS = frozenset(
    {"value", "95 % interval", "precision", "recall", "F1", "rows", "row", "p", "spans"}
)


def table(name: str, *columns: str) -> Table:
    """An empty table with columns of the house's look."""
    made = Table(
        title=Text(name, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=True,
    )
    for column in columns:
        number = column in _NUMBERS
        made.add_column(
            Text(column),
            justify="right" if number else "left",
            # Where the terminal is narrow, texts give way and figures don't.
            no_wrap=number or not column,
            overflow="fold",
        )
    return made


def _shade(f1: float) -> str:
    return "red" if f1 < 0.5 else "yellow" if f1 < 0.8 else "green"


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 span``, ``2,000 spans``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def count_rows(count: int) -> str:
    """``1 row``, ``2,000 rows``."""
    return counted(count, "row")


def one_line(text: str, width: int) -> str:
    """A text on one line, without control characters, cut to a number of terminal cells."""
    # Only as much as could be shown: a text may have a million characters.
    flat = " ".join(text[: width * 8].split())
    flat = "".join(
        c if c.isprintable() or c == JOINER else "\N{REPLACEMENT CHARACTER}" for c in flat
    )
    if cell_len(flat) <= width and len(text) <= width * 8:
        return flat
    return set_cell_size(flat, min(width, cell_len(flat) + 1) - 1).rstrip() + "…"
