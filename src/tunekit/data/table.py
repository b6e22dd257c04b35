"""A source that was read once: what one validating pass leaves behind."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from ..errors import DataChanged
from ..findings import Finding
from ..tasks.base import Misread, Record, Task
from .sources import Source

__all__ = ["Table", "scan"]

#: A place to start reading from is kept for one row in so many.
STRIDE = 64


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that is known of a source besides its rows."""

    source: Source
    task: Task
    options: Mapping[str, Any]
    count: int
    fingerprint: str
    labels: Mapping[str, int]
    needs: Mapping[str, int]
    misread: tuple[Finding, ...]
    lines: array[int] = field(repr=False)
    places: array[int] = field(repr=False)

    def __len__(self) -> int:
        return self.count

    def rows(self, picked: Sequence[int] | None = None) -> Iterator[tuple[int, Any]]:
        """Rows with their lines: all, or those at these positions, in this order."""
        self.source.check_unchanged()
        if picked is None:
            yield from self._all()
        else:
            yield from self._picked(picked)

    def row(self, position: int) -> Any:
        """The row at a position."""
        return next(iter(self.rows((position,))))[1]

    def _all(self) -> Iterator[tuple[int, Any]]:
        count = 0
        for record, row in self._read(0):
            count += 1
            yield record.line, row
        if count != self.count:
            raise DataChanged(f"{self.source.name} had {self.count} rows and has {count} now.")

    def _picked(self, picked: Sequence[int]) -> Iterator[tuple[int, Any]]:
        reader: Iterator[tuple[Record, Any]] = iter(())
        upcoming = -1  # the position of the row that reader yields next
        for position in picked:
            if not upcoming <= position < upcoming + STRIDE or upcoming < 0:
                upcoming = position - position % STRIDE
                reader = self._read(upcoming // STRIDE)
            while True:
                found = next(reader, None)
                if found is None:
                    raise DataChanged(f"{self.source.name} has fewer rows than it had.")
                upcoming += 1
                if upcoming > position:
                    break
            yield found[0].line, found[1]

    def _read(self, stride: int) -> Iterator[tuple[Record, Any]]:
        line, at = (self.lines[stride], self.places[stride]) if stride else (0, 0)
        build = type(self.task).row_type.model_validate
        for record in self.task.assemble(self.source.records(line, at), self.options):
            if type(record) is Record:
                try:
                    yield record, build(record.fields)
                except ValidationError:
                    continue  # known since the first pass


def scan(source: Source, task: Task, options: Mapping[str, Any]) -> Table:
    """Read a source through once and keep what is needed to read it again."""
    build = type(task).row_type.model_validate
    dumps = orjson.dumps
    digest = hashlib.blake2b(digest_size=16)
    labels: dict[str, int] = {}
    needs: dict[str, int] = {}
    misread: list[Finding] = []
    lines, places = array("Q"), array("Q")
    has_labels = type(task).label_values is not Task.label_values
    has_needs = type(task).needs is not Task.needs
    count = 0
    for record in task.assemble(source.records(), options):
        if isinstance(record, Misread):
            misread.append(_finding(source, record.line, record.field, record.message))
            continue
        try:
            row = build(record.fields)
        except ValidationError as error:
            misread.extend(_findings(source, record, error))
            continue
        if not count % STRIDE:
            lines.append(record.line)
            places.append(record.at)
        count += 1
        digest.update(dumps(row.content))
        if has_labels:
            for label in task.label_values(row):
                labels[label] = labels.get(label, 0) + 1
        if has_needs:
            for feature in task.needs(row):
                needs[feature] = needs.get(feature, 0) + 1
    source.check_unchanged()
    return Table(
        source,
        task,
        options,
        count,
        digest.hexdigest(),
        labels,
        needs,
        tuple(misread),
        lines,
        places,
    )


def _findings(source: Source, record: Record, error: ValidationError) -> Iterator[Finding]:
    """pydantic's complaints about one record, in our words."""
    for one in error.errors(include_url=False):
        name = str(one["loc"][0]) if one["loc"] else None
        value = one["input"]
        if one["type"] == "missing":
            yield _finding(source, record.line, name, f"there is no {name}.")
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
