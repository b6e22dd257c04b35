"""The formats there are, from ``tunekit.list_formats``."""

from __future__ import annotations

import tunekit
from tunekit.shapes import Shape

from .markdown import code, joined, table

__all__ = ["formats"]

INTRO = """\
# Formats

`tunekit.list_formats()` and `tunekit formats` have this table. A file's ending says its
format where it can; else `format=` does, on `Dataset.read` and `data.to`. `.json` and `.jsonl`
alone mean a table: a format of objects is always named.

[Read what you have](../how-to/read-what-you-have.md) shows each of them with a file,
[Read annotation files](../how-to/read-annotation-files.md) those for spans, and
[One row in every format](../concepts/formats.md) what a backend is sent.
"""
LOST = """\

Rows with anything that a format has *no place for* are refused on writing.

## What comes back changed

Nothing else about the others changes on the way there and back than what stands here. Of formats
that are only read, it is what isn't as it was before somebody wrote the file.
"""


def formats() -> str:
    """The page."""
    known = tunekit.list_formats()
    rows = (
        [
            code(name),
            joined(one.endings),
            "every" if len(one.shapes) == len(Shape) else ", ".join(one.shapes),
            one.direction,
            ", ".join(one.loses),
        ]
        for name, one in known.items()
    )
    changes: dict[str, list[str]] = {}
    for name, one in known.items():
        for change in filter(None, one.changes.split("; ")):
            changes.setdefault(change, []).append(name)
    return "\n".join(
        [
            INTRO,
            table(["format", "endings", "shapes", "direction", "no place for"], rows),
            LOST,
            table(["what", "of"], ([one, joined(names)] for one, names in changes.items())),
            "",
        ]
    )
