"""Files of tokens: one token a line, columns beside it, an empty line after each sentence.

Read block by block and seekable, as CSV is: each block knows the line and the byte where it begins.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ..errors import DataError, InputError
from ..formats.iob import is_tag
from ..tasks.base import Misread
from .lines import Lines
from .separators import RUNS, Layout, detect, parted_by
from .sources import RUN, Run
from .text import TextSource

__all__ = ["BlockOptions", "BlocksSource"]

SAMPLE_LINES = 1000
SAMPLE_WIDTH = 10_000
#: No sentence has more tokens; a file without empty lines would be one, however large.
BLOCK_LINES = 100_000
#: Blocks of so many lines are a run by themselves, however few.
RUN_LINES = 4096
DOCUMENT = "-DOCSTART-"
#: What stands for "no id" in a document's line, and for "nothing" in any column.
NO_ID = frozenset({"-X-", "X", "O", "_", "-", "--", ""})
NOTHING = frozenset({"-X-", "_", "-", ""})

Decode: TypeAlias = Callable[[int, Any], "dict[str, Any] | Misread"]
Fields: TypeAlias = "dict[str, Any] | Misread"


class BlockOptions(NamedTuple):
    """Where the tokens and tags stand. Columns count from 0, or from the end below 0."""

    separator: str | None = None
    token_column: int = 0
    tag_column: int = -1

    @classmethod
    def taken(cls, options: dict[str, Any]) -> BlockOptions:
        """Those of a reader's options, which are taken out of them.

        Raises:
            InputError: one of them can't be.
        """
        given = {name: options.pop(name) for name in cls._fields if name in options}
        separator = given.get("separator")
        if separator is not None and (
            not isinstance(separator, str) or not separator or set(separator) & set("\r\n")
        ):
            raise InputError(f"separator={separator!r} can't part columns. Give a text, as '\\t'.")
        for name in ("token_column", "tag_column"):
            number = given.get(name, 0)
            if isinstance(number, bool) or not isinstance(number, int):
                raise InputError(
                    f"{name}={number!r} is no whole number. Give one: 0 is the first, -1 the last."
                )
        return cls(**given)


class BlocksSource(TextSource):
    """A file of tokens in blocks. The separator is detected unless it is given.

    A line of ``-DOCSTART-`` begins a document, which its sentences name in ``document``: by the id
    in the second column, else by number. Lines that begin with ``# `` before a sentence are its
    ``comments``. Columns that hold neither tokens nor tags are kept by number, as ``column 2``.
    """

    def __init__(self, path: Path, decode: Decode, encoding: str, options: BlockOptions) -> None:
        super().__init__(path, encoding)
        self._decode = decode
        self._layout = self._found(options.separator)
        self._token = self._column("token_column", options.token_column)
        self._tag = self._column("tag_column", options.tag_column)
        if self._token == self._tag:
            raise InputError(
                f"token_column and tag_column are both {self._token} "
                f"(of {self._layout.width} columns): name two."
            )
        self._others = [
            (at, f"column {at + 1}")
            for at in range(self._layout.width)
            if at not in (self._token, self._tag)
        ]
        # Where documents begin, so that reading in the middle knows which one it is in.
        self._documents = array("Q")
        self._document_places = array("Q")

    def runs(self, line: int = 0, at: int = 0) -> Iterator[Run]:
        begin = line or 1
        lines = Lines(self.path, self.encoding, begin, at)
        document = self._document_at(begin) if at else None
        run = _Gathered()
        for number, block in self._blocks(lines, begin):
            lines.forget(before=number)
            if block and (DOCUMENT in "".join(block) or block[0].startswith("#")):
                for first, part in self._sorted_out(number, block):
                    if part[0].startswith(DOCUMENT):
                        yield from run.given(lines)
                        document = self._begun(first, part[0], lines)
                    else:
                        run.add(first, self._fields(first, part, document, lines.damage))
            elif block:
                run.add(number, self._fields(number, block, document, lines.damage))
            if len(run.records) >= RUN or number - begin > RUN_LINES:
                begin = number
                yield from run.given(lines)
                if not block:
                    lines.places((number,))  # forgets what is before
        yield from run.given(lines)

    def _blocks(self, lines: Lines, number: int) -> Iterator[tuple[int, list[str]]]:
        """The lines of each sentence with the number of the first; of many empty lines, none."""
        for blank, group in groupby(lines, str.isspace):
            if blank or self._layout.sentences:
                while block := list(islice(group, 1 if self._layout.sentences else RUN_LINES)):
                    yield number, [] if blank else block
                    number += len(block)
                continue
            block = list(islice(group, BLOCK_LINES + 1))
            if len(block) > BLOCK_LINES:
                raise DataError(
                    f"{self.place(number)}: {BLOCK_LINES:,} lines without an empty one between. "
                    "An empty line ends a sentence: put them in, or give another format=."
                )
            yield number, block
            number += len(block)

    def _sorted_out(self, number: int, block: list[str]) -> Iterator[tuple[int, list[str]]]:
        """The parts of a block: lines that begin documents, and sentences with their comments."""
        for begins, group in groupby(block, lambda line: line.startswith(DOCUMENT)):
            part = list(group)
            if begins:
                for at, line in enumerate(part, number):
                    yield at, [line]
            elif not all(map(self._is_comment, part)):  # without a sentence they are about no row
                yield number, part
            number += len(part)

    def _fields(
        self, number: int, block: list[str], document: str | None, damage: dict[int, str]
    ) -> Fields:
        """The fields of one sentence, or what is wrong with it."""
        for at in range(number, number + len(block)) if damage else ():
            if at in damage:
                return Misread(at, None, damage[at])
        comments = list(takewhile(self._is_comment, block)) if block[0].startswith("#") else []
        body = block[len(comments) :]
        layout = self._layout
        cells = RUNS.split(body[0].strip()) if layout.sentences else body
        try:
            columns = list(zip(*layout.split(cells), strict=True))
        except ValueError:  # they aren't equally long
            columns = []
        if len(columns) != layout.width:
            return self._ragged(number + len(comments), cells)
        columns[-1] = tuple(map(str.rstrip, columns[-1]))
        record: dict[str, Any] = {
            "tokens": columns[self._token],
            "tags": columns[self._tag],
        }
        if document is not None:
            record["document"] = document
        if comments:
            record["comments"] = tuple(line[1:].strip() for line in comments)
        for at, name in self._others:
            if not NOTHING.issuperset(columns[at]):
                record[name] = columns[at]
        return self._decode(number, record)

    def _ragged(self, number: int, cells: Sequence[str]) -> Misread:
        layout = self._layout
        for at, (cell, parts) in enumerate(zip(cells, layout.split(cells), strict=True)):
            if len(parts) != layout.width:
                line = number if layout.sentences else number + at
                shown = cell.rstrip("\r\n")
                if "\r" in shown:
                    return Misread(
                        line, None, "holds a bare carriage return. Save it with LF ends."
                    )
                count = f"{len(parts)} column{'s'[: len(parts) != 1]}"
                return Misread(
                    line,
                    None,
                    f"{shown!r:.60} has {count}, where the file has {layout.width}: mend it, or "
                    "say what parts the columns: separator=…",
                )
        raise AssertionError("a block is even and uneven at once")

    def _is_comment(self, line: str) -> bool:
        """Whether a line before a sentence says something about it, and is no token ``#``."""
        if not line.startswith(("# ", "#\n", "#\r")):
            return False
        (cells,) = self._layout.split([line])
        return len(cells) != self._layout.width or not is_tag(cells[self._tag].rstrip())

    # --- columns --------------------------------------------------------------------------------

    def _found(self, separator: str | None) -> Layout:
        sample = [line[:SAMPLE_WIDTH] for line in islice(self._solid(), SAMPLE_LINES)]
        sample = [line for line in sample if not line.startswith((DOCUMENT, "# "))] or sample
        found = detect(sample) if separator is None else parted_by(separator, sample)
        if found is None:
            how = "nothing that would part" if separator is None else f"no {separator!r} between"
            raise DataError(
                f"{self.name} has {how} its lines into columns: a token and its tag. "
                "Say what does: separator=…, or give another format=."
            )
        return found

    def _solid(self) -> Iterator[str]:
        """The lines that aren't blank."""
        lines = Lines(self.path, self.encoding)
        for number, line in enumerate(lines, 1):
            if not line.isspace():
                yield line
            if number % RUN_LINES == 0:
                lines.places((number,))  # forgets what is before

    def _column(self, name: str, number: int) -> int:
        width = self._layout.width
        if not -width <= number < width:
            raise InputError(
                f"{name}={number}: {self.name} has {width} columns. "
                "Count them from 0, or from the end below 0."
            )
        return number % width

    # --- documents ------------------------------------------------------------------------------

    def _begun(self, number: int, text: str, lines: Lines) -> str:
        """The name of the document that begins with this line, which is remembered."""
        known = self._documents
        if not known or known[-1] < number:
            known.append(number)
            self._document_places.append(lines.places((number,))[0])
        return _document_name(text, bisect_right(known, number))

    def _document_at(self, number: int) -> str | None:
        """The name of the document that this line is in."""
        count = bisect_right(self._documents, number)
        if not count:
            return None
        line, place = self._documents[count - 1], self._document_places[count - 1]
        return _document_name(next(iter(Lines(self.path, self.encoding, line, place)), ""), count)


class _Gathered:
    """Records on the way into a run."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.records: list[Fields] = []

    def add(self, number: int, record: Fields) -> None:
        self.numbers.append(number)
        self.records.append(record)

    def given(self, lines: Lines) -> Iterator[Run]:
        if self.records:
            yield Run(self.numbers, lines.places(self.numbers), self.records)
            self.numbers, self.records = [], []


def _document_name(line: str, number: int) -> str:
    """The id in the second column of a document's line, else its number in the file."""
    second = next(islice(line.split(), 1, None), "")
    return str(number) if second in NO_ID else second.strip("-")
