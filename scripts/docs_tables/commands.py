"""The command line, from the commands themselves: Typer writes the page."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from tunekit.cli.app import app

__all__ = ["commands"]

INTRO = """\
# Commands

[Use the command line](../how-to/command-line.md) shows how they go together. `tunekit COMMAND
--help` says the same as this page.
"""


def commands() -> str:
    """The page."""
    command = get_command(app)
    _say_in_full(command)
    with typer.Context(command, info_name="tunekit") as context:
        page = get_docs_for_click(obj=command, ctx=context, name="tunekit")
    body = page.partition("\n")[2].lstrip()
    # A usage line is no command that can be copied.
    body = re.sub(r"```console\n\$ ", "```text\n", body)
    return f"{INTRO}\n{body.rstrip()}\n"


def _say_in_full(command: Any) -> None:
    """Lists of commands have the first paragraph of each, which is cut after some words else."""
    for one in getattr(command, "commands", {}).values():
        one.short_help = one.short_help or " ".join((one.help or "").split("\n\n")[0].split())
        _say_in_full(one)
