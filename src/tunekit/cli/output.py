"""What the commands print: for people, or one JSON value a line for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import typer

from ..errors import BackendError
from ..shapes import Failure

if TYPE_CHECKING:
    from ..job import Job

__all__ = ["show_jobs", "show_predictions", "show_wire_examples", "write_json"]


def write_json(value: Any) -> None:
    """One JSON value on a line of its own."""
    text = orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    sys.stdout.write(f"{text}\n")


def _plain(value: Any) -> Any:
    """Values that orjson doesn't know: named tuples, pydantic models, everything else as text."""
    if hasattr(value, "_asdict"):
        return value._asdict()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)


def show_predictions(inputs: Sequence[str], answers: Iterable[Any], as_json: bool) -> None:
    """One line per input, in order; an input without an answer says why."""
    for text, answer in zip(inputs, answers, strict=True):
        failed = isinstance(answer, Failure)
        if as_json:
            write_json({"input": text, "failure" if failed else "prediction": answer})
        elif failed:
            typer.echo(f"no answer: {answer.detail} [{answer.code}]\t{text}")
        elif getattr(answer, "probability", None) is not None:
            typer.echo(f"{answer.label}\t{answer.probability:.3f}\t{text}")
        else:
            typer.echo(f"{getattr(answer, 'label', answer)}\t{text}")


def show_jobs(jobs: Iterable[Job], as_json: bool) -> None:
    """A table of jobs, or one JSON object a line; jobs under way are looked up first."""
    facts = [_facts(job) for job in jobs]
    if as_json:
        for one in facts:
            write_json(one)
        return
    if not facts:
        typer.echo("No runs yet.")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in facts[0]:
        table.add_column(heading, no_wrap=True)
    for one in facts:
        table.add_row(*(escape(str(value)) for value in one.values()))
    Console().print(table)


def _facts(job: Job) -> dict[str, Any]:
    # Where a backend can't be reached, the state as last seen is the best there is.
    with suppress(BackendError):
        job.refresh()
    record = job.record
    return {
        "job": job.id,
        "status": str(job.status),
        "backend": record.spec.name,
        "task": record.task["kind"],
        "rows": record.rows,
        "created": record.created,
    }


def show_wire_examples(as_json: bool) -> None:
    """A row of each task in each format that a backend trains it in."""
    from .wire_examples import wire_examples

    task = None
    for one in wire_examples():
        if as_json:
            write_json(one)
            continue
        if one.task != task:
            typer.echo(f"{one.task}" if task is None else f"\n{one.task}")
            task = one.task
        typer.echo(f"  {one.format}: {', '.join(one.backends)}")
        for line in one.lines:
            typer.echo(f"    {line}")
