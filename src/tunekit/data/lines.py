"""The lines of a text file, decoded, each with its number and the byte where it begins.

Lines are read and decoded a page at a time, since that is quicker. Where something on a page is
damaged its lines are decoded one by one, so that a damaged line costs only itself. A line that is
too long to be a row is passed over without being kept: another one stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO, StringIO
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import IO, AnyStr

from ..errors import DataError, InputError

__all__ = ["BOM", "LINE_LIMIT", "Lines", "told_apart_as_bytes"]

PAGE_BYTES = 1 << 16
#: Bytes (characters where lines can't be found as bytes). No row is longer, and a file without
#: line ends would be one line, however large.
LINE_LIMIT = 1 << 24
#: What stands for a longer line. It is neither blank nor a quote.
TOO_LONG = "…\n"
BOM = "\ufeff"


def told_apart_as_bytes(encoding: str) -> bool:
    """Whether lines end at the byte of a line feed, as in UTF-8 and all encodings that extend
    ASCII; in UTF-16 and UTF-32 that byte may be half of another character.

    Raises:
        InputError: there is no such encoding.
    """
    try:
        return "\n".encode(encoding) == b"\n"
    except (LookupError, ValueError) as error:
        raise InputError(f"encoding={encoding!r} is unknown. Try 'utf-8' or 'cp1252'.") from error


class Lines:
    """Iterates over the lines of a file with their ends, from a place on.

    ``damage`` says by number what is wrong with the lines read so far, and a little further.
    """

    def __init__(self, path: Path, encoding: str, line: int = 1, at: int = 0) -> None:
        self.damage: dict[int, str] = {}
        self._path, self._encoding = path, encoding
        self._swept = line
        self._first = line  # the number of the line that the first of _begins is about
        self._begins = [at]  # where lines begin, down to the one that is read next

    def __iter__(self) -> Iterator[str]:
        bytewise = told_apart_as_bytes(self._encoding)
        return chain.from_iterable(self._pages() if bytewise else self._decoded_pages())

    def places(self, numbers: Sequence[int]) -> Sequence[int]:
        """Where these lines begin, in ascending order. Forgets what is before the first."""
        if not numbers:
            return ()
        del self._begins[: numbers[0] - self._first]
        self._first = first = numbers[0]
        begins = self._begins
        return [begins[number - first] for number in numbers]

    def forget(self, before: int) -> None:
        """What is wrong with lines before this one was said. To be called for every row: it looks
        through all damage only when as many lines went by as that takes steps."""
        if self.damage and before - self._swept >= len(self.damage):
            for number in [number for number in self.damage if number < before]:
                del self.damage[number]
            self._swept = before

    def _pages(self) -> Iterator[list[str]]:
        encoding = self._encoding
        try:
            with self._path.open("rb", buffering=0) as stream:
                stream.seek(self._begins[0])
                for raw in _whole_lines(stream, b"\n", b"".join, BytesIO):
                    number = self._first + len(self._begins) - 1
                    if isinstance(raw, int):
                        yield self._passed_over(number, raw)
                        continue
                    at = self._begins.pop()
                    self._begins.extend(accumulate(map(len, raw), initial=at))
                    try:
                        page = list(map(str, raw, repeat(encoding)))
                    except UnicodeError:
                        page = [self._line(one, number + i) for i, one in enumerate(raw)]
                    if not at:
                        page[0] = page[0].removeprefix(BOM)
                    if b"\0" in b"".join(raw):
                        self._find_nul(page, number)
                    yield page
        except OSError as error:
            raise _unreadable(self._path, error) from error

    def _decoded_pages(self) -> Iterator[list[str]]:
        """The same where lines can't be found as bytes: a place counts lines here."""
        try:
            with self._path.open(encoding=self._encoding, newline="\n") as stream:
                skip = self._begins[0]
                for page in _whole_lines(stream, "\n", "".join, StringIO):
                    length = 1 if isinstance(page, int) else len(page)
                    if length <= skip:
                        skip -= length
                        continue
                    number = self._first + len(self._begins) - 1
                    if isinstance(page, int):
                        yield self._passed_over(number, 1)
                        continue
                    page = page[skip:]
                    skip = 0
                    at = self._begins[-1]
                    self._begins.extend(range(at + 1, at + len(page) + 1))
                    if not at:
                        page[0] = page[0].removeprefix(BOM)
                    self._find_nul(page, number)
                    yield page
        except UnicodeError as error:
            reason = error.reason if isinstance(error, UnicodeDecodeError) else error
            number = self._first + len(self._begins) - 1
            raise DataError(
                f"{self._path.name}: line {number} or one soon after is no {self._encoding} "
                f"({reason}). Give the file's own: encoding='utf-8', encoding='utf-16-le' …"
            ) from error
        except OSError as error:
            raise _unreadable(self._path, error) from error

    def _passed_over(self, number: int, length: int) -> list[str]:
        self._begins.append(self._begins[-1] + length)
        self.damage[number] = (
            f"is over {LINE_LIMIT:,} bytes long. Is a line end missing? Split it into rows; a file "
            "that is one list of rows is read with format='json'."
        )
        return [TOO_LONG]

    def _line(self, raw: bytes, number: int) -> str:
        """One line of a page that holds a damaged one."""
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            self.damage[number] = self._encoding_hint(error, raw)
        except UnicodeError as error:  # such as those that write names of hosts
            self.damage[number] = f"is no {self._encoding} ({error}). Give the file's own encoding."
        return raw.decode("ascii", "replace")

    def _find_nul(self, page: list[str], number: int) -> None:
        for at, text in enumerate(page, number):
            if "\0" in text and at not in self.damage:
                self.damage[at] = _nul_hint(text)

    def _encoding_hint(self, error: UnicodeDecodeError, raw: bytes) -> str:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "begins like UTF-16. Read it with encoding='utf-16', or save it as UTF-8."
        try:
            column = len(raw[: error.start].decode(self._encoding)) + 1
        except UnicodeError:  # of encodings that look ahead
            column = error.start + 1
        return (
            f"byte 0x{raw[error.start]:02x} in column {column} is no {self._encoding}. "
            "If the file comes from Windows, read it with encoding='cp1252', or save it as UTF-8."
        )


