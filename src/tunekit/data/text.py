"""Text files of records: CSV, TSV and JSONL, line by line, seekable.

Every record knows the line and the byte where it begins, and reading can start again there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, repeat
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from ..errors import DataError, InputError
from ..tasks.base import Misread, Task
from .layout import Columns, TooDeep, layout_for, required_columns
from .lines import LINE_LIMIT, Lines, told_apart_as_bytes
from .sources import RUN, FileSource, Run

__all__ = ["CsvSource", "JsonlSource", "TextSource"]

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS = 50
#: After so many lines without a header what is known of them is dropped.
BLANK_LINES = 4096
#: The csv module refuses cells over 131,072 characters unless told otherwise. Without any limit
#: one forgotten quote would swallow the rest of a file, however large.
CELL_LIMIT = LINE_LIMIT

Cells: TypeAlias = list[str]


class TextSource(FileSource):
    """A file of text lines in an encoding."""

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__(path)
        self.seeks = told_apart_as_bytes(encoding)
        self.encoding = encoding

    def place(self, line: int) -> str:
        return f"{self.name}:{line}"


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
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
            raise InputError(
                f"delimiter={delimiter!r} can't part cells. Give one character, such as ';'."
            )
        if csv.field_size_limit() < CELL_LIMIT:
            csv.field_size_limit(CELL_LIMIT)
        self._delimiter = delimiter or self._sniffed(required_columns(task, columns))
        header, self._body = self._read_header()
        self._width = len(header)
        # Spreadsheets leave columns without a name behind; what stands there is kept all the same.
        names = [name or f"column {number}" for number, name in enumerate(header, start=1)]
        self._build = layout_for(task, columns, names, self.name).of_cells(names)

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        if at == 0:
            line, at = self._body
        lines = Lines(self.path, self.encoding, line, at)
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        # Each row with the number of lines that were read then.
        numbered = zip(reader, map(attrgetter("line_num"), repeat(reader)), strict=False)
        begin = line
        while True:
            batch: list[tuple[Cells, int]] = []
            broken = None
            try:
                # On an error the rows before it are in the batch all the same.
                batch.extend(islice(numbered, RUN))
            except csv.Error as error:
                broken = error
            if not batch and broken is None:
                return
            rows, reads = zip(*batch, strict=True) if batch else ((), ())
            begins = [begin, *map(line.__add__, reads)]
            begin = line + reader.line_num
            if broken is None and not lines.damage and set(map(len, rows)) == {self._width}:
                del begins[-1]
                yield Run(begins, lines.places(begins), self._build(rows))
            else:
                yield self._mixed(rows, [*begins, begin], lines, broken)

    def _mixed(
        self, rows: Sequence[Cells], begins: Sequence[int], lines: Lines, broken: csv.Error | None
    ) -> Run:
        """A run with blank lines and what can't be read."""
        numbers: list[int] = []
        records: list[dict[str, Any] | Misread] = []
        for cells, first, after in zip(rows, begins, begins[1:], strict=False):
            damaged = [number for number in range(first, after) if number in lines.damage]
            if damaged:
                record: dict[str, Any] | Misread = Misread(
                    damaged[0], None, lines.damage[damaged[0]]
                )
            elif len(cells) == self._width:
                record = self._build([cells])[0]
            elif any(map(str.strip, cells)):
                record = Misread(first, None, self._ragged(len(cells)))
            else:
                continue
            numbers.append(first)
            records.append(record)
        if broken is not None:
            numbers.append(begins[len(rows)])
            records.append(Misread(numbers[-1], None, _csv_hint(broken)))
        lines.forget(before=begins[-1])
        if not numbers:
            lines.places((begins[0],))  # forgets what is before
        return Run(numbers, lines.places(numbers), records)

    def _ragged(self, count: int) -> str:
        return (
            f"{count} cell{'s'[: count != 1]} where the header has {self._width}. Put cells that "
            f"hold {self._delimiter!r} or a line end in quotes."
        )

    def _read_header(self) -> tuple[Cells, tuple[int, int]]:
        """The header's cells, and the line and place where the rows begin."""
        lines = Lines(self.path, self.encoding)
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        try:
            header = None
            for cells in reader:
                if any(map(str.strip, cells)):
                    header = cells
                    break
                if reader.line_num % BLANK_LINES == 0:
                    lines.places((reader.line_num,))  # forgets what is before
        except csv.Error as error:
            hint = lines.damage.get(1) or _csv_hint(error)
            raise DataError(f"{self.place(1)}: {hint}") from error
        for number in range(1, reader.line_num + 1):
            if number in lines.damage:
                hint = lines.damage[number]
                raise DataError(f"{self.place(number)}: {hint}")
        if header is None:
            raise DataError(f"{self.name} is empty. Give a table with a header line and rows.")
        body = reader.line_num + 1
        return header, (body, lines.places((body,))[0])

    def _sniffed(self, expected: set[str]) -> str:
        """The delimiter that brings out the expected columns; else the one that cuts every row of
        a sample into the same number of cells, more than one."""
        sample = list(islice(Lines(self.path, self.encoding), SAMPLE_ROWS * 4))

        def rank(delimiter: str) -> tuple[bool, bool, int]:
            try:
                rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
            except csv.Error:
                return False, False, 0
            rows = rows[:SAMPLE_ROWS] or [[]]
            even = all(len(row) == len(rows[0]) for row in rows)
            return expected <= set(rows[0]), even and len(rows[0]) > 1, len(rows[0])

        return max(DELIMITERS, key=rank)


