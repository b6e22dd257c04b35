"""Sources of records: files and collections that can be opened again.

A source yields runs of records, already mapped to field names. It never keeps what it has read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from codecs import BOM_UTF8, lookup
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ..errors import DataChanged, DataError, MissingExtra
from ..tasks.base import Misread, Record, Row, Task
from .layout import Columns, Layout, TooDeep, layout_for
from .lines import BOM, LINE_LIMIT, told_apart_as_bytes

__all__ = [
    "RUN",
    "FileSource",
    "JsonSource",
    "MemorySource",
    "ParquetSource",
    "Run",
    "Source",
    "copied",
]

#: How many records make a run: enough to spare work for each, few enough to stay in a chip's cache.
RUN = 32
#: Rows of a Parquet file that are decoded together.
BATCH = 1024


class Run(NamedTuple):
    """Consecutive records, handled together because that is much quicker than one by one.

    ``lines`` says where each begins for people (the line of a text file from 1, the position in
    other sources), ``places`` where a source can be opened again to read on from it. A record is
    the fields of a row, or a Misread.
    """

    lines: Sequence[int]
    places: Sequence[int]
    records: Sequence[dict[str, Any] | Misread]

    def one_by_one(self) -> Iterator[Record | Misread]:
        """The records as a task assembles them."""
        for line, place, record in zip(self.lines, self.places, self.records, strict=True):
            yield record if isinstance(record, Misread) else Record(line, place, record)


class Source(ABC):
    """Something records can be read from, again and again, in the same order."""

    #: What findings call it: a file name, or what it was made from.
    name: str
    #: Whether opening it in the middle costs about as much as at the beginning.
    seeks: bool = True
    #: Whether records are conversations of another tool, whose system turn is kept in ``meta``.
    decodes: bool = False

    @abstractmethod
    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        """Records from a place on, as an earlier run gave it (with the line there)."""

    def place(self, line: int) -> str:
        """Where a record stands, for people: ``"pii.csv:12"``."""
        return f"{self.name}[{line}]"

    def check_unchanged(self) -> None:  # noqa: B027  # what is in memory doesn't change
        """Raise DataChanged if what is there now isn't what was there when this was made."""


class FileSource(Source):
    """A source that is a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        try:
            if not path.is_file():
                what = "is no file" if path.exists() else "isn't there"
                raise DataError(f"{path} {what}. Check the path.")
            with path.open("rb"):
                pass
            self._stamp = _stamp(path)
        except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
            if isinstance(error, DataError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"{path}: {reason}. Check the path and its permissions.") from error

    def check_unchanged(self) -> None:
        try:
            now = _stamp(self.path)
        except OSError as error:
            raise DataChanged(f"{self.path} is gone ({error.strerror}). Read it again.") from error
        if now != self._stamp:
            raise DataChanged(f"{self.path} changed after it was read. Read it again.")


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes when a file is written or replaced."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


class MemorySource(Source):
    """Rows or mappings in memory, or in a collection that is read by position.

    ``header`` has the names of the columns where all records have the same.
    """

    def __init__(
        self,
        records: Sequence[Row | Mapping[str, Any]],
        name: str,
        task: Task,
        columns: Columns | None = None,
        header: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self._records = records
        self._layout = layout_for(task, columns, header, name)

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        return map(_writable, _mapped(self._records, self._layout, at, 0))


class JsonSource(FileSource):
    """A JSON file that is one list of objects. It is read as a whole; JSONL isn't."""

    seeks = False

    def __init__(self, path: Path, task: Task, columns: Columns | None, encoding: str) -> None:
        super().__init__(path)
        told_apart_as_bytes(encoding)  # complains if there is no such encoding
        self._encoding = encoding
        self._layout = layout_for(task, columns, None, self.name)

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        return _mapped(self._objects(), self._layout, at, 0)

    def head(self, count: int) -> list[Any]:
        """The first records as they stand."""
        return self._objects()[:count]

    def _objects(self) -> list[Any]:
        try:
            found = self._parsed()
        except UnicodeError as error:
            where = f"byte {error.start}" if isinstance(error, UnicodeDecodeError) else "it"
            raise DataError(
                f"{self.name}: {where} is no {self._encoding}. "
                "Say which encoding it is: encoding='utf-16', encoding='cp1252' …"
            ) from error
        except orjson.JSONDecodeError as error:
            raise DataError(
                f"{self.name}:{error.lineno}: no JSON ({error.msg}, column {error.colno}). "
                "One object a line is JSONL: name it .jsonl or give format='jsonl'."
            ) from error
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror}. Check the disk.") from error
        if not isinstance(found, list):
            raise DataError(
                f"{self.name} holds {type(found).__name__}, not a list of objects. "
                "Write it as [{…}, {…}]."
            )
        if self._stamp[0] > LINE_LIMIT:
            self._refuse_long(found)
        return found

    def _refuse_long(self, records: list[Any]) -> None:
        """The same limit as for a line of JSONL."""
        for position, record in enumerate(records):
            try:
                length = len(orjson.dumps(record))
            except TypeError:  # nested too deep, which is found by whoever reads it
                continue
            if length > LINE_LIMIT:
                raise DataError(
                    f"{self.place(position)}: is over {LINE_LIMIT:,} bytes long. No row is so "
                    "long: is a quote missing? Split it into rows, or leave it out."
                )

    def _parsed(self) -> Any:
        raw = self.path.read_bytes()
        if lookup(self._encoding).name != "utf-8":
            return orjson.loads(raw.decode(self._encoding).removeprefix(BOM))
        try:
            # Without a copy as text, which could take four times the memory.
            return orjson.loads(memoryview(raw)[len(BOM_UTF8) * raw.startswith(BOM_UTF8) :])
        except orjson.JSONDecodeError as error:
            error.doc = ""  # a copy of the whole file, which nobody reads
            raw.decode()  # says better what is wrong, if it is that
            raise


