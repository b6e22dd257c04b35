"""The commands. Each reads its arguments, calls the public API and shows what came back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .arguments import hyperparameters, mapping, task_named
from .output import show_jobs, show_predictions, show_wire_examples, write_json

if TYPE_CHECKING:
    from ..comparison import Comparison
    from ..data.dataset import Dataset
    from ..tasks.base import Task

__all__ = ["app"]

app = typer.Typer(
    name="tunekit",
    help="Fine-tune language models, on this machine or at a provider.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: Inputs that are predicted and shown together, so that a long file needs little memory.
PREDICTED_TOGETHER = 512

File = Annotated[Path, typer.Argument(help="CSV, TSV, JSON, JSONL or Parquet.", show_default=False)]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", "-c", metavar="FIELD=COLUMN", help="Which column holds a field."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
JobId = Annotated[str, typer.Argument(help="As `tunekit jobs` shows it.", show_default=False)]
Saved = Annotated[
    str, typer.Argument(help="A folder, a name in config, or run:ID.", show_default=False)
]
Save = Annotated[Path | None, typer.Option(help="Save the model in this folder.")]


@app.command()
def tune(
    file: File,
    task: Annotated[str, typer.Option("--task", "-t", help="The kind of task.")] = "classification",
    column: Columns = None,
    backend: Annotated[str | None, typer.Option(help="A name in config, or a type.")] = None,
    model: Annotated[str | None, typer.Option(help="The base model.")] = None,
    method: Annotated[str, typer.Option(help="How to train.")] = "auto",
    test: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of rows held out for the report.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Decides which rows are held out.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="NAME=VALUE", help="A hyperparameter."),
    ] = None,
    save: Save = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start the job; don't wait.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a failed or cancelled run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tune a model on a file of rows."""
    import tunekit

    if detach and (save is not None or test):
        raise typer.BadParameter("--detach starts a job; save and evaluate when it is done.")
    rows = _read(file, task_named(task), column)
    train, held_out = rows.split(test=test, seed=seed) if test else (rows, None)
    job = tunekit.submit(
        train,
        backend=backend,
        model=model,
        method=method,
        resume=resume,
        **hyperparameters(settings or ()),
    )
    if detach:
        _say({"job": job.id}, f"Started {job.id}. Wait with: tunekit wait {job.id}", as_json)
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
        typer.echo(str(report))
    typer.echo(f"Saved in {save}." if save is not None else f"Use it as run:{job.id}.")


@app.command()
def predict(
    model: Saved,
    texts: Annotated[list[str] | None, typer.Argument(help="Inputs; none: stdin.")] = None,
    as_json: AsJson = False,
) -> None:
    """Answer inputs: the arguments, else the lines of standard input."""
    import tunekit

    loaded = tunekit.load(model)
    waiting: Iterator[str] = iter(texts) if texts else _lines()
    while batch := list(islice(waiting, PREDICTED_TOGETHER)):
        show_predictions(batch, loaded.predict(batch, errors="return"), as_json)


@app.command()
def evaluate(model: Saved, file: File, column: Columns = None, as_json: AsJson = False) -> None:
    """Compare a model's answers with a file of rows."""
    import tunekit

    loaded = tunekit.load(model)
    report = loaded.evaluate(_read(file, loaded.task, column))
    if as_json:
        write_json(report.to_dict())
    else:
        typer.echo(str(report))


