"""Learning curves: what training logged, step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from .drawing import WIDTH, Chart, Column, Mark, Scale, Table, line, scale, symbol, words
from .schema import ModelDict, StepDict
from .wording import clipped, count, figure

__all__ = ["learning_curves"]

P = TypeVar("P")

LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 44, WIDTH - 12, 12, 196, 236
#: Points that are drawn of a line; more would lie on each other.
POINTS = 160
#: Rows of a curve's table.
TABLE_ROWS = 40
#: Points that get a symbol.
SYMBOLS = 10


class _Line(NamedTuple):
    name: str
    series: int
    points: Sequence[tuple[int, float]]


def learning_curves(model: ModelDict) -> list[Chart]:
    """The losses of a model, and its figure on the validation rows, where it has them."""
    curve = sorted(model["curve"], key=lambda step: step["step"])
    losses = [
        _Line("training loss", 0, _points(curve, "train_loss")),
        _Line("validation loss", 1, _points(curve, "validation_loss")),
    ]
    measured = [_Line("validation figure", 2, _points(curve, "validation_metric"))]
    charts = []
    for what, lines in (("loss", losses), ("validation figure", measured)):
        there = [one for one in lines if one.points]
        if there:
            charts.append(_chart(clipped(model["name"], 60), what, there))
    return charts


def _points(curve: Sequence[StepDict], name: str) -> list[tuple[int, float]]:
    said = [(step["step"], step.get(name)) for step in curve]
    return [
        (at, float(value))
        for at, value in said
        if isinstance(value, (int, float)) and math.isfinite(value)
    ]


def _chart(model: str, what: str, lines: Sequence[_Line]) -> Chart:
    across = scale([x for one in lines for x, _ in one.points], LEFT, RIGHT)
    up = scale([y for one in lines for _, y in one.points], BOTTOM, TOP)
    marks = _axes(across, up)
    for one in lines:
        drawn = [(across(x), up(y)) for x, y in _thinned(one.points, POINTS)]
        path = "M" + "L".join(f"{x} {y}" for x, y in drawn)
        marks.append(Mark("path", {"d": path, "class": f"curve s{one.series}"}))
        marks += [symbol(one.series, x, y, 3.5) for x, y in _thinned(drawn, SYMBOLS)]
    return Chart(
        title=f"{model}: {what}",
        summary="; ".join(_told(one) for one in lines) + ".",
        width=WIDTH,
        height=HEIGHT,
        marks=marks,
        table=_table(f"{model}: {what} by step", lines),
        key=[
            ((line(0, 8, 16, 8, f"curve s{one.series}"), symbol(one.series, 8, 8, 4)), one.name)
            for one in lines
        ],
    )


def _axes(across: Scale, up: Scale) -> list[Mark]:
    marks = [line(LEFT, up(tick), RIGHT, up(tick), "grid") for tick in up.ticks]
    marks += [
        words(LEFT - 6, up(tick) + 4, up.label(tick), "tick", anchor="end") for tick in up.ticks
    ]
    marks += [
        words(across(tick), BOTTOM + 17, across.label(tick), "tick", anchor="middle")
        for tick in across.ticks
    ]
    marks.append(words((LEFT + RIGHT) / 2, HEIGHT - 4, "step", "tick", anchor="middle"))
    return marks


def _told(one: _Line) -> str:
    (first_step, first), (last_step, last) = one.points[0], one.points[-1]
    return f"{one.name} {figure(first)} at step {first_step}, {figure(last)} at step {last_step}"


def _thinned(points: Sequence[P], most: int) -> list[P]:
    """At most so many points, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(at * (len(points) - 1) / (most - 1))] for at in range(most)]


def _table(caption: str, lines: Sequence[_Line]) -> Table:
    by_step: dict[int, dict[str, float]] = {}
    for one in lines:
        for at, value in one.points:
            by_step.setdefault(at, {})[one.name] = value
    shown = _thinned(sorted(by_step), TABLE_ROWS)
    return Table(
        caption,
        [Column("step", "number"), *(Column(one.name, "number") for one in lines)],
        [
            [
                str(at),
                *(
                    figure(by_step[at][one.name]) if one.name in by_step[at] else ""
                    for one in lines
                ),
            ]
            for at in shown
        ],
        f"{len(shown)} of {count(len(by_step), 'step')}, evenly."
        if len(shown) < len(by_step)
        else "",
    )
