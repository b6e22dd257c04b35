"""Runs the blocks of a page in this process, as a reader would, and compares what they say."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tunekit.cli import main

from .pages import Block, Command, blocks, commands, runs, same, tidy

__all__ = ["Session"]

#: How wide a terminal is on a page, and that it has no colours.
TERMINAL = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
#: ``DOCS_OUTPUT=write pytest tests/docs/test_examples.py`` writes what was said into the pages.
WRITES = os.environ.get("DOCS_OUTPUT") == "write"


class Session:
    """One reading of a page. Its Python blocks share their names.

    Args:
        page: the page.
        compares: whether what is said is compared with what the page shows. Without it commands
            aren't run.
    """

    def __init__(self, page: Path, *, compares: bool) -> None:
        self._page, self._compares = page, compares
        self._text = page.read_text(encoding="utf-8")
        self._names: dict[str, Any] = {"__name__": "example"}
        self._code = 0  # of the last command
        self._changes: list[tuple[int, int, str]] = []

    def run(self) -> None:
        """Run all blocks in order."""
        said: str | None = None
        for block in blocks(self._text):
            if block.language == "text" and block.follows and said is not None:
                self._hold(block, block.source, said)
            said = None
            if block.language == "python":
                said = self._python(block)
            elif runs(block) and self._compares:
                self._console(block)
        self._write()

    def _python(self, block: Block) -> str:
        # Empty lines before it, so that a traceback shows the page's own line.
        source = "\n" * (block.line - 1) + block.source
        with _captured() as said:
            exec(compile(source, str(self._page), "exec"), self._names)
        return said.getvalue()

    # --- the terminal ---------------------------------------------------------------------------

    def _console(self, block: Block) -> None:
        lines = block.source.splitlines()
        answered = [self._ran(one, block) for one in commands(block.source)]
        for command in reversed(answered):
            if command is not None:
                lines[command.lines.start : command.lines.stop] = self._answered(command, lines)
        self._hold(block, block.source, "\n".join(lines))

    def _ran(self, command: Command, block: Block) -> Command | None:
        """The command with what it really shows; ``None`` where that isn't known."""
        if command.text == "echo $?":
            return command._replace(shown=str(self._code))
        if len(command.calls) > 1 or command.words[:1] != ["tunekit"]:
            assert not command.shown, f"{self._place(block)}: {command.text!r} is never run"
            return None
        said, self._code = _tunekit(command.words, command.variables)
        if not command.shown:
            assert self._code == 0, f"{self._place(block)}: {command.text!r} says {said}"
            return None
        kept = same(command.shown, said)
        return command._replace(shown=command.shown if kept else tidy(said).rstrip("\n"))

    @staticmethod
    def _answered(command: Command, lines: list[str]) -> list[str]:
        """The lines of a command with its answer, which ends where it ended before."""
        block = lines[command.lines.start : command.lines.stop]
        asked = next(
            (at for at, line in enumerate(block, 1) if not line.endswith("\\")), len(block)
        )
        empty = [""] * (len(block) > asked and not block[-1].strip())
        return [*block[:asked], *command.shown.splitlines(), *empty]

    # --- comparing ------------------------------------------------------------------------------

    def _hold(self, block: Block, shown: str, said: str) -> None:
        """Compare what a block shows with what was said, or write that into the page."""
        if not self._compares or same(shown, said):
            return
        if WRITES:
            self._changes.append(
                (block.start, block.end, textwrap.indent(tidy(said), block.indent))
            )
            return
        assert tidy(said) == tidy(shown), (
            f"{self._place(block)}: that isn't what is said. "
            "DOCS_OUTPUT=write pytest tests/docs/test_examples.py writes it"
        )

    def _write(self) -> None:
        if self._changes:
            for start, end, said in reversed(self._changes):
                self._text = self._text[:start] + said + self._text[end:]
            self._page.write_text(self._text, encoding="utf-8")

    def _place(self, block: Block) -> str:
        return f"{self._page.name}:{block.line}"


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        yield said


def _tunekit(words: list[str], variables: Mapping[str, str]) -> tuple[str, int]:
    """What ``tunekit ...`` writes in a terminal, both streams together, and its exit code."""
    with pytest.MonkeyPatch.context() as patch, _captured() as said:
        for name, value in {**TERMINAL, **variables}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", words)
        # So that help names a script, and not a module of pytest.
        patch.setattr(sys.modules["__main__"], "__package__", "")
        patch.setattr(sys, "stdin", io.StringIO())
        with contextlib.redirect_stderr(said):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            else:
                code = 0
    return said.getvalue(), code
