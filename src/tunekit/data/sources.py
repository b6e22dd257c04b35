"""Sources of records: files and collections that can be opened again.

A source yields :class:`~tunekit.tasks.base.Record` s, already mapped to field names, and
:class:`~tunekit.tasks.base.Misread` s for what can't be one. It never keeps what it has read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from ..errors import DataChanged, DataError, MissingExtra
from ..tasks.base import Misread, Record, Task
from .layout import Columns, Layout, layout_for

__all__ = ["JsonSource", "MemorySource", "ParquetSource", "Source", "file_stamp"]


class Source(ABC):
    """Something records can be read from, again and again, in the same order."""

    #: What findings call it: a file name, or what it was made from.
    name: str

    @abstractmethod
    def records(self, line: int = 0, at: int = 0) -> Iterator[Record | Misread]:
        """Records from a place on, as an earlier record's ``line`` and ``at`` gave it."""

    def place(self, line: int) -> str:
        """Where a record stands, for people: ``"pii.csv:12"``."""
        return f"{self.name}[{line}]"

    def check_unchanged(self) -> None:
        """Raise DataChanged if what is there now isn't what was there when this was made."""


def file_stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does.

    Raises:
        DataError: there is no such file, or it can't be read.
    """
    try:
        stat = path.stat()
        if not path.is_file():
            raise DataError(f"{path} is no file.")
        with open(path, "rb"):
            pass
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}. Check the path.") from error
    return stat.st_size, stat.st_mtime_ns


class FileSource(Source):
    """A source that is a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.stamp = file_stamp(path)

    def check_unchanged(self) -> None:
        if file_stamp(self.path) != self.stamp:
            raise DataChanged(f"{self.path} changed after it was read. Read it again.")


class MemorySource(Source):
    """Mappings that are held in memory, or in a collection that is read by position."""

    def __init__(
        self, records: Sequence[Mapping[str, Any]], name: str, task: Task, columns: Columns | None
    ) -> None:
        self.name = name
        self._records = records
        self._layout = layout_for(task, columns, None, name)

    def records(self, line: int = 0, at: int = 0) -> Iterator[Record | Misread]:
        yield from _mapped(self._records[at:] if at else self._records, self._layout, at)


class JsonSource(FileSource):
    """A JSON file that is one list of objects. It is read as a whole; JSONL isn't."""

    def __init__(self, path: Path, task: Task, columns: Columns | None, encoding: str) -> None:
        super().__init__(path)
        self._encoding = encoding
        self._layout = layout_for(task, columns, None, self.name)

    def records(self, line: int = 0, at: int = 0) -> Iterator[Record | Misread]:
        try:
            text = self.path.read_bytes().decode(self._encoding).removeprefix("\ufeff")
            found = orjson.loads(text)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.name}: byte {error.start} is no {self._encoding}. "
                "Say which encoding it is: encoding='utf-16', encoding='cp1252' …"
            ) from error
        except orjson.JSONDecodeError as error:
            raise DataError(
                f"{self.name}:{error.lineno}: no JSON ({error.msg}, column {error.colno}). "
                "One object a line is JSONL: name it .jsonl or give format='jsonl'."
            ) from error
        if not isinstance(found, list):
            raise DataError(
                f"{self.name} holds {type(found).__name__}, not a list of objects. "
                "Write it as [{…}, {…}]."
            )
        yield from _mapped(found[at:], self._layout, at)


class ParquetSource(FileSource):
    """A Parquet file, read in batches."""

    def __init__(self, path: Path, task: Task, columns: Columns | None) -> None:
        super().__init__(path)
        try:
            from pyarrow import ArrowException, parquet
        except ModuleNotFoundError as error:
            raise MissingExtra("Reading Parquet needs pyarrow.", extra="parquet") from error
        try:
            header = parquet.read_schema(path).names
        except (ArrowException, OSError) as error:
            raise DataError(f"{self.name} is no Parquet file ({error}).") from error
        self._layout = layout_for(task, columns, header, self.name)

    def records(self, line: int = 0, at: int = 0) -> Iterator[Record | Misread]:
        from pyarrow import ArrowException, parquet

        passed = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches():
                    if passed + batch.num_rows > at:
                        skip = max(0, at - passed)
                        yield from _mapped(batch.to_pylist()[skip:], self._layout, passed + skip)
                    passed += batch.num_rows
        except (ArrowException, OSError) as error:
            raise DataError(f"{self.name}: damaged after row {passed} ({error}).") from error


def _mapped(records: Iterable[Any], layout: Layout, first: int) -> Iterator[Record | Misread]:
    for position, record in enumerate(records, start=first):
        if isinstance(record, Mapping):
            yield Record(position, position, layout.fields(record))
        else:
            yield Misread(position, None, f"is {type(record).__name__}, not an object.")
