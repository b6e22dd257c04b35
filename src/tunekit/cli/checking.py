"""The command that looks at rows, and mends them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import From, new_file, task_named, written_as
from .options import (
    OUTPUT,
    ROWS,
    AsJson,
    Columns,
    File,
    FileFormat,
    KindOfTask,
    Overwrite,
    Reading,
    TaskSettings,
    Written,
)
from .output import write_json

if TYPE_CHECKING:
    from ..data.mending import Fixed

__all__ = ["check"]


def check(
    file: File,
    task: KindOfTask = "classification",
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    near: Annotated[
        bool,
        typer.Option(
            "--near/--no-near", help="Look for rows that are nearly the same.", rich_help_panel=ROWS
        ),
    ] = True,
    model: Annotated[
        str | None,
        typer.Option(
            help="A base model: texts too long for it are found, too.", show_default=False
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Another part: rows that ask what rows there ask are found, too.",
            rich_help_panel=ROWS,
        ),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            help="Mend what has one safe way out, and write all rows to this file.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    to: Written = None,
    overwrite: Overwrite = False,
    each: Annotated[
        int, typer.Option(min=1, help="Findings shown of each kind.", rich_help_panel=OUTPUT)
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong with rows; exit with 1 if training would refuse them."""
    from ..data.checks import Findings

    source, asked = From(column, format, read), task_named(task, task_set)
    rows = source.read(file, asked, on_error="skip")
    other = None if against is None else source.read(against, asked)
    if fix is not None:
        fixed = rows.fix()
        fixed.data.to(written_as(to, fix), new_file(fix, overwrite))
        _show_changes(fixed, fix, as_json)
        data = fixed.data
    else:
        data = rows
    found = data.check(against=other, near_duplicates=near, model=model)
    # Records that are no rows at all: a file that was mended has left them out.
    misread = rows.misread
    counts = Counter(one.code for one in misread) + Counter(found.counts)
    every = Findings([*misread, *found], figures=found.figures, counts=counts)
    if as_json:
        for finding in every:
            write_json(finding)
    else:
        typer.echo(every.to_table(each=each))
    if every.errors:
        raise typer.Exit(1)


def _show_changes(fixed: Fixed, file: Path, as_json: bool) -> None:
    for change in fixed.changes:
        if as_json:
            write_json({"change": change})
        else:
            typer.echo(str(change))
    if not as_json:
        count = len(fixed.changes)
        typer.echo(f"{count:,} change{'s' * (count != 1)}, written to {file}. What is left:\n")
