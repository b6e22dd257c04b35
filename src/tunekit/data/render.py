"""Rows into a format, and the bytes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ..durable import write_file
from ..errors import DataError, InputError, UnsupportedTask, did_you_mean
from ..findings import Finding
from ..formats.base import Codec, Header
from ..formats.registry import codec, codecs
from ..shapes import Shape, Span
from ..tasks.base import Prompt, Row, Task

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["records_in", "render", "row_record", "write_in"]

ROWS = "jsonl"


def render(data: Dataset, task: Task, shape: Shape, format: str, prompt: Prompt) -> Iterator[bytes]:
    """A training file, some lines at a time.

    The same data, task and prompt give the same bytes on every day and machine.

    Raises:
        DataError: rows whose meaning forbids it; all at once, after the last good line.
    """
    return map(_lines, _encoded(data, task, shape, codec(format), prompt))


def records_in(data: Dataset, format: str) -> Iterator[dict[str, Any]]:
    """The records of a data set in a format, as ``data.to`` gives them."""
    return chain.from_iterable(_portions(data, format))


def write_in(data: Dataset, format: str, path: Path) -> Path:
    """Write a data set in a format, as a whole or not at all."""
    write_file(path, map(_lines, _portions(data, format)))
    return path


def _portions(data: Dataset, format: str) -> Iterator[list[dict[str, Any]]]:
    if format == ROWS:
        return ([row_record(row) for row in rows] for _, rows in data.portions())
    if format not in (known := (ROWS, *(one.name for one in codecs()))):
        raise InputError(f"no format {format!r}. {did_you_mean(format, known)}")
    wire = codec(format)
    shape = _shape_for(data.task, wire)
    lost = {name: rows for name, rows in data.needs.items() if name in data.task.loses(shape)}
    if lost:
        rows = ", ".join(f"{name} ({count} rows)" for name, count in sorted(lost.items()))
        raise UnsupportedTask(
            f"{data.name}: {wire.name} would lose {rows}. Format 'examples' keeps everything, or "
            "leave these rows out with data.filter(…)."
        )
    return _encoded(data, data.task, shape, wire, data.task.prompt())


def _lines(records: Iterable[dict[str, Any]]) -> bytes:
    """Records as lines. ``meta`` may hold what JSON has no form for, such as a decimal number."""
    dumps, option = orjson.dumps, orjson.OPT_APPEND_NEWLINE
    return b"".join([dumps(record, option=option, default=str) for record in records])


def row_record(row: Row) -> dict[str, Any]:
    """A row as a plain record: the task's fields that are set, then ``meta``."""
    record = {
        ("id" if name == "given_id" else name): _plain(value)
        for name, value in row
        if name != "meta" and value is not None
    }
    for name, value in row.meta:
        record.setdefault(name, _plain(value))
    return record


def _plain(value: Any) -> Any:
    """A value as JSON has it. Spans become objects, which tell start from end for every reader."""
    if isinstance(value, Span):
        return value._asdict()
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _encoded(
    data: Dataset, task: Task, shape: Shape, wire: Codec, prompt: Prompt
) -> Iterator[list[dict[str, Any]]]:
    header = Header()
    lower, encode = task.lower, wire.encode
    refused: list[Finding] = []
    for lines, rows in data.portions():
        records: list[dict[str, Any]] = []
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


def _shape_for(task: Task, wire: Codec) -> Shape:
    for shape in task.offers:
        if shape in wire.shapes:
            return shape
    offers = ", ".join(task.offers)
    raise UnsupportedTask(
        f"{wire.name} carries {', '.join(sorted(wire.shapes))}; {task.kind} offers {offers}. "
        "See tunekit.list_formats() for others."
    )
