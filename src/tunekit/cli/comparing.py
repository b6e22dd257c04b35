"""The commands that answer "did it help?", and that move elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import From, load_model, mapping, task_named, values
from .options import (
    ROWS,
    TRAINING,
    AsJson,
    BackendName,
    Base,
    Columns,
    File,
    FileFormat,
    Html,
    KindOfModel,
    KindOfTask,
    Markdown,
    Method,
    Reading,
    Save,
    Seed,
    Settings,
    TaskSettings,
)
from .output import say, write_json

if TYPE_CHECKING:
    from ..comparison import Comparison

__all__ = ["baseline", "compare", "migrate"]


def baseline(
    file: File,
    save: Annotated[Path, typer.Option(help="Save the model in this new folder.")],
    task: KindOfTask = "classification",
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    backend: BackendName = None,
    model: Base = None,
    shots: Annotated[
        int, typer.Option(min=0, help="Examples in the prompt.", rich_help_panel=TRAINING)
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Make what a tuned model has to beat: a pretrained or prompted model, or a rule."""
    import tunekit

    rows = From(column, format, read).read(file, task_named(task, task_set))
    made = tunekit.baseline(rows, backend=backend, model=model, shots=shots)
    made.save(save)
    told = f"Saved in {save}: a {made.kind} model on {made.spec.name}."
    say({"saved": str(save), "kind": made.kind}, told, as_json)


def compare(
    file: File,
    model: Annotated[
        list[str],
        typer.Option(
            "--model", "-m", metavar="NAME=MODEL", help="A model and the name to show it by."
        ),
    ],
    task: KindOfModel = None,
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    html: Html = None,
    markdown: Markdown = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help="Such as 'tuned.macro_f1 > rule.macro_f1'; exit with 3 if it isn't so."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put models side by side on a file of rows: who is better, by how much, is it luck?"""
    import tunekit

    models = {name: load_model(ref, task, task_set) for name, ref in mapping(model).items()}
    first = next(iter(models.values()))
    rows = From(column, format, read).read(file, first.task)
    found = tunekit.compare(rows, models)
    _report(found, html, markdown, as_json)
    found.require(*(require or ()))


def migrate(
    source: Annotated[
        str, typer.Argument(help="A training file, run:ID, or BACKEND:JOB-ID.", show_default=False)
    ],
    to: Annotated[
        str,
        typer.Option(help="The backend to tune on from now on.", rich_help_panel=TRAINING),
    ],
    task: KindOfTask = "classification",
    task_set: TaskSettings = None,
    test: Annotated[
        float,
        typer.Option(min=0.0, max=0.9, help="Share of rows to compare on.", rich_help_panel=ROWS),
    ] = 0.2,
    seed: Seed = 0,
    model: Base = None,
    method: Method = "auto",
    was: Annotated[
        str | None,
        typer.Option(help="The model that answered until now, where the source doesn't say it."),
    ] = None,
    settings: Settings = None,
    save: Save = None,
    html: Html = None,
    markdown: Markdown = None,
    as_json: AsJson = False,
) -> None:
    """Tune elsewhere what was tuned at a provider, and compare the two."""
    import tunekit

    found = tunekit.migrate(
        source,
        task_named(task, task_set),
        to=to,
        was=was,
        test=test,
        seed=seed,
        model=model,
        method=method,
        **values(settings),
    )
    if save is not None:
        found.model("migrated").save(save)
    _report(found, html, markdown, as_json)


def _report(found: Comparison, html: Path | None, markdown: Path | None, as_json: bool) -> None:
    """Show a comparison, and write it where that was asked for."""
    from ..durable import disk_errors, write_file

    if html is not None:
        found.to_html(html)
    if markdown is not None:
        with disk_errors(f"writing {markdown}"):
            markdown.parent.mkdir(parents=True, exist_ok=True)
        write_file(markdown, found.to_markdown().encode())
    if as_json:
        write_json(found.to_dict())
    else:
        typer.echo(str(found))
