"""Rows into a format, and the bytes of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ..durable import write_file
from ..errors import DataError, InputError, UnsupportedTask, did_you_mean
from ..findings import Finding
from ..formats.base import Header, Writes
from ..formats.registry import codecs, writer
from ..shapes import Shape
from ..tasks.base import Prompt, Task
from .tables import TABLE_CHANGES, Record, as_lines, as_list, as_table, row_record

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["records_in", "render", "write_in"]


def render(data: Dataset, task: Task, shape: Shape, format: str, prompt: Prompt) -> Iterator[bytes]:
    """A training file, some lines at a time.

    The same data, task and prompt give the same bytes on every day and machine.

    Raises:
        DataError: rows whose meaning forbids it; all at once, after the last good line.
    """
    return map(as_lines, _encoded(data, task, shape, writer(format), prompt))


def records_in(data: Dataset, format: str) -> Iterator[Record]:
    """The records of a data set in a format, as ``data.to`` gives them."""
    return chain.from_iterable(_portions(data, format))


def write_in(data: Dataset, format: str, path: Path) -> Path:
    """Write a data set in a format, as a whole or not at all."""
    write_file(path, _bytes(data, format, path))
    return path


def _bytes(data: Dataset, format: str, path: Path) -> Iterator[bytes]:
    if format in ("csv", "tsv"):
        return as_table(data, "," if format == "csv" else "\t")
    portions = _portions(data, format)
    # JSON objects stand one a line, unless the file is called what a list of them is called.
    named_json = format not in TABLE_CHANGES and path.suffix.lower() == ".json"
    if format == "json" or named_json:
        return as_list(portions)
    return map(as_lines, portions)


def _portions(data: Dataset, format: str) -> Iterator[list[Record]]:
    if format in TABLE_CHANGES:
        return ([row_record(row, data.task) for row in rows] for _, rows in data.portions())
    written = (*TABLE_CHANGES, *(one.name for one in codecs() if isinstance(one, Writes)))
    if format not in written:
        raise InputError(f"no format {format!r} is written. {did_you_mean(format, written)}")
    wire = writer(format)
    shape = _shape_for(data.task, wire)
    without = data.task.loses(shape) | wire.loses
    lost = {name: rows for name, rows in data.needs.items() if name in without}
    if lost:
        rows = ", ".join(f"{name} ({count} rows)" for name, count in sorted(lost.items()))
        raise UnsupportedTask(
            f"{data.name}: {wire.name} would lose {rows}. Format 'examples' keeps everything, or "
            "leave these rows out with data.filter(…)."
        )
    return _encoded(data, data.task, shape, wire, data.task.prompt())


def _encoded(
    data: Dataset, task: Task, shape: Shape, wire: Writes, prompt: Prompt
) -> Iterator[list[Record]]:
    header = Header()
    lower, encode = task.lower, wire.encode
    refused: list[Finding] = []
    for lines, rows in data.portions():
        records: list[Record] = []
        for line, row in zip(lines, rows, strict=True):
            try:
                for example in lower(row, shape, prompt):
                    records.append(encode(example, header))
            except ValueError as error:
                where = data.place(line)
                refused.append(Finding("not-lowered", "error", f"{error}.", source=where))
        yield records
    if refused:
        raise DataError(f"{data.name}: rows that can't be written (see check()):", refused)


def _shape_for(task: Task, wire: Writes) -> Shape:
    for shape in task.offers:
        if shape in wire.shapes:
            return shape
    offers = ", ".join(task.offers)
    raise UnsupportedTask(
        f"{wire.name} carries {', '.join(sorted(wire.shapes))}; {task.kind} offers {offers}. "
        "See tunekit.list_formats() for others."
    )