class ParquetSource(FileSource):
    """A Parquet file, read in batches."""

    seeks = False

    def __init__(self, path: Path, task: Task, columns: Columns | None) -> None:
        super().__init__(path)
        try:
            from pyarrow import ArrowException, parquet
        except ModuleNotFoundError as error:
            if error.name != "pyarrow":
                raise
            raise MissingExtra("Reading Parquet needs pyarrow.", extra="parquet") from error
        try:
            header = parquet.read_schema(path).names
        except (ArrowException, OSError, ValueError, LookupError, ArithmeticError) as error:
            raise DataError(
                f"{self.name} is no Parquet file ({error}). Write it again, or give format=."
            ) from error
        self._layout = layout_for(task, columns, header, self.name)

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        from pyarrow import ArrowException, parquet

        passed = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                for group in range(file.num_row_groups):
                    count = file.metadata.row_group(group).num_rows
                    if passed + count <= at:
                        passed += count
                        continue
                    for batch in file.iter_batches(BATCH, row_groups=[group]):
                        if passed + batch.num_rows > at:
                            begin = max(0, at - passed)
                            yield from _mapped(batch.to_pylist(), self._layout, begin, passed)
                        passed += batch.num_rows
        # Damaged texts, dates and counts are errors of other kinds.
        except (ArrowException, OSError, ValueError, LookupError, ArithmeticError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{self.name} is damaged after row {passed} ({error}). Write it again."
            ) from error


def copied(rows: Iterable[Row | Mapping[str, Any]]) -> list[Row | Mapping[str, Any]]:
    """Rows in memory as nobody can change them any more: mappings are copied."""

    def copy(row: Row | Mapping[str, Any]) -> Row | Mapping[str, Any]:
        try:
            return row if isinstance(row, Row) else deepcopy(row)
        except RecursionError:
            return row  # nested so deep that reading it refuses it, and says which row it is

    return list(map(copy, rows))


def _mapped(records: Sequence[Any], layout: Layout, begin: int, before: int) -> Iterator[Run]:
    """Runs of records from ``begin`` on, the first of which is number ``before`` of its source."""
    for first in range(begin, len(records), RUN):
        positions = range(before + first, before + min(first + RUN, len(records)))
        batch = records[first : first + RUN]
        yield Run(
            positions,
            positions,
            [_fields(one, layout, at) for at, one in zip(positions, batch, strict=True)],
        )


def _fields(record: Any, layout: Layout, position: int) -> dict[str, Any] | Misread:
    if isinstance(record, Mapping):
        try:
            return layout.fields(record)
        except TooDeep as error:
            return Misread(position, None, str(error))
    if isinstance(record, Row):  # whose meta is apart from its fields, and stays so
        return {"id" if name == "given_id" else name: value for name, value in record}
    return Misread(position, None, f"is {type(record).__name__}, not an object.")


def _writable(run: Run) -> Run:
    """A run in which what no file could hold is a Misread: half a surrogate pair, for one."""
    records = list(run.records)
    for at, record in enumerate(records):
        try:
            orjson.dumps(record, default=str)
        except TypeError as error:
            records[at] = Misread(run.lines[at], None, f"can't be written as JSON ({error}).")
    return run._replace(records=records)
