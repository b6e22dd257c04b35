"""What a learner is given, and what it gives back. A learner knows one shape."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..shapes import Example
from .folder import RunFolder
from .recipe import Recipe
from .timings import Timings

__all__ = ["Learnt", "Progress", "Work"]

#: Between two progress events.
PROGRESS_SECONDS = 0.5


class Work(NamedTuple):
    """One training. ``validation`` is ``None`` where no rows are for judging alone."""

    run: RunFolder
    recipe: Recipe
    train: list[Example]
    validation: list[Example] | None
    timings: Timings


class Learnt(NamedTuple):
    """What there is to say of a training whose artifact is written.

    ``applied`` has the value of every setting that played a part, ``measured`` what was done and
    how long it took, for the plans of later trainings.
    """

    temperature: float | None
    applied: Mapping[str, Any]
    metrics: Mapping[str, Any]
    measured: Mapping[str, Any]


class Progress:
    """Counts what is done, and says so at most twice a second."""

    def __init__(self, run: RunFolder, what: str, total: int) -> None:
        self._run, self._what, self._total = run, what, total
        self._done, self._said = 0, 0.0

    def __call__(self, more: int) -> None:
        self._done += more
        moment = time.monotonic()
        if moment - self._said >= PROGRESS_SECONDS or self._done == self._total:
            self._said = moment
            facts = {"done": self._done, "total": self._total}
            self._run.note_event("progress", self._what, facts)
