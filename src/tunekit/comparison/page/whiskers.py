"""Dots with whiskers: figures and differences, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .drawing import WIDTH, Chart, Mark, Scale, Table, line, scale, symbol, words
from .wording import figure, short, signed

__all__ = ["Group", "Whisker", "whiskers"]

LEFT, RIGHT, TOP = 8, WIDTH - 14, 6
NAME_HEIGHT, LINE_HEIGHT, GAP, AXIS_HEIGHT = 20, 18, 8, 26
NAME_LENGTH = 36


class Whisker(NamedTuple):
    """A value and its interval; ``series`` decides the symbol."""

    series: int
    value: float
    low: float
    high: float


class Group(NamedTuple):
    """Whiskers under one name."""

    name: str
    whiskers: Sequence[Whisker]


def whiskers(
    title: str,
    summary: str,
    groups: Sequence[Group],
    table: Table,
    *,
    difference: bool = False,
    key: Sequence[tuple[Sequence[Mark], str]] = (),
    note: str = "",
) -> Chart:
    """A chart of groups below each other.

    Figures have an axis that fits them, not one from 0: places are compared, not lengths.
    ``difference`` draws the line of no difference and gives values their sign.
    """
    ends = [end for group in groups for one in group.whiskers for end in (one.low, one.high)]
    ends += [one.value for group in groups for one in group.whiskers]
    # The axis of shares ends where shares end.
    shares = not difference and all(abs(end) <= 1 for end in ends)
    bounds = (-1.0, 1.0) if shares else (-math.inf, math.inf)
    if difference:
        ends.append(0.0)
    across = scale(ends, LEFT + 8, RIGHT, bounds=bounds)
    height = TOP + sum(_height(group) for group in groups)
    marks = _axis(across, height, difference=difference)
    y: float = TOP
    for group in groups:
        marks.extend(_group(group, y, across, difference=difference))
        y += _height(group)
    return Chart(title, summary, WIDTH, height + AXIS_HEIGHT, marks, table, key, note)


def _height(group: Group) -> int:
    return NAME_HEIGHT + LINE_HEIGHT * len(group.whiskers) + GAP


def _axis(across: Scale, height: float, *, difference: bool) -> list[Mark]:
    marks = [line(across(tick), TOP, across(tick), height, "grid") for tick in across.ticks]
    if difference:
        marks.append(line(across(0), TOP, across(0), height, "zero"))
    marks += [
        words(across(tick), height + 16, across.label(tick), "tick", anchor="middle")
        for tick in across.ticks
    ]
    return marks


def _group(group: Group, top: float, across: Scale, *, difference: bool) -> list[Mark]:
    written = signed if difference else figure
    marks = [words(LEFT, top + 14, short(group.name, NAME_LENGTH), "name")]
    if len(group.whiskers) == 1:
        marks.append(
            words(RIGHT, top + 14, written(group.whiskers[0].value), "value", anchor="end")
        )
    y = top + NAME_HEIGHT + LINE_HEIGHT / 2
    for one in group.whiskers:
        marks += [
            line(across(one.low), y, across(one.high), y, f"whisker s{one.series % 8}"),
            *(
                line(across(end), y - 4, across(end), y + 4, f"whisker s{one.series % 8}")
                for end in (one.low, one.high)
            ),
            symbol(one.series, across(one.value), y),
        ]
        y += LINE_HEIGHT
    return marks
