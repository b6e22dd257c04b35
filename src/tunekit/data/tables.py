"""Rows as tables: the bytes of JSONL, JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from ..errors import DataError, UnsupportedTask
from ..findings import Finding
from ..shapes import Span
from ..tasks.base import Row, Task
from .layout import Pairs
from .text import CELL_LIMIT

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["TABLE_CHANGES", "TABLE_LOSES", "as_lines", "as_list", "as_table", "row_record"]

Record = dict[str, Any]

_NAMED = "columns of meta that are called like a field come back with meta. before the name"
_JSON_CHANGES = (
    "in meta, what JSON has no form for (dates, decimals) comes back as text, NaN as nothing; "
    + _NAMED
)
_CSV_CHANGES = "ids and meta come back as texts, empty where a row had none; " + _NAMED
#: The tables that are written, with what comes back changed.
TABLE_CHANGES = {
    "csv": _CSV_CHANGES,
    "tsv": _CSV_CHANGES,
    "json": _JSON_CHANGES,
    "jsonl": _JSON_CHANGES,
}
_CSV_LOSES = ("NUL characters", "a context that only some rows have")
TABLE_LOSES = {"csv": _CSV_LOSES, "tsv": _CSV_LOSES}


def row_record(row: Row, task: Task) -> Record:
    """A row as a plain record: the task's fields that are set, then ``meta``.

    A column of ``meta`` that is called like one of the task's, or like one before it, gets
    ``meta.`` before its name.
    """
    record = {
        ("id" if name == "given_id" else name): _plain(value)
        for name, value in row
        if name != "meta" and value is not None
    }
    for name, value in row.meta:
        while name in record or name in task.columns or name == "id":
            name = f"meta.{name}"  # else it would be taken for the field
        record[name] = _plain(value)
    return record


def as_lines(records: Iterable[Record]) -> bytes:
    """Records as JSON, one a line."""
    option = orjson.OPT_APPEND_NEWLINE
    return b"".join([orjson.dumps(record, option=option, default=str) for record in records])


def as_list(portions: Iterable[Iterable[Record]]) -> Iterator[bytes]:
    """All records as one JSON list, a record a line."""
    before = b"[\n"
    for records in portions:
        lines = b",\n".join([orjson.dumps(record, default=str) for record in records])
        if lines:
            yield before + lines
            before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def as_table(data: Dataset, delimiter: str) -> Iterator[bytes]:
    """The rows under a header line, every cell in quotes.

    What isn't a text stands there as JSON: spans, options, ranks, numbers in ``meta``.

    Raises:
        UnsupportedTask: some rows have a context and some don't: an empty cell would give all of
            them one.
        DataError: cells that no table could hold; all at once.
    """
    names = _columns(data)
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(names)
    # A row without ranks among rows with them: a reader takes the cell for JSON.
    blanks = ["null" if name == "ranks" and name in data.task.columns else "" for name in names]
    columns = list(zip(names, blanks, strict=True))
    for _, rows in data.portions():
        for row in rows:
            record = row_record(row, data.task)
            writer.writerow([_cell(record.get(name), blank) for name, blank in columns])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()  # the header line, where there are no rows


def _columns(data: Dataset) -> list[str]:
    """The names of all columns. Found by a look at every row, before the first is written."""
    counts: Counter[str] = Counter()
    refused: list[Finding] = []
    for lines, rows in data.portions():
        for line, row in zip(lines, rows, strict=True):
            record = row_record(row, data.task)
            counts.update(record.keys())
            for name, why in _unwritable(record):
                message = f"{why}. Format 'jsonl' holds everything."
                place = data.place(line)
                refused.append(Finding("not-a-cell", "error", message, source=place, field=name))
    if refused:
        raise DataError(
            f"{data.name}: rows that a table can't hold. Write format 'jsonl', or leave them out "
            "with data.filter(…):",
            refused,
        )
    contexts, count = counts["context"], len(data)
    if 0 < contexts < count and "context" in data.task.columns:
        raise UnsupportedTask(
            f"{data.name}: {contexts} of {count} rows have a context, and an empty cell would give "
            "the others an empty one. Format 'jsonl' keeps everything, or write the two apart with "
            "data.filter(…)."
        )
    fields = (name for name in type(data.task).row_type.model_fields if name in counts)
    return list(dict.fromkeys(chain(fields, counts))) or list(data.task.required)


def _unwritable(record: Record) -> Iterator[tuple[str, str]]:
    """What of a record no table could hold, by column. JSON inside a cell has no NUL."""
    for name, value in record.items():
        cell = value if isinstance(value, str) else _cell(value)
        if "\0" in cell or "\0" in name:
            yield name, "holds a NUL character"
        elif len(cell) > CELL_LIMIT:
            yield name, f"is over {CELL_LIMIT:,} characters long"
        elif not name:
            yield name, "is a column without a name"


def _cell(value: Any, blank: str = "") -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return blank
    written = orjson.dumps(value, default=str)
    # A date and its like are a text in JSON, and a cell holds one without its quotes.
    return str(orjson.loads(written)) if written.startswith(b'"') else written.decode()


def _plain(value: Any) -> Any:
    """A value as JSON has it. Spans become objects, which tell start from end for every reader."""
    if isinstance(value, Span):
        return value._asdict()
    if isinstance(value, Pairs):
        return {name: _plain(one) for name, one in value}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
