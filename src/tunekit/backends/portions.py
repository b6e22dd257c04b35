"""Lines in files as large as a provider takes, without holding more than a line of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

__all__ = ["in_files"]


def in_files(lines: Iterator[bytes], most_lines: int, most_bytes: int) -> Iterator[Iterator[bytes]]:
    """Files of lines, to be read one after the other, each to its end before the next.

    Args:
        lines: all of them, in order.
        most_lines: that one file may have.
        most_bytes: that one file may have; a longer line has a file of its own.

    Example:
        >>> [b"".join(file) for file in in_files(iter([b"aa", b"b", b"cccc", b"d"]), 2, 3)]
        [b'aab', b'cccc', b'd']
    """
    for first in lines:
        rest: list[bytes] = []  # the line that didn't fit any more
        yield _one_file(chain([first], lines), rest, most_lines, most_bytes)
        while rest:
            yield _one_file(chain([rest.pop()], lines), rest, most_lines, most_bytes)


def _one_file(
    lines: Iterator[bytes], rest: list[bytes], most_lines: int, most_bytes: int
) -> Iterator[bytes]:
    count = size = 0
    for line in lines:
        if count and (count == most_lines or size + len(line) > most_bytes):
            rest.append(line)
            return
        count, size = count + 1, size + len(line)
        yield line
