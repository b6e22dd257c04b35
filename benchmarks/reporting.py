"""Figures of a benchmark: printed for whoever reads, and kept for the table of all benchmarks.

Where ``BENCHMARK_FIGURES`` names a file, each figure is a line of JSON there; ``run_all.py`` makes
its table of them.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import NamedTuple

__all__ = ["FILE", "Figure", "machine", "report", "tell"]

#: The environment variable that names the file.
FILE = "BENCHMARK_FIGURES"


class Figure(NamedTuple):
    """What was measured. ``held`` is ``None`` where there is no limit."""

    name: str
    value: float
    unit: str
    limit: str
    held: bool | None

    def __str__(self) -> str:
        text = f"{self.name:<58}{shown(self.value):>10} {self.unit:<12}"
        if self.held is not None:
            text += f" {self.limit:<8} {'ok' if self.held else 'FAILED'}"
        return text.rstrip()


def report(
    name: str,
    value: float,
    unit: str = "",
    *,
    least: float | None = None,
    most: float | None = None,
) -> Figure:
    """Keep a figure for the table, and say whether its limits hold.

    Args:
        name: what was measured.
        value: the figure.
        unit: of it; empty for shares and counts.
        least: what it must be at least.
        most: what it may be at most.
    """
    limits = [
        f"{sign} {shown(one)}" for sign, one in (("≥", least), ("≤", most)) if one is not None
    ]
    held = (least is None or value >= least) and (most is None or value <= most)
    figure = Figure(name, float(value), unit, ", ".join(limits), held if limits else None)
    if place := os.environ.get(FILE):
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(figure._asdict(), ensure_ascii=False) + "\n")
    return figure


def tell(
    name: str,
    value: float,
    unit: str = "",
    *,
    least: float | None = None,
    most: float | None = None,
) -> bool:
    """As :func:`report`, and print it. Gives whether its limits hold."""
    figure = report(name, value, unit, least=least, most=most)
    print(figure, flush=True)
    return figure.held is not False


def shown(value: float) -> str:
    """A figure in as many digits as can be read."""
    if value == 0 or (value == int(value) and abs(value) >= 10):
        return f"{value:,.0f}"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def machine(*packages: str) -> str:
    """This machine and the versions of these packages, in a line."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return (
        f"Python {platform.python_version()}, {versions}, {os.cpu_count()} CPUs, "
        f"{platform.machine()}, load {os.getloadavg()[0]:.1f}"
    )