@app.command()
def baseline(
    file: File,
    save: Annotated[Path, typer.Option(help="Save the model in this folder.")],
    task: Annotated[str, typer.Option("--task", "-t", help="The kind of task.")] = "classification",
    column: Columns = None,
    backend: Annotated[
        str | None, typer.Option(help="A name in config, or a type; 'trivial' for a rule.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The base model.")] = None,
    shots: Annotated[int, typer.Option(min=0, help="Examples in the prompt.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make what a tuned model has to beat: a pretrained or prompted model, or a rule."""
    import tunekit

    rows = _read(file, task_named(task), column)
    made = tunekit.baseline(rows, backend=backend, model=model, shots=shots)
    made.save(save)
    _say({"saved": str(save), "kind": made.kind}, f"Saved in {save}: {made!r}.", as_json)


@app.command()
def compare(
    file: File,
    model: Annotated[
        list[str],
        typer.Option("--model", "-m", metavar="NAME=MODEL", help="A folder, a name, or run:ID."),
    ],
    column: Columns = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one page.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables as Markdown.")] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help="Such as 'tuned.macro_f1 > rule.macro_f1'; exit with 3 if it isn't so."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put models side by side on a file of rows: who is better, by how much, is it luck?"""
    import tunekit

    models = {name: tunekit.load(ref) for name, ref in mapping(model).items()}
    first = next(iter(models.values()))
    found = tunekit.compare(_read(file, first.task, column), models)
    _report(found, html, markdown, as_json)
    found.require(*(require or ()))


@app.command()
def migrate(
    source: Annotated[
        str, typer.Argument(help="A training file, run:ID, or BACKEND:JOB-ID.", show_default=False)
    ],
    to: Annotated[str, typer.Option(help="The backend to tune on from now on.")],
    task: Annotated[str, typer.Option("--task", "-t", help="The kind of task.")] = "classification",
    model: Annotated[str | None, typer.Option(help="The base model.")] = None,
    method: Annotated[str, typer.Option(help="How to train.")] = "auto",
    was: Annotated[str | None, typer.Option(help="The model that answered until now.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="NAME=VALUE", help="A hyperparameter."),
    ] = None,
    save: Save = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one page.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables as Markdown.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tune elsewhere what was tuned at a provider, and compare the two."""
    import tunekit

    found = tunekit.migrate(
        source,
        task_named(task),
        to=to,
        was=was,
        model=model,
        method=method,
        **hyperparameters(settings or ()),
    )
    if save is not None:
        found.model("migrated").save(save)
    _report(found, html, markdown, as_json)


@app.command()
def jobs(as_json: AsJson = False) -> None:
    """List the runs under TUNEKIT_HOME, the newest first."""
    import tunekit

    show_jobs(tunekit.list_jobs(), as_json)


@app.command()
def wait(
    job_id: JobId,
    timeout: Annotated[float | None, typer.Option(help="Seconds; the job goes on.")] = None,
    save: Save = None,
    as_json: AsJson = False,
) -> None:
    """Wait for a job, and save its model if a folder is given."""
    import tunekit

    tuned = tunekit.attach(job_id).wait(timeout)
    if save is not None:
        tuned.save(save)
    where = f"Saved in {save}." if save is not None else f"Use it as run:{job_id}."
    _say({"job": job_id, "saved": str(save) if save is not None else None}, where, as_json)


@app.command()
def logs(job_id: JobId, as_json: AsJson = False) -> None:
    """Show what has happened in a job so far."""
    import tunekit

    for event in tunekit.attach(job_id).events():
        if as_json:
            write_json(event)
        else:
            typer.echo(f"{event.at}  {event.kind:8}  {event.message}")


@app.command()
def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """Cancel a job."""
    import tunekit

    job = tunekit.attach(job_id)
    job.cancel()
    _say({"job": job_id, "status": str(job.status)}, f"{job_id} is {job.status}.", as_json)


@app.command()
def formats(
    rows: Annotated[
        bool, typer.Option("--rows", help="One row of each task, as each backend is sent it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the formats there are, or show a row of each task in those that backends train on."""
    import tunekit

    if rows:
        show_wire_examples(as_json)
    elif as_json:
        for name, one in tunekit.list_formats().items():
            write_json({"name": name, **one._asdict()})
    else:
        typer.echo(str(tunekit.list_formats()))


@app.command()
def version(as_json: AsJson = False) -> None:
    """Show the version."""
    import tunekit

    _say({"version": tunekit.__version__}, tunekit.__version__, as_json)


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


def _read(file: Path, task: Task, columns: Iterable[str] | None) -> Dataset:
    from ..data.dataset import Dataset

    return Dataset.read(file, task, columns=mapping(columns or ()) or None)


def _lines() -> Iterator[str]:
    for line in typer.get_text_stream("stdin", encoding="utf-8"):
        if text := line.rstrip("\r\n"):
            yield text


def _say(facts: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        write_json(facts)
    else:
        typer.echo(sentence)
