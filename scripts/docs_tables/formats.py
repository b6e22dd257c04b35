"""The formats there are, from ``tunekit.list_formats``."""

from __future__ import annotations

import tunekit
from tunekit.shapes import Shape

from .markdown import joined, table

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
OUTRO = """\

Rows with anything that a format has *no place for* are refused on writing. Nothing else about the
others changes on the way there and back than what stands under *comes back changed*.
"""


def formats() -> str:
    """The page."""
    rows = (
        [
            f"`{name}`",
            joined(one.endings),
            "every" if len(one.shapes) == len(Shape) else ", ".join(one.shapes),
            one.direction,
            ", ".join(one.loses),
            one.changes,
        ]
        for name, one in tunekit.list_formats().items()
    )
    head = ["format", "endings", "shapes", "direction", "no place for", "comes back changed"]
    return f"{INTRO}\n{table(head, rows)}\n{OUTRO}"
