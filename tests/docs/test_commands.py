"""Commands that pages show are commands that there are: each is parsed, and none is run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from tunekit.cli.app import app

from .pages import ROOT, Command, all_pages, blocks, commands

PAGES = [*all_pages(), ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"]
EXTRA = re.compile(r"tunekit-sdk\[([\w,-]+)\]")


def shown(page: Path) -> Iterator[tuple[int, Command]]:
    """The commands of a page's console blocks, with their lines."""
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "console":
            assert block.source.startswith("$ "), f"{page.name}:{block.line}: no command"
            for one in commands(block.source):
                yield block.line + one.lines.start, one


def parsed(words: list[str]) -> None:
    """Parse a call of ``tunekit`` as it would be, up to the moment when the command begins.

    Raises an error of Typer where a command, an option or a value isn't one.
    """
    group = get_command(app)
    try:
        context = group.make_context(words[0], words[1:])
        while hasattr(group, "resolve_command"):
            rest = [*context._protected_args, *context.args]
            name, group, rest = group.resolve_command(context, rest)
            context = group.make_context(name, rest, parent=context)
    except typer.Exit:
        return  # --help


@pytest.mark.parametrize(
    "page", [pytest.param(one, id=one.relative_to(ROOT).as_posix()) for one in PAGES]
)
def test_commands_are_understood(page: Path) -> None:
    wrong = []
    for line, command in shown(page):
        for words in command.calls:
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            if words[:1] == ["tunekit"]:
                try:
                    parsed(words)
                except Exception as error:
                    wrong.append(f"{page.name}:{line}: {' '.join(words)}: {error}")
    assert not wrong, "\n".join(wrong)


def test_an_unknown_option_is_seen() -> None:
    (command,) = commands("$ TUNEKIT_BACKEND=fake tunekit jobs --no-such | head  # all\n")
    assert command.words == ["tunekit", "jobs", "--no-such"]
    assert command.variables == {"TUNEKIT_BACKEND": "fake"}
    with pytest.raises(Exception, match="--no-such"):
        parsed(command.words)
    with pytest.raises(Exception, match="nonsense"):
        parsed(["tunekit", "nonsense"])


def test_make_has_what_pages_name() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for page in PAGES:
        for line, command in shown(page):
            if command.words[:1] == ["make"]:
                named = [one for one in command.words[1:] if "=" not in one]
                assert set(named) <= set(targets), f"{page.name}:{line}"


def test_extras_that_pages_name_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = project["optional-dependencies"].keys()
    for page in PAGES:
        for named in EXTRA.findall(page.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= set(there), f"{page.name}: {named}"
