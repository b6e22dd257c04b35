"""From a call to a plan, and from a plan to the run that it begins or joins."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from .backends.base import Backend, State, Trains
from .backends.choose import choose
from .data.dataset import Dataset
from .errors import BackendError, UnsupportedTask
from .findings import Finding
from .job import Job
from .planning import Plan, Setup
from .resolving import base_for, check_data, spec_of
from .store import Run, Runs

__all__ = ["planned", "unfinished"]


def planned(
    data: Dataset,
    built: Backend,
    model: str | Path | None,
    validation: Dataset | None,
    method: str,
    hyperparameters: dict[str, Any],
) -> Plan:
    """The plan of a call: see :func:`tunekit.plan`."""
    check_data("data", data)
    if not isinstance(built, Trains):
        raise UnsupportedTask(
            f"backend {built.name!r} doesn't train: tunekit.baseline(data, "
            f"backend={built.name!r}) makes what it has. To train, name another, such as 'local'."
        )
    task, base = data.task, base_for(built, model, data.task)
    route = choose(built, task, data.needs, base, method)
    if validation is not None:
        check_data("validation", validation)
        validation = validation.with_task(task)
    setup = Setup(
        data=data,
        validation=validation,
        task=task,
        prompt=task.prompt(),
        route=route,
        model=base,
        hyperparameters=built.hyperparameters(route, hyperparameters),
        today=date.today(),
    )
    # Near duplicates are left to an explicit check(): a plan is made for every job.
    found: list[Finding] = list(data.check(near_duplicates=False))
    if validation is not None:
        found.extend(validation.check(against=data, near_duplicates=False).of_rows)
    estimate = built.prepare(setup)
    return Plan(
        setup=setup,
        backend=spec_of(built),
        estimate=estimate,
        findings=(*found, *estimate.findings),
    )


def unfinished(runs: Runs, key: str, resume: bool, home: Path, built: Backend | None) -> Run | None:
    """The newest run of this key that nobody has seen to its end, or that ``resume`` revives."""
    for run in runs.with_key(key):
        job = Job(run, home, built)
        seen = job.seen_to_its_end
        if resume and not seen:
            with suppress(BackendError):  # it may have failed while nobody looked
                job.refresh()
        if resume and job.status in (State.FAILED, State.CANCELLED):
            run.start_over()
            return run
        if not seen:
            return run
    return None
