"""Text files of records: CSV, TSV and JSONL, line by line, seekable.

Bytes are split into lines and decoded one by one, so that a damaged line costs only itself, every
record knows the line and the byte where it begins, and reading can start again there.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from ..errors import DataError, InputError
from ..tasks.base import Misread, Record, Task
from .layout import Columns, Layout, layout_for
from .sources import FileSource

__all__ = ["CsvSource", "JsonlSource", "TextSource"]

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS = 50
BOM = "\ufeff"


class TextSource(FileSource):
    """A file of text lines in an encoding."""

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__(path)
        try:
            # Lines can be told apart as bytes where a line feed is that byte and no part of another
            # character: in UTF-8 and the single-byte encodings, not in UTF-16 and UTF-32.
            self._bytewise = (
                "\n".encode(encoding) == b"\n"
                and "ĊĀ".encode(encoding, "replace").count(b"\n") == 0
            )
        except LookupError as error:
            raise InputError(
                f"encoding={encoding!r} is unknown. Try 'utf-8' or 'cp1252'."
            ) from error
        self.encoding = encoding

    def place(self, line: int) -> str:
        return f"{self.name}:{line}"

    def lines(self, at: int) -> Iterator[tuple[str, int, str | None]]:
        """Lines from byte ``at`` on: the text, the byte behind it, and what is wrong with it."""
        if not self._bytewise:
            yield from self._decoded_lines(at)
            return
        encoding = self.encoding
        with open(self.path, "rb", buffering=1 << 20) as stream:
            stream.seek(at)
            for raw in stream:
                begin = at
                at += len(raw)
                wrong = None
                try:
                    text = raw.decode(encoding)
                except UnicodeDecodeError as error:
                    text, wrong = raw.decode(encoding, "replace"), _encoding_hint(error, raw)
                if "\0" in text and wrong is None:
                    wrong = _nul_hint(raw)
                if begin == 0:
                    text = text.removeprefix(BOM)
                yield text, at, wrong

    def _decoded_lines(self, at: int) -> Iterator[tuple[str, int, str | None]]:
        """The same for encodings whose lines can't be found as bytes; ``at`` counts lines here."""
        with open(self.path, "rb") as stream:
            text_stream = TextIOWrapper(stream, self.encoding, newline="")
            try:
                for number, text in enumerate(text_stream):
                    if number >= at:
                        yield text.removeprefix(BOM), number + 1, None
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{self.name} isn't {self.encoding} ({error.reason}). Give its encoding."
                ) from error


class CsvSource(TextSource):
    """A table with a header line. The delimiter is the one that brings out the columns asked for.

    Cells may hold delimiters, quotes and line ends where they are quoted.
    """

    def __init__(
        self,
        path: Path,
        task: Task,
        columns: Columns | None,
        *,
        encoding: str,
        delimiter: str | None,
    ) -> None:
        super().__init__(path, encoding)
        if delimiter is not None and len(delimiter) != 1:
            raise InputError(f"delimiter={delimiter!r} is no single character.")
        # The csv module refuses cells over 131,072 characters unless told otherwise.
        csv.field_size_limit(sys.maxsize)
        sample = [text for text, _, _ in islice(self.lines(0), SAMPLE_ROWS * 4)]
        if not any(line.strip() for line in sample):
            raise DataError(f"{self.name} is empty. A table has a header line and rows.")
        first = next(self.lines(0))
        if first[2] is not None:
            raise DataError(f"{self.place(1)}: {first[2]}")
        expected = _column_names(task, columns)
        self._delimiter = delimiter or _sniff(sample, expected)
        header = next(csv.reader(iter(sample), delimiter=self._delimiter))
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise DataError(f"{self.name}: columns stand twice: {', '.join(map(repr, twice))}.")
        self._header = header
        self._layout = layout_for(task, columns, header, self.name)

    def records(self, line: int = 0, at: int = 0) -> Iterator[Record | Misread]:
        width = len(self._header)
        build = _row_builder(self._header, self._layout)
        ends: list[int] = [at]  # where the line that was read last ends
        damaged: dict[int, str] = {}
        number = max(line - 1, 0)  # lines read before

        def texts() -> Iterator[str]:
            count = number
            for text, end, wrong in self.lines(at):
                count += 1
                ends[0] = end
                if wrong is not None:
                    damaged[count] = wrong
                yield text

        reader = csv.reader(texts(), delimiter=self._delimiter, strict=True)
        begin_line, begin = number + 1, at
        skip_header = at == 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Misread(begin_line, None, f"is no CSV ({error}). Quote cells with quotes.")
                cells = []
            here_line, here = begin_line, begin
            begin_line, begin = number + reader.line_num + 1, ends[0]
            if damaged:
                wrong = next(iter(damaged.values()))
                damaged.clear()
                yield Misread(here_line, None, wrong)
            elif skip_header:
                pass
            elif len(cells) == width:
                yield Record(here_line, here, build(cells))
            elif cells:
                yield Misread(
                    here_line,
                    None,
                    f"{len(cells)} cells where the header has {width}. Put cells that hold "
                    f"{self._delimiter!r} or a line end in quotes.",
                )
            skip_header = False


