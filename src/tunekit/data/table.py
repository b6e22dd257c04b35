"""A source that was read once: what one validating pass leaves behind."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..errors import DataChanged
from ..findings import Finding
from ..tasks.base import Misread, Record, Task
from .sources import RUN, Run, Source

__all__ = ["Rows", "Table", "scan"]

#: So many findings about records that can't be read are kept; the others are counted.
KEPT = 10_000


class Rows(NamedTuple):
    """Consecutive rows with the line where each begins."""

    lines: Sequence[int]
    rows: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that is known of a source besides its rows."""

    source: Source
    task: Task
    options: Mapping[str, Any]
    count: int
    labels: Mapping[str, int]
    needs: Mapping[str, int]
    misread: tuple[Finding, ...]
    misread_count: int
    #: Where reading can begin: positions of rows, in ascending order, with their lines and places.
    starts: array[int] = field(repr=False)
    lines: array[int] = field(repr=False)
    places: array[int] = field(repr=False)

    def __len__(self) -> int:
        return self.count

    def rows(self, picked: Sequence[int] | None = None) -> Iterator[Rows]:
        """All rows in portions, or those at these positions, in this order.

        Raises:
            DataChanged: the source isn't what it was.
        """
        self.source.check_unchanged()
        return self._all() if picked is None else self._picked(picked)

    def _all(self) -> Iterator[Rows]:
        count = 0
        for lines, _, rows in _read(self.source, self.task, self.options):
            count += len(rows)
            yield Rows(lines, rows)
        self.source.check_unchanged()
        if count != self.count:
            raise DataChanged(
                f"{self.source.name} had {self.count} rows and has {count} now. Read it again."
            )

    def _picked(self, picked: Sequence[int]) -> Iterator[Rows]:
        reader: Iterator[_Read] = iter(())
        begin = end = 0  # the positions that `lines` and `rows` are about
        lines: Sequence[int] = ()
        rows: Sequence[Any] = ()
        for first in range(0, len(picked), RUN):
            picked_lines: list[int] = []
            picked_rows: list[Any] = []
            for position in picked[first : first + RUN]:
                if not begin <= position < end:
                    start = bisect_right(self.starts, position) - 1
                    ahead = self.source.seeks and self.starts[start] > end
                    if position < begin or ahead or not end:
                        begin = end = self.starts[start]
                        reader = _read(
                            self.source,
                            self.task,
                            self.options,
                            self.lines[start],
                            self.places[start],
                        )
                    while position >= end:
                        found = next(reader, None)
                        if found is None:
                            raise DataChanged(
                                f"{self.source.name} has fewer rows than it had. Read it again."
                            )
                        lines, _, rows = found
                        begin, end = end, end + len(rows)
                picked_lines.append(lines[position - begin])
                picked_rows.append(rows[position - begin])
            yield Rows(picked_lines, picked_rows)


def scan(source: Source, task: Task, options: Mapping[str, Any]) -> Table:
    """Read a source through once and keep what is needed to read it again."""
    labels: Counter[str] = Counter()
    needs: Counter[str] = Counter()
    misread = _Misreads()
    starts, begins, places = array("Q"), array("Q"), array("Q")
    has_labels = type(task).label_values is not Task.label_values
    has_needs = type(task).needs is not Task.needs
    count = 0
    for lines, place, rows in _read(source, task, options, misread=misread):
        starts.append(count)
        begins.append(lines[0])
        places.append(place)
        count += len(rows)
        if has_labels:
            labels.update(chain.from_iterable(map(task.label_values, rows)))
        if has_needs:
            needs.update(chain.from_iterable(map(task.needs, rows)))
    source.check_unchanged()
    return Table(
        source,
        task,
        options,
        count,
        labels,
        needs,
        misread.findings(),
        misread.count,
        starts,
        begins,
        places,
    )


class _Misreads:
    """What is said of records that can't be read."""

    def __init__(self) -> None:
        self.count = 0
        self._left = KEPT
        self._findings: list[Finding] = []

    def add(self, findings: Iterable[Finding]) -> None:
        """One more record."""
        self.count += 1
        if self._left:
            self._left -= 1
            self._findings.extend(findings)

    def findings(self) -> tuple[Finding, ...]:
        if self.count <= KEPT:
            return tuple(self._findings)
        message = f"{self.count - KEPT:,} more records can't be read."
        suggestion = "Look at the first ones: most often all of them have the same reason."
        return (*self._findings, Finding("misread", "error", message, suggestion=suggestion))


class _Read(NamedTuple):
    """Rows with their lines, and the place of the first."""

    lines: Sequence[int]
    place: int
    rows: list[Any]


def _read(
    source: Source,
    task: Task,
    options: Mapping[str, Any],
    line: int = 0,
    at: int = 0,
    misread: _Misreads | None = None,
) -> Iterator[_Read]:
    """Rows from a place on, at least one each time; ``misread`` takes what is none."""
    # What model_validate calls, without its detour for every row.
    build = type(task).row_type.__pydantic_validator__.validate_python
    for run in _assembled(source, task, options, line, at):
        try:
            rows = list(map(build, run.records))
        except ValidationError:
            yield from _sorted_out(source, run, build, misread)
        else:
            if rows:
                yield _Read(run.lines, run.places[0], rows)


def _sorted_out(source: Source, run: Run, build: Any, misread: _Misreads | None) -> Iterator[_Read]:
    """The rows of a run that holds something else too."""
    lines: list[int] = []
    places: list[int] = []
    rows: list[Any] = []
    for record in run.one_by_one():
        if isinstance(record, Misread):
            if misread is not None:
                misread.add([_finding(source, record.line, record.field, record.message)])
            continue
        try:
            rows.append(build(record.fields))
        except ValidationError as error:
            if misread is not None:
                misread.add(_findings(source, record, error))
            continue
        lines.append(record.line)
        places.append(record.at)
    if rows:
        yield _Read(lines, places[0], rows)


def _assembled(
    source: Source, task: Task, options: Mapping[str, Any], line: int, at: int
) -> Iterator[Run]:
    """Runs of records in the form of rows."""
    runs = source.runs(line, at)
    if type(task).assemble is Task.assemble:
        yield from runs
        return
    records = iter(task.assemble(chain.from_iterable(map(Run.one_by_one, runs)), options))
    while batch := list(islice(records, RUN)):
        yield Run(
            [record.line for record in batch],
            [0 if isinstance(record, Misread) else record.at for record in batch],
            [record if isinstance(record, Misread) else record.fields for record in batch],
        )


def _findings(source: Source, record: Record, error: ValidationError) -> Iterator[Finding]:
    """pydantic's complaints about one record, in our words."""
    for one in error.errors(include_url=False):
        name = str(one["loc"][0]) if one["loc"] else None
        value = one["input"]
        if one["type"] == "missing":
            others = ", ".join(repr(column) for column, _ in record.fields.get("meta", ()))
            has = f" It has {others}: say columns={{{name!r}: …}}." if others else ""
            yield _finding(source, record.line, name, f"there is no {name}.{has}")
        elif one["type"] == "extra_forbidden":
            yield _finding(source, record.line, name, f"{name!r} is no field of a row.")
        elif value is None:
            yield _finding(source, record.line, name, f"{name} is missing.")
        else:
            kind = type(value).__name__
            advice = f" Write it as a text, {str(value)!r}." if kind in ("bool", "float") else ""
            yield _finding(
                source, record.line, name, f"{name} is {kind}: {one['msg'].lower()}.{advice}"
            )


def _finding(source: Source, line: int, name: str | None, message: str) -> Finding:
    return Finding("unreadable", "error", message, source=source.place(line), field=name)
