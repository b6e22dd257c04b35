"""What is wrong with the meaning of rows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from ..findings import Finding

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["Findings", "check"]


class Findings(tuple[Finding, ...]):
    """All findings about a data set, in row order. Prints one a line."""

    __slots__ = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those that stand in the way of training."""
        return tuple(finding for finding in self if finding.severity == "error")

    @property
    def of_rows(self) -> tuple[Finding, ...]:
        """Those about single rows, which hold for any part, not only for one to train on."""
        return tuple(finding for finding in self if finding.row is not None)

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no findings"


def check(data: Dataset) -> Findings:
    """Every row against the task, then the set as a whole."""
    if not len(data):
        advice = "Check the filter or the split."
        return Findings([Finding("no-rows", "error", "there are no rows.", suggestion=advice)])
    return Findings(chain(_row_findings(data), data.task.set_findings(data.label_counts)))


def _row_findings(data: Dataset) -> Iterable[Finding]:
    for position, (line, row) in enumerate(data.numbered()):
        for finding in data.task.findings(row):
            yield finding._replace(row=position, source=data.place(line))