class JsonlSource(TextSource):
    """One JSON object a line."""

    def __init__(self, path: Path, task: Task, columns: Columns | None, *, encoding: str) -> None:
        super().__init__(path, encoding)
        self._layout = layout_for(task, columns, None, self.name)

    def fields(self, value: Any) -> dict[str, Any] | str:
        """The fields of one object, or what is wrong with it."""
        if not isinstance(value, dict):
            return f"is {type(value).__name__}, not an object."
        return self._layout.fields(value)

    def records(self, line: int = 0, at: int = 0) -> Iterator[Record | Misread]:
        count = max(line - 1, 0)
        for text, end, wrong in self.lines(at):
            count += 1
            begin, at = at, end
            if wrong is not None:
                yield Misread(count, None, wrong)
            elif text.strip():
                try:
                    value = orjson.loads(text)
                except orjson.JSONDecodeError as error:
                    yield Misread(count, None, f"no JSON ({error.msg}, column {error.colno}).")
                    continue
                fields = self.fields(value)
                if isinstance(fields, str):
                    yield Misread(count, None, fields)
                else:
                    yield Record(count, begin, fields)


def _row_builder(header: Sequence[str], layout: Layout) -> Any:
    """A function from cells to fields, without a look-up by name for every cell."""
    where = {name: index for index, name in enumerate(header)}
    single = [(field, where[column]) for field, column in layout.single]
    if layout.several or layout.meta or len(single) != 2:
        return lambda cells: layout.fields(dict(zip(header, cells, strict=True)))
    # Two plain columns are what most tables are read for, and the quickest way to read them.
    (one, first), (two, second) = single
    return lambda cells: {one: cells[first], two: cells[second]}


def _column_names(task: Task, columns: Columns | None) -> set[str]:
    names: set[str] = set()
    for field in task.required:
        column = (columns or {}).get(field, field)
        names.update([column] if isinstance(column, str) else column)
    return names


def _sniff(sample: Sequence[str], expected: set[str]) -> str:
    """The delimiter that brings out the expected columns; else the one that cuts every row of a
    sample into the same number of cells, more than one."""

    def rank(delimiter: str) -> tuple[bool, bool, int]:
        try:
            rows = [row for row in csv.reader(iter(sample), delimiter=delimiter) if row]
        except csv.Error:
            return False, False, 0
        rows = rows[:SAMPLE_ROWS]
        even = all(len(row) == len(rows[0]) for row in rows)
        return expected <= set(rows[0]), even and len(rows[0]) > 1, len(rows[0])

    return max(DELIMITERS, key=rank)


def _encoding_hint(error: UnicodeDecodeError, raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "begins like UTF-16. Read it with encoding='utf-16', or save it as UTF-8."
    byte = raw[error.start]
    return (
        f"byte 0x{byte:02x} in column {error.start + 1} is no {error.encoding}. "
        "If the file comes from Windows, read it with encoding='cp1252', or save it as UTF-8."
    )


def _nul_hint(raw: bytes) -> str:
    if raw.count(b"\0") * 3 > len(raw):
        return "is full of NUL bytes, like UTF-16. Read it with encoding='utf-16'."
    return "holds a NUL byte: the file is damaged. Remove it."
