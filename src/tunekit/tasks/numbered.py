"""Options as a numbered list in a chat, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

__all__ = ["numbered", "read_numbered"]


def numbered(question: str, options: Iterable[str]) -> str:
    """The question, an empty line, one line per option. :func:`read_numbered` inverts it, so an
    option that isn't one plain line is written as a JSON text."""
    lines = [f"{number}. {_one_line(option)}" for number, option in enumerate(options, start=1)]
    return "\n".join([question, "", *lines])


def _one_line(option: str) -> str:
    plain = "\n" not in option and "\r" not in option and not option.startswith('"')
    return option if plain else orjson.dumps(option).decode()


def read_numbered(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The question and the options of a text that :func:`numbered` wrote, else ``None``."""
    lines = text.split("\n")
    last = re.match(r"([1-9]\d{0,5})\. ", lines[-1])
    count = int(last[1]) if last else 0
    if count < 2 or len(lines) < count + 2 or lines[-count - 1] != "":
        return None
    options: list[str] = []
    for number, line in enumerate(lines[-count:], start=1):
        prefix = f"{number}. "
        if not line.startswith(prefix):
            return None
        option = line.removeprefix(prefix)
        if option.startswith('"'):
            try:
                option = orjson.loads(option)
            except orjson.JSONDecodeError:
                return None
        options.append(option)
    return "\n".join(lines[: -count - 1]), tuple(options)
