"""Whether probabilities mean what they say, drawn: reliability, and where right and wrong lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .drawing import WIDTH, Chart, Column, Mark, Scale, Table, line, scale, symbol, words
from .schema import BinDict, ModelDict, ScoresDict
from .wording import clipped, count, figure, interval, percent

__all__ = ["reliability_diagram", "score_distribution"]

LEFT, RIGHT, TOP = 44, WIDTH - 12, 12


def reliability_diagram(model: ModelDict, series: int) -> Chart | None:
    """How often answers were right by how sure the model was; None where nothing is known."""
    bins = [one for one in model["reliability"] if one["rows"]]
    if not bins:
        return None
    bottom = 292
    across, up = _unit(LEFT, RIGHT), _unit(bottom, TOP)
    marks = _frame(across, up, bottom, "probability that the model gave")
    marks.append(line(across(0), up(0), across(1), up(1), "zero"))
    most = max(one["rows"] for one in bins)
    for one in bins:
        x, y = across(one["confidence"]), up(one["accuracy"])
        marks += [
            line(x, up(one["confidence"]), x, y, f"whisker s{series % 8}"),
            symbol(series, x, y, 3 + 5 * (one["rows"] / most) ** 0.5),
        ]
    said = _ece(model["report"])
    return Chart(
        title=f"{clipped(model['name'], 60)}: reliability",
        summary=(
            "On the dashed line probabilities are true. Below it the model is surer than right, "
            f"above it less sure. {said}"
        ),
        width=WIDTH,
        height=bottom + 40,
        marks=marks,
        table=_bins(f"{clipped(model['name'], 60)}: bins of probability", bins),
        note=f"{said} Larger symbols stand for more rows.",
    )


def _unit(start: float, end: float) -> Scale:
    return Scale(0.0, 1.0, start, end, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))


def _ece(report: Mapping[str, Any]) -> str:
    ece = report.get("ece")
    if not ece:
        return f"No ECE: {report['ece_missing']}." if report.get("ece_missing") else "No ECE."
    return (
        f"ECE {figure(ece['value'])} ({interval(ece['low'], ece['high'])}); a perfectly calibrated "
        f"model would have {figure(ece['floor'])} on these rows."
    )


def _bins(caption: str, bins: Sequence[BinDict]) -> Table:
    return Table(
        caption,
        [Column("bin"), Column("rows", "number"), Column("mean probability", "number"),
         Column("right", "number")],
        [
            [f"{one['low']:.2f} to {one['high']:.2f}", f"{one['rows']:,}",
             figure(one["confidence"]), percent(one["accuracy"])]
            for one in bins
        ],
    )  # fmt: skip


def score_distribution(model: ModelDict) -> Chart | None:
    """How the top probabilities of right and of wrong answers are spread; None where there are
    none. Right answers stand on the line, wrong ones hang from it, both to the same scale."""
    scores = model["scores"]
    if not scores or not any([*scores["right"], *scores["wrong"]]):
        return None
    right, wrong = scores["right"], scores["wrong"]
    bottom = 206
    across = _unit(LEFT, RIGHT)
    up = scale([*right, *(-rows for rows in wrong)], bottom, TOP)
    marks = [
        *_frame(across, up, bottom, "top probability"),
        *_bars(right, across, up, "bar right", 1),
        *_bars(wrong, across, up, "bar wrong", -1),
        line(LEFT, up(0), RIGHT, up(0), "axis"),
        words(LEFT + 6, TOP + 10, "right ↑", "tick"),
        words(LEFT + 6, bottom - 5, "wrong ↓", "tick"),
    ]
    title = f"{clipped(model['name'], 60)}: scores"
    return Chart(
        title=title,
        summary=(
            f"{count(sum(right), 'right answer')} above the line, "
            f"{count(sum(wrong), 'wrong one')} below it, by top probability."
        ),
        width=WIDTH,
        height=bottom + 40,
        marks=marks,
        table=_spread(title, scores),
    )


def _frame(across: Scale, up: Scale, bottom: float, name: str) -> list[Mark]:
    marks = [line(LEFT, up(tick), RIGHT, up(tick), "grid") for tick in up.ticks]
    # Counts below the line are counts all the same.
    marks += [
        words(LEFT - 6, up(tick) + 4, up.label(abs(tick)), "tick", anchor="end")
        for tick in up.ticks
    ]
    marks += [
        words(across(tick), bottom + 17, across.label(tick), "tick", anchor="middle")
        for tick in across.ticks
    ]
    marks.append(words((LEFT + RIGHT) / 2, bottom + 35, name, "tick", anchor="middle"))
    return marks


def _bars(counts: Sequence[int], across: Scale, up: Scale, look: str, way: int) -> list[Mark]:
    marks = []
    width = (RIGHT - LEFT) / len(counts)
    for at, rows in enumerate(counts):
        if rows:
            top, base = sorted((up(way * rows), up(0)))
            box = {"x": round(LEFT + at * width + 1, 1), "y": top, "width": round(width - 2, 1)}
            marks.append(Mark("rect", {**box, "height": round(base - top, 1), "class": look}))
    return marks


def _spread(caption: str, scores: ScoresDict) -> Table:
    bins = len(scores["right"])
    return Table(
        caption,
        [Column("top probability"), Column("right", "number"), Column("wrong", "number")],
        [
            [f"{at / bins:.2f} to {(at + 1) / bins:.2f}", f"{right:,}", f"{wrong:,}"]
            for at, (right, wrong) in enumerate(zip(scores["right"], scores["wrong"], strict=True))
            if right or wrong
        ],
    )
