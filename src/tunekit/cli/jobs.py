"""The commands about jobs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AsJson, JobId, Save
from .output import one_line, say, show_table, write_json

if TYPE_CHECKING:
    from ..job import Job

__all__ = ["cancel", "jobs", "logs", "moment", "wait"]


def jobs(as_json: AsJson = False) -> None:
    """List the runs under TUNEKIT_HOME, the newest first."""
    import tunekit

    facts = [_facts(job) for job in tunekit.list_jobs()]
    if as_json:
        for one in facts:
            write_json(one)
    elif not facts:
        typer.echo("No runs yet.")
    else:
        rows = [(*list(one.values())[:-1], moment(one["created"])) for one in facts]
        show_table(tuple(facts[0]), rows)


def _facts(job: Job) -> dict[str, Any]:
    from ..errors import BackendError

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


def moment(stamp: str) -> str:
    """A time as people write it: UTC, to the minute.

    >>> moment("2026-03-01T12:30:05.120+00:00")
    '2026-03-01 12:30'
    """
    return stamp[:16].replace("T", " ")


def wait(
    job_id: JobId,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds to wait; the job goes on after them.")
    ] = None,
    save: Save = None,
    as_json: AsJson = False,
) -> None:
    """Wait for a job, and save its model if a folder is given."""
    import tunekit

    tuned = tunekit.attach(job_id).wait(timeout)
    if save is not None:
        tuned.save(save)
    where = f"Saved in {save}." if save is not None else f"Use it as run:{job_id}."
    say({"job": job_id, "saved": str(save) if save is not None else None}, where, as_json)


def logs(job_id: JobId, as_json: AsJson = False) -> None:
    """Show what has happened in a job so far."""
    import tunekit

    for event in tunekit.attach(job_id).events():
        if as_json:
            write_json(event)
        else:
            typer.echo(f"{event.at}  {event.kind:8}  {one_line(event.message)}")


def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """Cancel a job; what is done of it stays."""
    import tunekit

    job = tunekit.attach(job_id)
    job.cancel()
    say({"job": job_id, "status": str(job.status)}, f"{job_id} is {job.status}.", as_json)
