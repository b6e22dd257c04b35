"""What a training did and how long that took, as ``result.json`` has it. No torch here.

Plans of later trainings are made from it: see :mod:`tunekit.training.costs`.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from .costs import PHASES, Depth, Fitting, Reading
from .folder import RunFolder
from .tuning_costs import Tuning

__all__ = ["Timings", "machine_name", "measured", "peak_memory"]

#: Python itself, before the worker could look at the clock.
UNSEEN_SECONDS = 0.2


class Timings:
    """A clock with a mark at the end of each phase."""

    def __init__(self, run: RunFolder) -> None:
        self._mark = time.monotonic()
        self.seconds = {PHASES[0]: _since_start(run)}

    def done(self, phase: str) -> None:
        """A phase has ended now."""
        before, self._mark = self._mark, time.monotonic()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + self._mark - before

    def rounded(self) -> dict[str, float]:
        """Seconds by phase."""
        return {phase: round(seconds, 2) for phase, seconds in self.seconds.items()}


def measured(
    reading: Reading, fitting: Fitting, depth: Depth, tuning: Tuning | None = None, **facts: Any
) -> dict[str, Any]:
    """What was done, where, and with how much memory."""
    return {
        "machine": machine_name(),
        **facts,
        "reading": reading._asdict(),
        "fitting": fitting._asdict(),
        "depth": depth._asdict(),
        "tuning": None if tuning is None else tuning._asdict(),
        "memory": peak_memory(),
    }


def _since_start(run: RunFolder) -> float:
    """Seconds since this process took the run up: what importing torch takes is most of it."""
    noted = (run.worker() or {}).get("started")
    if noted is None:
        return UNSEEN_SECONDS
    passed = (datetime.now(UTC) - datetime.fromisoformat(str(noted))).total_seconds()
    return UNSEEN_SECONDS + max(0.0, passed)


@cache
def machine_name() -> str:
    """This machine as far as its speed goes: processor and number of cores."""
    return f"{_processor()}, {os.cpu_count()} CPUs"


def _processor() -> str:
    return _line_of("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def peak_memory() -> int | None:
    """The most bytes that this process held, resident; ``None`` where the system doesn't say."""
    # Not by getrusage on Linux: there a child begins with what its parent had held.
    if stated := _line_of("/proc/self/status", "VmHWM"):
        return 1024 * int(stated.split()[0])
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _line_of(file: str, name: str) -> str:
    """What stands behind a name in a file of the system; empty where it doesn't."""
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(name))
    return next(found, "")
