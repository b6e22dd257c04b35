"""The commands that bring rows elsewhere: other formats, other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    Seed,
    TaskSettings,
    Written,
)
from .output import say, show_table, write_json

__all__ = ["convert", "formats", "split"]


def convert(
    file: File,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file to write; without it, one JSON record a line is printed.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    to: Written = None,
    task: KindOfTask = "classification",
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write rows in another format, such as a provider's training file."""
    if output is None and to is None:
        raise typer.BadParameter("Name a format with --to, or a file with --output.")
    rows = From(column, format, read).read(file, task_named(task, task_set))
    if output is None:
        for record in rows.to(str(to)):
            write_json(record)
        return
    name = written_as(to, output)
    rows.to(name, new_file(output, overwrite))
    facts = {"written": str(output), "format": name, "rows": len(rows)}
    say(facts, f"{len(rows):,} rows as {name}, written to {output}.", as_json)


def split(
    file: File,
    test: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of rows to test on.", rich_help_panel=ROWS),
    ] = 0.2,
    validation: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of rows to judge by while training.", rich_help_panel=ROWS
        ),
    ] = 0.0,
    seed: Seed = 0,
    group: Annotated[
        str | None,
        typer.Option(help="A column whose equal values stay together.", rich_help_panel=ROWS),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(help="A column by which the last rows are tested on.", rich_help_panel=ROWS),
    ] = None,
    near: Annotated[
        bool,
        typer.Option(
            "--near/--no-near",
            help="Keep rows together that are nearly the same.",
            rich_help_panel=ROWS,
        ),
    ] = True,
    into: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write into; beside the file without it.", rich_help_panel=OUTPUT
        ),
    ] = None,
    to: Written = None,
    task: KindOfTask = "classification",
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Divide rows into files to train and to test on, without the same question in both."""
    rows = From(column, format, read).read(file, task_named(task, task_set))
    parts = rows.split(
        test=test, validation=validation, seed=seed, group=group, time=time, near_duplicates=near
    )
    names = ("train", "validation", "test") if len(parts) == 3 else ("train", "test")
    folder, ending = into or file.parent, _ending(file, to)
    paths = [folder / f"{file.stem}-{name}{ending}" for name in names]
    for path in paths:  # all of them, before the first is written
        new_file(path, overwrite)
    facts = []
    for name, part, path in zip(names, parts, paths, strict=True):
        part.to(written_as(to, path), path)
        facts.append({"part": name, "rows": len(part), "path": str(path)})
    if as_json:
        for one in facts:
            write_json(one)
    else:
        show_table(("part", "rows", "path"), [tuple(one.values()) for one in facts])


def _ending(file: Path, to: str | None) -> str:
    """What the names of the parts end in: as the file's does, where that is written."""
    import tunekit

    there = tunekit.list_formats()
    if to is None:
        written = {ending for one in there.values() if one.writes for ending in one.endings}
        return file.suffix if file.suffix.lower() in written else ".jsonl"
    return there[to].endings[0] if to in there and there[to].endings else ".jsonl"


def formats(
    rows: Annotated[
        bool, typer.Option("--rows", help="Show one row of each task, as each backend is sent it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the formats there are, or show a row of each task in those that backends train on."""
    import tunekit

    from .wire_examples import show_wire_examples

    there = tunekit.list_formats()
    if rows:
        show_wire_examples(as_json)
    elif as_json:
        for name, one in there.items():
            write_json({"name": name, **one._asdict()})
    else:
        every = max(len(one.shapes) for one in there.values())
        shown = [
            (
                name,
                "every" if len(one.shapes) == every else ", ".join(one.shapes),
                one.direction,
                ", ".join(one.endings),
                ", ".join(one.loses) or "-",
            )
            for name, one in there.items()
        ]
        show_table(("format", "shapes", "direction", "endings", "has no place for"), shown)
