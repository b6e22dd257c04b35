"""What the commands print: for people, or one JSON value a line for programs."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["one_line", "say", "show_table", "write_json"]

#: Columns where there is no terminal to ask.
WIDTH = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def write_json(value: Any) -> None:
    """One JSON value on a line of its own."""
    text = orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    sys.stdout.write(f"{text}\n")


def _plain(value: Any) -> Any:
    """Values that orjson doesn't know: named tuples, pydantic models, everything else as text."""
    if hasattr(value, "_asdict"):
        return value._asdict()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)


def say(facts: Mapping[str, Any], sentence: str, as_json: bool) -> None:
    """The same for programs, or for people."""
    if as_json:
        write_json(facts)
    else:
        typer.echo(sentence)


def one_line(text: str) -> str:
    r"""A text on one line: line breaks and what would steer the terminal are shown as written.

    >>> print(one_line("first\nsecond"))
    first\nsecond
    """
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table as wide as the terminal; what is too long for its column goes on below."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    told = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if told else WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        cells = ("\n".join(map(one_line, str(cell).split("\n"))) for cell in row)
        table.add_row(*map(Text, cells))
    with console.capture() as shown:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in shown.get().splitlines()))
