"""What the page draws with: charts and tables as values, marks, and scales.

A chart can't be made without the table of its numbers, so none is without a text alternative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .wording import tidy

__all__ = [
    "SERIES",
    "WIDTH",
    "Chart",
    "Column",
    "Mark",
    "Scale",
    "Table",
    "key",
    "line",
    "scale",
    "symbol",
    "words",
]

#: The width of a chart: what a phone shows without shrinking the letters.
WIDTH = 340
#: Series that look different: colour, and symbol or dashes. Beyond these they repeat.
SERIES = 8


class Mark(NamedTuple):
    """One element of an SVG."""

    tag: str
    attributes: Mapping[str, str | float]
    text: str = ""


class Column(NamedTuple):
    """A column of a table: its name, and what its cells are; only texts are broken into lines."""

    name: str
    kind: str = "text"  # "text" | "word" | "number" | "verdict"


class Table(NamedTuple):
    """A table; the first cell of a row is its heading."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    note: str = ""


class Chart(NamedTuple):
    """A drawing, what it shows in a sentence, and the same numbers as a table.

    ``key`` has a symbol and a name for each series, where there are several. ``wide`` charts keep
    their size and scroll where there is little room.
    """

    title: str
    summary: str
    width: float
    height: float
    marks: Sequence[Mark]
    table: Table
    key: Sequence[tuple[Sequence[Mark], str]] = ()
    note: str = ""
    wide: bool = False


class Scale(NamedTuple):
    """Where values lie on an axis, and its ticks."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def label(self, tick: float) -> str:
        """A tick with as many decimals as the distance between ticks needs."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return tidy(f"{tick:,.{decimals}f}")


def scale(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    ticks: int = 4,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Scale:
    """A scale with round ends around the values, inside the bounds, and about so many ticks."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9 * max(1.0, abs(low)):
        room = 0.05 * max(1.0, abs(low))
        low, high = low - room, high + room
    step = _round_step((high - low) / ticks)
    low = max(math.floor(low / step + 1e-9) * step, bounds[0])
    high = min(math.ceil(high / step - 1e-9) * step, bounds[1])
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    steps = tuple(round(number * step, 10) for number in range(first, last + 1))
    return Scale(low, high, start, end, steps)


def _round_step(rough: float) -> float:
    power: float = 10 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def line(x1: float, y1: float, x2: float, y2: float, look: str) -> Mark:
    """A straight line."""
    return Mark("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": look})


def words(x: float, y: float, text: str, look: str = "", *, anchor: str = "start") -> Mark:
    """A text; ``anchor`` is the side that stands at x."""
    return Mark("text", {"x": x, "y": y, "text-anchor": anchor, "class": look}, text)


def symbol(series: int, x: float, y: float, size: float = 5) -> Mark:
    """The symbol of a series: eight shapes, so that nobody depends on colours."""
    look = f"symbol s{series % SERIES}"
    match series % SERIES:
        case 0:
            return Mark("circle", {"cx": x, "cy": y, "r": size, "class": look})
        case 1:
            return _shape(x, y, size * 0.9, look, (-1, -1), (1, -1), (1, 1), (-1, 1))
        case 2:
            return _shape(x, y, size * 1.2, look, (0, -1), (0.95, 0.7), (-0.95, 0.7))
        case 3:
            return _shape(x, y, size * 1.25, look, (0, -1), (1, 0), (0, 1), (-1, 0))
        case 4:
            return _shape(x, y, size * 1.2, look, (0, 1), (0.95, -0.7), (-0.95, -0.7))
        case 5:
            return Mark("circle", {"cx": x, "cy": y, "r": size, "class": f"{look} hollow"})
        case 6:
            square = ((-1, -1), (1, -1), (1, 1), (-1, 1))
            return _shape(x, y, size * 0.9, f"{look} hollow", *square)
        case _:
            diamond = ((0, -1), (1, 0), (0, 1), (-1, 0))
            return _shape(x, y, size * 1.25, f"{look} hollow", *diamond)


def key(names: Sequence[str]) -> tuple[tuple[Sequence[Mark], str], ...]:
    """Symbol and name of each series."""
    return tuple(((symbol(at, 8, 8),), name) for at, name in enumerate(names))


def _shape(x: float, y: float, size: float, look: str, *corners: tuple[float, float]) -> Mark:
    points = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in corners)
    return Mark("polygon", {"points": points, "class": look})
