"""The commands about models: ask them, judge them, list them, take them along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import tee
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from .answers import show_answers
from .arguments import From, load_model
from .jobs import moment
from .options import (
    AsJson,
    Columns,
    File,
    FileFormat,
    KindOfModel,
    Reading,
    Saved,
    TaskSettings,
)
from .output import say, show_table, write_json

__all__ = ["evaluate", "export", "models", "predict"]


def predict(
    model: Saved,
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="What is asked; without any, the lines of --file or standard input."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A file with an input a line; in a .jsonl file it is a record."),
    ] = None,
    records: Annotated[
        bool,
        typer.Option(
            "--records",
            "-r",
            help="Inputs are JSON objects with the task's fields, such as question and options.",
        ),
    ] = False,
    task: KindOfModel = None,
    task_set: TaskSettings = None,
    as_json: AsJson = False,
) -> None:
    """Answer inputs: the arguments, else the lines of a file or of standard input."""
    if texts and file is not None:
        raise typer.BadParameter("Give inputs or --file, not both.")
    loaded = load_model(model, task, task_set)
    lines: Iterator[str] = iter(texts) if texts else _lines(file)
    parsed = records or (file is not None and file.suffix.lower() in (".jsonl", ".ndjson"))
    asked, shown = tee(_records(lines) if parsed else lines)
    answers = loaded.stream(asked, errors="return")
    show_answers(shown, answers, loaded.task.required[0], as_json)


def _lines(file: Path | None) -> Iterator[str]:
    from ..durable import disk_errors
    from ..errors import InputError

    name = "standard input" if file is None else str(file)
    try:
        if file is None:
            yield from _without_ends(typer.get_text_stream("stdin", encoding="utf-8"))
            return
        with disk_errors(f"reading {file}"), file.open(encoding="utf-8-sig") as stream:
            yield from _without_ends(stream)
    except UnicodeDecodeError as error:
        raise InputError(f"{name} isn't UTF-8 ({error.reason}). Write it as UTF-8.") from error


def _without_ends(lines: Iterator[str]) -> Iterator[str]:
    return (text for line in lines if (text := line.rstrip("\r\n")))


def _records(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    from ..errors import InputError

    for number, line in enumerate(lines, start=1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InputError(
                f"input {number} is no JSON ({error}): {line!r:.80}. Write one object a line."
            ) from error
        if not isinstance(record, dict):
            raise InputError(
                f"input {number} is no JSON object: {line!r:.80}. Write one object a line."
            )
        yield record


def evaluate(
    model: Saved,
    file: File,
    task: KindOfModel = None,
    task_set: TaskSettings = None,
    column: Columns = None,
    format: FileFormat = None,
    read: Reading = None,
    as_json: AsJson = False,
) -> None:
    """Compare a model's answers with a file of rows."""
    loaded = load_model(model, task, task_set)
    report = loaded.evaluate(From(column, format, read).read(file, loaded.task))
    if as_json:
        write_json(report.to_dict())
    else:
        typer.echo(str(report))


def export(
    model: Saved,
    kind: Annotated[
        str,
        typer.Argument(help="safetensors, onnx, gguf or gguf-q8_0.", show_default=False),
    ],
    path: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Write a model in another tool's format, compared with the model before."""
    written = load_model(model, None, None).export(kind, path)
    say({"written": str(written), "kind": kind}, f"Written to {written} as {kind}.", as_json)


def models(as_json: AsJson = False) -> None:
    """List the models that config names, and those of runs that succeeded here."""
    found = [*_named(), *_of_runs()]
    if as_json:
        for one in found:
            write_json(one)
    elif not found:
        typer.echo("No models yet.")
    else:
        show_table(("model", "kind", "task", "backend", "made"), map(_row, found))


def _row(one: Mapping[str, Any]) -> list[str]:
    model, ref = one["model"], one["ref"]
    facts = [str(one[name] or "-") for name in ("kind", "task", "backend")]
    return [model if ref == model else f"{model} = {ref}", *facts, moment(one["made"] or "-")]


def _named() -> Iterator[dict[str, Any]]:
    """The models of config. Only those in folders say more of themselves without being asked."""
    from ..config import load_config
    from ..errors import TunekitError
    from ..model_file import read_model_file

    for name, entry in load_config().models.items():
        known: dict[str, Any] = dict.fromkeys(("kind", "task", "backend", "made"))
        with suppress(TunekitError):  # `doctor` says what is wrong with it
            saved = read_model_file(Path(entry.ref)) if Path(entry.ref).is_dir() else None
            if saved is not None:
                known = {
                    "kind": saved.kind,
                    "task": saved.task["kind"],
                    "backend": saved.backend[0],
                    "made": saved.provenance.get("created"),
                }
        yield {"model": name, "ref": entry.ref, **known}


def _of_runs() -> Iterator[dict[str, Any]]:
    import tunekit

    for job in tunekit.list_jobs():
        kind = None
        if job.status != "succeeded":
            continue
        if job.seen_to_its_end:  # else its provider would have to be asked
            with suppress(tunekit.TunekitError):
                kind = job.result().kind
        yield {
            "model": f"run:{job.id}",
            "ref": f"run:{job.id}",
            "kind": kind,
            "task": job.record.task["kind"],
            "backend": job.record.spec.name,
            "made": job.record.created,
        }
