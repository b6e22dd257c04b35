"""Which format a file is in that was taken for a table of JSON objects, and isn't one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..formats.base import Codec, Writes
from ..formats.registry import codecs
from ..shapes import Example
from ..tasks.base import Misread, Task
from .reading import open_source
from .sources import JsonSource, Source
from .text import JsonlSource
from .wire import NO_HEADER, Decoder

__all__ = ["format_of", "likely_formats"]

#: Records that are looked at: the first may be the one that calls a tool.
LOOKED_AT = 20


def likely_formats(source: Source, task: Task) -> tuple[str, ...]:
    """The formats in which some of a file's first records are rows of this task.

    Where one of them would write such a record as it stands, only those that would: many layouts
    are read that look alike, such as ``messages`` of a ShareGPT file.
    """
    if type(source) is not JsonSource and type(source) is not JsonlSource:
        return ()
    records = source.head(LOOKED_AT)
    read = [
        wire
        for wire in codecs()
        # What a task reads is more than what it is trained in: pairs are choices, too.
        if wire.container == "objects"
        if not all(isinstance(Decoder(task, wire)(0, one), Misread) for one in records)
    ]
    written = [wire for wire in read if any(_is_written_so(wire, one) for one in records)]
    return tuple(wire.name for wire in written or read)


def format_of(path: Path, task: Task) -> str | None:
    """The format of a provider's training file; None where it is a table, or can't be told."""
    likely = likely_formats(open_source(path, task, None, None, {}), task)
    return likely[0] if len(likely) == 1 else None


def _is_written_so(wire: Codec, record: Any) -> bool:
    example = wire.decode(record, NO_HEADER)
    if not isinstance(wire, Writes) or not isinstance(example, Example):
        return False
    try:
        written = wire.encode(example, NO_HEADER)
    except ValueError:
        return False  # what is read leniently has no place in what is written
    return bool(written == record)