def _whole_lines(
    stream: IO[AnyStr],
    feed: AnyStr,
    join: Callable[[list[AnyStr]], AnyStr],
    opened: Callable[[AnyStr], IO[AnyStr]],
) -> Iterator[list[AnyStr] | int]:
    """The lines of a stream, a page at a time; or the length of one that is too long to be kept."""
    begun: list[AnyStr] = []  # of a line whose end wasn't read yet
    length = 0
    while block := stream.read(PAGE_BYTES):
        end = block.find(feed) + 1
        if not end:
            length += len(block)
            if length <= LINE_LIMIT:
                begun.append(block)
            else:
                begun.clear()
            continue
        if length + end > LINE_LIMIT:
            yield length + end
            block = block[end:]
        elif begun:
            begun.append(block)
            block = join(begun)
        end = block.rfind(feed) + 1
        if end:
            yield opened(block[:end]).readlines()
        begun = [block[end:]]
        length = len(begun[0])
    if length > LINE_LIMIT:
        yield length
    elif length:
        yield [join(begun)]


def _nul_hint(text: str) -> str:
    column = text.index("\0") + 1
    if text.count("\0") * 3 < len(text):
        return f"holds a NUL byte in column {column}: the file is damaged. Remove it."
    # Plain letters in UTF-16 are every other byte; which one, a mark at the beginning may say.
    marked = text.startswith(("\xff\xfe", "\xfe\xff"))
    encoding = "utf-16" if marked else "utf-16-be" if column == 1 else "utf-16-le"
    return f"is full of NUL bytes, like UTF-16. Read it with encoding={encoding!r}."


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: {error.strerror or error}. Check the path and the disk.")
