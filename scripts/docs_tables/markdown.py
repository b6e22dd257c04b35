"""Tables in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["code", "joined", "plain", "table"]

#: Nothing stands here.
NONE = "–"


def code(text: str) -> str:
    """A name as code."""
    return f"`{text}`"


def joined(names: Iterable[str]) -> str:
    """Names as code with commas between; a dash where there is none."""
    return ", ".join(map(code, names)) or NONE


def plain(text: str) -> str:
    """The first paragraph of a docstring on one line, its references as code."""
    first = " ".join(text.split("\n\n")[0].split())
    first = re.sub(r":[a-z]+:`~[\w.]*?(\w+)`", r"`\1`", first)
    return re.sub(r":[a-z]+:`([^`]+)`", r"`\1`", first).replace("``", "`")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; an empty cell becomes a dash."""
    heads = list(head)
    lines = [heads, ["---"] * len(heads), *map(list, rows)]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or NONE
