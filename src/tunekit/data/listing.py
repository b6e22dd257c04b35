"""The formats there are: which shapes each carries, in which direction, and what is lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..formats.base import Codec, Writes
from ..formats.registry import codecs
from ..shapes import Shape
from ..tasks.preference import Preference
from .reading import BY_SUFFIX, TABLES
from .tables import TABLE_CHANGES, TABLE_LOSES

__all__ = ["Format", "Formats", "all_formats"]

#: What files of JSON objects are usually called. Those endings alone mean a table: a format of
#: objects is always named by ``format=``.
_OBJECTS = (".jsonl", ".json")


class Format(NamedTuple):
    """What a format is good for.

    ``shapes`` are the shapes it carries (a table carries the rows themselves, of every task).
    Rows with anything that ``loses`` names are refused on writing. ``changes`` says what of the
    others is different once it was written and read (or, of a format that is only read, what isn't
    as it was before somebody wrote the file). ``endings`` are those of its files.
    """

    shapes: tuple[str, ...]
    reads: bool
    writes: bool
    loses: tuple[str, ...]
    changes: str
    endings: tuple[str, ...]

    @property
    def direction(self) -> str:
        """``"reads"``, ``"writes"`` or ``"reads, writes"``."""
        both = (("reads", self.reads), ("writes", self.writes))
        return ", ".join(name for name, true in both if true)


class Formats(dict[str, Format]):
    """Formats by name. Prints as a table."""

    def __str__(self) -> str:
        head = ("format", "shapes", "direction", "loses", "changes")
        every = len(Shape)
        rows = [
            (
                name,
                "every" if len(one.shapes) == every else ", ".join(one.shapes),
                one.direction,
                ", ".join(one.loses) or "-",
                one.changes or "-",
            )
            for name, one in self.items()
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        widths[-1] = 0  # nothing stands behind it
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in (head, *rows)
        )

    __repr__ = __str__


def all_formats() -> Formats:
    """All formats: the tables first, then what has a codec, by name."""
    return Formats(
        {
            **{name: _table(name) for name in TABLES},
            **{one.name: _format(one) for one in codecs()},
        }
    )


def _table(name: str) -> Format:
    return Format(
        shapes=_names(Shape),
        reads=True,
        writes=name in TABLE_CHANGES,
        loses=TABLE_LOSES.get(name, ()),
        changes=TABLE_CHANGES.get(name, ""),
        endings=_endings(name),
    )


def _format(wire: Codec) -> Format:
    writes = isinstance(wire, Writes)
    return Format(
        shapes=_names(wire.shapes),
        reads=True,
        writes=writes,
        loses=tuple(sorted(_loses(wire))) if isinstance(wire, Writes) else (),
        changes="; ".join(_changes(wire)),
        endings=(*_endings(wire.name), *(_OBJECTS if wire.container != "blocks" else ())),
    )


def _endings(name: str) -> tuple[str, ...]:
    return tuple(ending for ending, kind in BY_SUFFIX.items() if kind == name)


def _loses(wire: Writes) -> frozenset[str]:
    if Shape.CHAT in wire.shapes and Shape.RANKED not in wire.shapes:
        return wire.loses | Preference().loses(Shape.CHAT)
    return wire.loses


def _changes(wire: Codec) -> Iterable[str]:
    """What the way of a row into a shape changes, the same for all formats that carry it; then
    what is the format's own doing."""
    own = getattr(wire, "changes", "")
    if not isinstance(wire, Writes):
        yield own
        return
    yield "ids and meta aren't written"
    if not wire.shapes.isdisjoint({Shape.SPANNED, Shape.CHAT}):
        yield "spans come back in order"
    if not wire.shapes.isdisjoint({Shape.RANKED, Shape.CHAT}):
        yield "ranks that tell only one best option come back as best"
    if Shape.CHAT in wire.shapes and Shape.RANKED not in wire.shapes:
        yield "options come back in the order they are shown in"
    if Shape.PAIR in wire.shapes:
        yield "preferences for goal='answer' come back as one row a pair"
    if not wire.shapes.isdisjoint({Shape.CHAT, Shape.PAIR}):
        yield "a system turn that isn't the task's own comes back in meta"
    if own:
        yield own


def _names(shapes: Iterable[Shape]) -> tuple[str, ...]:
    return tuple(sorted(map(str, shapes)))
