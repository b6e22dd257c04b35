"""Pages of Markdown as blocks of code, with the output that is pasted behind them."""

from __future__ import annotations

import doctest
import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "ROOT",
    "Block",
    "Command",
    "all_pages",
    "blocks",
    "commands",
    "needs",
    "runs",
    "same",
    "tidy",
]

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]+)[^\n]*\n(?P<source>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
NEEDS = re.compile(r"<!-- needs: ([a-z0-9_, ]+) -->")
ASSIGNED = re.compile(r"[A-Z_]+=.*")


class Block(NamedTuple):
    """A block of code: its source, the line of the page on which that begins (from 1), and where
    the source lies in the page. ``follows`` says that nothing stands between it and the block
    before."""

    language: str
    source: str
    line: int
    start: int
    end: int
    indent: str
    follows: bool


class Command(NamedTuple):
    """A line behind a ``$``, and what it shows behind it. ``lines`` are those of the block."""

    text: str
    shown: str
    lines: range

    @property
    def calls(self) -> list[list[str]]:
        """The commands of the line, each as words: several where there are pipes."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, "#"
        calls: list[list[str]] = [[]]
        for word in lexer:
            if set(word) <= set("();<>|&"):
                calls.append([])
            else:
                calls[-1].append(word)
        return calls

    @property
    def words(self) -> list[str]:
        """The words of the first command, without variables that are set for it."""
        words = list(self.calls[0])
        while words and ASSIGNED.fullmatch(words[0]):
            del words[0]
        return words

    @property
    def variables(self) -> dict[str, str]:
        """What is set for it."""
        before = self.calls[0][: len(self.calls[0]) - len(self.words)]
        return dict(one.split("=", 1) for one in before)


def runs(block: Block) -> bool:
    """Whether a block is run: Python is, and a terminal in which ``tunekit`` answers something."""
    return block.language == "python" or (
        block.language == "console"
        and any(one.shown and one.words[:1] == ["tunekit"] for one in commands(block.source))
    )


def all_pages() -> list[Path]:
    """The README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def needs(page: Path) -> list[str]:
    """The weights and packages without which a page can't run."""
    found = NEEDS.search(page.read_text(encoding="utf-8"))
    return [name.strip() for name in found.group(1).split(",")] if found else []


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    end = 0
    for found in FENCE.finditer(text):
        start = found.start("source")
        yield Block(
            found["language"],
            textwrap.dedent(found["source"]),
            text.count("\n", 0, start) + 1,
            start,
            found.end("source"),
            found["indent"],
            follows=not text[end : found.start()].strip(),
        )
        end = found.end()


def commands(source: str) -> list[Command]:
    """The commands of a console block. A line that ends in a backslash goes on."""
    lines = source.splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("$ ")]
    found = []
    for start, after in pairwise([*starts, len(lines)]):
        first = start
        text = lines[start][2:]
        while text.endswith("\\") and start + 1 < after:
            start += 1
            text = f"{text[:-1]} {lines[start].removeprefix('> ').strip()}"
        shown = "\n".join(lines[start + 1 : after])
        found.append(Command(text, shown.strip("\n"), range(first, after)))
    return found


def same(shown: str, said: str) -> bool:
    """Whether that is what was said; ``...`` stands for anything."""
    wanted, got = tidy(shown), tidy(said)
    flags = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1 | doctest.DONT_ACCEPT_BLANKLINE
    return doctest.OutputChecker().check_output(wanted, got, flags)


def tidy(said: str) -> str:
    """Output as a page has it: no blanks at the end of a line, no empty lines around it."""
    lines: Sequence[str] = [line.rstrip() for line in said.splitlines()]
    return "\n".join(lines).strip("\n") + "\n"
