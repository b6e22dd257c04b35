"""What parts the columns of a file of tokens, found out from a sample of its lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Final, NamedTuple, TypeAlias

from ..formats.iob import is_tag

__all__ = ["RUNS", "Layout", "detect", "parted_by"]

#: Lines, as they stand in a file, to the cells of each.
Split: TypeAlias = Callable[[Sequence[str]], Iterable[Sequence[str]]]

#: Runs of blanks part columns too, but no other white space: a no-break space stands in tokens.
RUNS: Final = re.compile(r"[ \t]+")


class Layout(NamedTuple):
    """How the lines of a file become cells."""

    split: Split
    width: int
    #: Whether each line is a sentence, and its tokens stand between blanks: ``word|POS|TAG``.
    sentences: bool = False


def parted_by(separator: str, lines: Sequence[str]) -> Layout | None:
    """The layout for a known separator, if a sample of lines has two columns or more."""
    return _fitting(lambda some: _split_at(separator, some), lines)


def detect(lines: Sequence[str]) -> Layout | None:
    """The layout in which most lines of a sample have equally many columns, two or more.

    Tabs go before blanks, as a token between tabs may hold a blank.
    """
    if (bars := _bars(lines)) is not None:
        return bars
    splits: tuple[Split, ...] = (
        lambda some: _split_at("\t", some),
        lambda some: _split_at(" ", some),
        _split_at_runs,
    )
    found = [one for split in splits if (one := _fitting(split, lines)) is not None]
    return max(found, key=lambda one: _fits(one, lines), default=None)


def _split_at(separator: str, lines: Sequence[str]) -> Iterable[Sequence[str]]:
    return map(str.split, lines, repeat(separator))


def _split_at_runs(lines: Sequence[str]) -> Iterable[Sequence[str]]:
    return (RUNS.split(line.strip()) for line in lines)


def _fitting(split: Split, lines: Sequence[str]) -> Layout | None:
    widths = Counter(len(cells) for cells in split(lines) if len(cells) > 1)
    return Layout(split, widths.most_common(1)[0][0]) if widths else None


def _fits(layout: Layout, lines: Sequence[str]) -> int:
    """How many lines have the columns of a layout, none of them empty."""
    return sum(
        len(cells) == layout.width and all(map(str.strip, cells)) for cells in layout.split(lines)
    )


def _bars(lines: Sequence[str]) -> Layout | None:
    """One sentence a line, if that is what nearly all lines are."""
    items = [RUNS.split(line.strip()) for line in lines]
    widths = Counter(
        one.count("|") + 1 for line in items for one in line if is_tag(one.rpartition("|")[2])
    )
    width = widths.most_common(1)[0][0] if widths else 1
    if width < 2 or max(map(len, items)) < 2:
        return None
    fits = sum(all(is_tag(one.rpartition("|")[2]) and "|" in one for one in line) for line in items)
    if fits * 2 <= len(items):
        return None
    # From the right, as a word may be a bar itself.
    return Layout(lambda some: map(str.rsplit, some, repeat("|"), repeat(width - 1)), width, True)
