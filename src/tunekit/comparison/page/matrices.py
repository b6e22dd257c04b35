"""Confusion matrices: what is answered where something else is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .drawing import Chart, Column, Mark, Table, words
from .wording import clipped, count, short

__all__ = ["NO_ANSWER", "confused_pairs", "confusion_matrix"]

#: The most labels a matrix has; beyond these nobody can read it.
LABELS = 20
PAIRS = 15
#: Labels of a matrix that needs no more room than other charts.
SMALL = 6
CELL, NAMES, NAME_LENGTH = 30, 150, 18
NO_ANSWER = "(no answer)"

#: Rows by (true label, answer).
Pairs = Mapping[tuple[str, str], int]


def confusion_matrix(name: str, report: Mapping[str, Any]) -> Chart | None:
    """The matrix of a report's pairs, or None where it has none: the labels that are most confused,
    sorted by name, where there are more than 20."""
    pairs = _pairs(report)
    if not pairs:
        return None
    everything = sorted({label for pair in pairs for label in pair} - {NO_ANSWER})
    shown = sorted(_most_confused(pairs)[:LABELS]) if len(everything) > LABELS else everything
    answers = [*shown, *([NO_ANSWER] if any(said == NO_ANSWER for _, said in pairs) else [])]
    inside = {
        (true, said): pairs[true, said]
        for true in shown
        for said in answers
        if (true, said) in pairs
    }
    wrong = sum(rows for (true, said), rows in pairs.items() if true != said)
    wrong_inside = sum(rows for (true, said), rows in inside.items() if true != said)
    note = ""
    if len(shown) < len(everything):
        note = (
            f"The {len(shown)} most confused of {len(everything)} labels. They hold "
            f"{wrong_inside:,} of {count(wrong, 'wrong row')}; the other wrong rows have a label "
            "beyond these."
        )
    return Chart(
        title=f"{name}: confusion",
        summary=(
            f"Rows are true labels, columns are answers, {len(shown)} labels. "
            f"{wrong_inside:,} of {count(sum(inside.values()), 'row')} lie off the diagonal."
        ),
        width=NAMES + CELL * len(answers) + 8,
        height=NAMES + CELL * len(shown) + 8,
        marks=_marks(shown, answers, inside),
        table=_table(
            f"{name}: rows by true label (down) and answer (across)", shown, answers, inside
        ),
        note=note,
        wide=len(answers) > SMALL,
    )


def confused_pairs(name: str, report: Mapping[str, Any]) -> Table | None:
    """The pairs of labels that are confused most often; None where none are."""
    wrong = [(pair, rows) for pair, rows in _pairs(report).items() if pair[0] != pair[1]]
    if not wrong:
        return None
    wrong.sort(key=lambda found: (-found[1], found[0]))
    left = len(wrong) - PAIRS
    return Table(
        f"{name}: most confused",
        [Column("true label"), Column("answer"), Column("rows", "number")],
        [
            [clipped(true, 80), clipped(said, 80), f"{rows:,}"]
            for (true, said), rows in wrong[:PAIRS]
        ],
        f"{count(left, 'more pair')}." if left > 0 else "",
    )


def _pairs(report: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    return {
        (pair["truth"], NO_ANSWER if pair["predicted"] is None else pair["predicted"]): pair["rows"]
        for pair in report.get("confusion") or ()
    }


def _most_confused(pairs: Pairs) -> list[str]:
    """All labels, those of the most frequent confusions first, so that both sides are there."""
    ordered = sorted(pairs, key=lambda pair: (pair[0] == pair[1], -pairs[pair], pair))
    labels = dict.fromkeys(label for pair in ordered for label in pair)
    labels.pop(NO_ANSWER, None)
    return list(labels)


def _marks(shown: Sequence[str], answers: Sequence[str], inside: Pairs) -> list[Mark]:
    right, bottom = NAMES + CELL * len(answers), NAMES + CELL * len(shown)
    marks = [
        Mark("path", {"class": "grid", "d": _grid(right, bottom)}),
        words(NAMES - 8, NAMES - 10, "truth ↓ answer →", "tick", anchor="end"),
    ]
    total = {true: sum(inside.get((true, said), 0) for said in answers) for true in shown}
    for down, true in enumerate(shown):
        y = NAMES + CELL * down
        name = short(true, NAME_LENGTH)
        marks.append(words(NAMES - 8, y + CELL / 2 + 4, name, "tick", anchor="end"))
        for across, said in enumerate(answers):
            if rows := inside.get((true, said)):
                look = "right" if true == said else "wrong"
                marks += _cell(NAMES + CELL * across, y, rows, rows / total[true], look)
    for across, said in enumerate(answers):
        x, y = NAMES + CELL * across + CELL / 2 + 4, NAMES - 8
        marks.append(
            Mark(
                "text",
                {"transform": f"translate({x} {y}) rotate(-90)", "class": "tick"},
                short(said, NAME_LENGTH),
            )
        )
    return marks


def _grid(right: float, bottom: float) -> str:
    across = "".join(f"M{x} {NAMES}V{bottom}" for x in range(NAMES, int(right) + 1, CELL))
    return across + "".join(f"M{NAMES} {y}H{right}" for y in range(NAMES, int(bottom) + 1, CELL))


def _cell(x: float, y: float, rows: int, share: float, look: str) -> list[Mark]:
    # Never so dark that the number on it couldn't be read in the ink of the page.
    shade = round(0.08 + 0.3 * share, 2)
    square = {"x": x + 1, "y": y + 1, "width": CELL - 2, "height": CELL - 2}
    number = f"{rows:,}" if rows < 10_000 else f"{rows // 1000}k"
    return [
        Mark("rect", {**square, "class": f"cell {look}", "fill-opacity": shade}),
        words(x + CELL / 2, y + CELL / 2 + 4, number, f"count {look}", anchor="middle"),
    ]


def _table(caption: str, shown: Sequence[str], answers: Sequence[str], inside: Pairs) -> Table:
    return Table(
        caption,
        [Column("true label"), *(Column(clipped(said, 80), "number") for said in answers)],
        [
            [clipped(true, 80), *(f"{inside.get((true, said), 0):,}" for said in answers)]
            for true in shown
        ],
    )
