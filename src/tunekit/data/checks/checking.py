"""One pass over a data set with all checks."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...findings import Finding
from .base import Check
from .collecting import Collection
from .diversity import Diversity
from .findings import Findings
from .labels import Labels
from .near_rows import NearRows
from .normal_form import NormalForm
from .promises import Promises
from .repeats import Repeats
from .texts import Texts
from .told import Told

if TYPE_CHECKING:
    from ...tasks.base import Task
    from ..dataset import Dataset
    from ..table import Table

__all__ = ["check"]


def check(
    data: Dataset,
    table: Table,
    *,
    against: Dataset | None = None,
    near_duplicates: bool = True,
    model: str | None = None,
) -> Findings:
    """Every row against the task, then the set as a whole.

    ``table`` has the task before data told it their labels: the one that ``fix`` mends by.
    """
    if against is not None and not isinstance(against, type(data)):
        raise InputError(
            f"against= is {type(against).__name__}. Give the data set that the rows must not "
            "overlap with: test.check(against=train)."
        )
    if not len(data):
        advice = "Check the filter or the split."
        nothing = Finding("no-rows", "error", "there are no rows.", suggestion=advice)
        return Findings([nothing], figures={"rows": 0}, counts={"no-rows": 1}, data=data)
    lines = array("Q")
    promises = Promises(table.task, _of_rows(data.task))
    collection = Collection(lambda row: data.place(lines[row]), promises.kept)
    checks = _checks(data, lines, against, near_duplicates, model, table.source.decodes)
    first = 0
    for portion in data.portions():
        lines.extend(portion.lines)
        promises.begin(first, portion.rows)
        for one in checks:
            collection.add(one.see(first, portion.rows))
        first += len(portion.rows)
    figures: dict[str, int | float] = {"rows": first}
    for one in checks:
        collection.add(one.findings())
        figures.update(one.figures())
    return Findings(collection.findings(), figures=figures, counts=collection.summary(), data=data)


def _checks(
    data: Dataset,
    lines: Sequence[int],
    against: Dataset | None,
    near_duplicates: bool,
    model: str | None,
    decodes: bool,
) -> list[Check]:
    repeats = Repeats(data, lines, against)
    meaning, texts, normal_form = _of_rows(data.task)
    checks = [
        meaning,
        _Surveyed(data.task),
        texts,
        normal_form,
        repeats,
        Diversity(len(data)),
        Labels(data, against),
    ]
    if decodes:
        checks.append(Told(data.task))
    if near_duplicates:
        checks.append(NearRows(data, repeats))
    if model is not None:
        from .base_model import base_model_check

        checks.append(base_model_check(data, model))
    return checks


def _of_rows(task: Task) -> list[Check]:
    """The checks that look at each row by itself."""
    return [_Meaning(task), Texts(task), NormalForm()]


class _Meaning(Check):
    """What the task says of each row by itself."""

    def __init__(self, task: Task) -> None:
        self._findings = task.findings

    def see(self, first: int, rows: Sequence[Any]) -> Iterator[Finding]:
        for position, found in enumerate(map(self._findings, rows), start=first):
            for finding in found:
                yield finding._replace(row=position)


class _Surveyed(Check):
    """What the task says of the set as a whole."""

    def __init__(self, task: Task) -> None:
        self._survey = task.survey()

    def see(self, first: int, rows: Sequence[Any]) -> tuple[Finding, ...]:
        self._survey.see(rows)
        return ()

    def findings(self) -> Iterator[Finding]:
        return self._survey.findings()

    def figures(self) -> Mapping[str, int | float]:
        return self._survey.figures()
