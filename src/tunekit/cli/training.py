"""The commands that train, or say what a training would be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import From, task_named, values
from .options import (
    ROWS,
    AsJson,
    BackendName,
    Base,
    Columns,
    File,
    FileFormat,
    KindOfTask,
    Method,
    Reading,
    Save,
    Seed,
    Settings,
    TaskSettings,
    Test,
)
from .output import say, write_json

__all__ = ["plan", "tune"]

Validation = Annotated[
    Path | None,
    typer.Option(help="A file of rows to judge by while training.", rich_help_panel=ROWS),
]


def plan(
    file: File,
    task: KindOfTask = "classification",
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    validation: Validation = None,
    test: Test = 0.0,
    seed: Seed = 0,
    backend: BackendName = None,
    model: Base = None,
    method: Method = "auto",
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Say what a training would do, take and cost; nothing is sent and nothing is trained."""
    import tunekit

    source, asked = From(column, format, read), task_named(task, task_set)
    rows = source.read(file, asked)
    planned = tunekit.plan(
        rows.split(test=test, seed=seed)[0] if test else rows,
        backend=backend,
        model=model,
        validation=None if validation is None else source.read(validation, asked),
        method=method,
        **values(settings),
    )
    if as_json:
        write_json(planned.to_dict())
    else:
        typer.echo(str(planned))


def tune(
    file: File,
    task: KindOfTask = "classification",
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    validation: Validation = None,
    test: Test = 0.0,
    seed: Seed = 0,
    backend: BackendName = None,
    model: Base = None,
    method: Method = "auto",
    settings: Settings = None,
    save: Save = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start the job, and don't wait for it.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a failed or cancelled run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tune a model on a file of rows."""
    import tunekit

    if detach and (save is not None or test):
        raise typer.BadParameter("--detach starts a job; save and evaluate when it is done.")
    source, asked = From(column, format, read), task_named(task, task_set)
    rows = source.read(file, asked)
    train, held_out = rows.split(test=test, seed=seed) if test else (rows, None)
    job = tunekit.submit(
        train,
        backend=backend,
        model=model,
        validation=None if validation is None else source.read(validation, asked),
        method=method,
        resume=resume,
        **values(settings),
    )
    if detach:
        say({"job": job.id}, f"Started {job.id}. Wait with: tunekit wait {job.id}", as_json)
        return
    tuned = job.wait()
    report = tuned.evaluate(held_out) if held_out is not None else None
    if save is not None:
        tuned.save(save)
    done = {"job": job.id, "saved": str(save) if save is not None else None}
    if as_json:
        write_json(done | {"report": report.to_dict() if report is not None else None})
        return
    if report is not None:
        typer.echo(f"{report}\n")
    typer.echo(f"Saved in {save}." if save is not None else f"Use it as run:{job.id}.")
