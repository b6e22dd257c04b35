"""What several commands take: each option is said once, so that it means the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completing

__all__ = [
    "AsJson",
    "BackendName",
    "Base",
    "Columns",
    "File",
    "FileFormat",
    "Html",
    "JobId",
    "KindOfModel",
    "KindOfTask",
    "Markdown",
    "Method",
    "Overwrite",
    "Reading",
    "Save",
    "Saved",
    "Seed",
    "Settings",
    "TaskSettings",
    "Test",
    "Written",
]

ROWS, TRAINING, OUTPUT = "Rows", "Training", "Output"

# --- rows -----------------------------------------------------------------------------------------

File = Annotated[
    Path,
    typer.Argument(
        help="The rows: CSV, TSV, JSON, JSONL, Parquet, or a provider's training file.",
        show_default=False,
    ),
]
KindOfTask = Annotated[
    str,
    typer.Option(
        "--task",
        "-t",
        help="The kind of task that the rows are of.",
        autocompletion=completing.tasks,
        rich_help_panel=ROWS,
    ),
]
#: The same where a model says itself what it does.
KindOfModel = Annotated[
    str | None,
    typer.Option(
        "--task",
        "-t",
        help="The kind of task, where the model doesn't say it.",
        autocompletion=completing.tasks,
        rich_help_panel=ROWS,
    ),
]
TaskSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--task-set",
        metavar="NAME=VALUE",
        help="What the task says, such as instruction=… or goal=answer.",
        rich_help_panel=ROWS,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        "-c",
        metavar="FIELD=COLUMN",
        help="Which column holds a field; several times for options in several columns.",
        rich_help_panel=ROWS,
    ),
]
FileFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="The file's format, where its ending doesn't say it.",
        autocompletion=completing.formats,
        rich_help_panel=ROWS,
    ),
]
Reading = Annotated[
    list[str] | None,
    typer.Option(
        "--read",
        metavar="NAME=VALUE",
        help="How to read the file, such as encoding=latin-1, best_from=1 or offsets=utf16.",
        rich_help_panel=ROWS,
    ),
]
Test = Annotated[
    float,
    typer.Option(
        min=0.0, max=0.9, help="Share of rows held out for the report.", rich_help_panel=ROWS
    ),
]
Seed = Annotated[int, typer.Option(help="Decides which rows go where.", rich_help_panel=ROWS)]

# --- training -------------------------------------------------------------------------------------

BackendName = Annotated[
    str | None,
    typer.Option(
        help="The backend: a name in config, or a type.",
        autocompletion=completing.backends,
        rich_help_panel=TRAINING,
    ),
]
Base = Annotated[str | None, typer.Option(help="The base model.", rich_help_panel=TRAINING)]
Method = Annotated[str, typer.Option(help="How to train.", rich_help_panel=TRAINING)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="NAME=VALUE",
        help="A hyperparameter, such as epochs=3.",
        rich_help_panel=TRAINING,
    ),
]

# --- models and jobs ------------------------------------------------------------------------------

Saved = Annotated[
    str,
    typer.Argument(
        help="The model: a folder, a name in config, run:ID, or BACKEND:MODEL-ID.",
        autocompletion=completing.models,
        show_default=False,
    ),
]
JobId = Annotated[
    str,
    typer.Argument(
        help="The job's id, as `tunekit jobs` shows it.",
        autocompletion=completing.jobs,
        show_default=False,
    ),
]

# --- output ---------------------------------------------------------------------------------------

AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print JSON for other programs, one value a line.", rich_help_panel=OUTPUT
    ),
]
Save = Annotated[
    Path | None, typer.Option(help="Save the model in this new folder.", rich_help_panel=OUTPUT)
]
Written = Annotated[
    str | None,
    typer.Option(
        "--to",
        help="The format to write, where the ending doesn't say it.",
        autocompletion=completing.formats,
        rich_help_panel=OUTPUT,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files that are there.", rich_help_panel=OUTPUT),
]
Html = Annotated[
    Path | None, typer.Option(help="Write the report as one page.", rich_help_panel=OUTPUT)
]
Markdown = Annotated[
    Path | None, typer.Option(help="Write the tables as Markdown.", rich_help_panel=OUTPUT)
]