class JsonlSource(TextSource):
    """One JSON object a line."""

    def __init__(self, path: Path, task: Task, columns: Columns | None, *, encoding: str) -> None:
        super().__init__(path, encoding)
        self._layout = layout_for(task, columns, None, self.name)

    def fields(self, line: int, value: Any) -> dict[str, Any] | Misread:
        """The fields of one object, or what is wrong with it."""
        if not isinstance(value, dict):
            return Misread(line, None, f"is {type(value).__name__}, not an object.")
        try:
            return self._layout.fields(value)
        except TooDeep as error:
            return Misread(line, None, str(error))

    def head(self, count: int) -> list[Any]:
        """The first records as they stand, without lines that are no JSON."""
        found: list[Any] = []
        for text in islice(filter(str.strip, Lines(self.path, self.encoding)), count):
            with suppress(orjson.JSONDecodeError):
                found.append(orjson.loads(text))
        return found

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        lines = Lines(self.path, self.encoding, line or 1, at)
        numbered = enumerate(lines, line or 1)
        while batch := list(islice(numbered, RUN)):
            solid = [(number, text) for number, text in batch if text.strip()]
            numbers = [number for number, _ in solid]
            records = [self._read(number, text, lines.damage) for number, text in solid]
            yield Run(numbers, lines.places(numbers), records)
            if not numbers:
                lines.places((batch[0][0],))  # forgets what is before

    def _read(self, number: int, text: str, damage: dict[int, str]) -> dict[str, Any] | Misread:
        if number in damage:
            return Misread(number, None, damage.pop(number))
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return Misread(number, None, f"no JSON ({error.msg}, column {error.colno}).")
        return self.fields(number, value)


def _csv_hint(error: csv.Error) -> str:
    """What is wrong with a row, in words for people who never saw the csv module."""
    text = str(error)
    if text.startswith("unexpected end"):
        return "the quote that opens a cell here is closed nowhere. Close it, or double it."
    if text.startswith("new-line character"):
        return "holds a bare carriage return. Save the file with line feeds (LF or CRLF)."
    if text.startswith("field larger"):
        return f"a cell is over {CELL_LIMIT:,} characters long. Look for a quote never closed here."
    return f"is no CSV ({text}). Double the quotes inside of a quoted cell."
