"""Where something that is to be tuned elsewhere comes from: its rows, and the model it had."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from .backends.abilities import Sources
from .data.dataset import Dataset
from .data.likely import format_of
from .durable import disk_errors
from .errors import BackendError, InputError, JobError, UnsupportedTask
from .job import Job
from .model import Model
from .resolving import build, is_file, served
from .store import Runs
from .tasks.base import Prompt, Task

__all__ = ["Origin", "in_words_of", "origin_of", "still_answers"]

log = logging.getLogger("tunekit")


class Origin(NamedTuple):
    """Rows with their task, and the model that was tuned on them, where one still answers."""

    data: Dataset
    model: Model | None


def origin_of(source: str | Path | Job, task: Task, home: Path) -> Origin:
    """The rows and the model of a source: see :func:`tunekit.migrate`."""
    if not isinstance(task, Task):
        raise InputError(f"task is {type(task).__name__}. Give a task, such as Classification().")
    if isinstance(source, Job):
        return _of_run(source, task)
    if not isinstance(source, str | Path):
        raise InputError(
            f"source is {type(source).__name__}. Give a file, a job, or BACKEND:JOB-ID."
        )
    scheme, _, rest = str(source).partition(":")
    if isinstance(source, Path) or not rest or is_file(source):
        path = Path(source)
        return Origin(Dataset.read(path, task, format=format_of(path, task)), None)
    if scheme == "run":
        return _of_run(Job(Runs(home).get(rest), home), task)
    return _of_provider(scheme, rest, task, home)


def _of_run(job: Job, task: Task) -> Origin:
    path, format = job.trained_on
    data = Dataset.read(path, task, format=format)
    try:
        return Origin(data, job.refresh().result())
    except (BackendError, JobError) as error:
        log.warning("%s has no model to compare with: %s", job.id, error)
        return Origin(data, None)


def _of_provider(backend: str, job_id: str, task: Task, home: Path) -> Origin:
    built = build(backend, {})
    if not isinstance(built, Sources):
        raise UnsupportedTask(
            f"backend {built.name!r} doesn't give back what a job was trained on: download the "
            "training file and give its path."
        )
    folder = home / "sources"
    with disk_errors(f"writing {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    found = built.source_of(job_id, folder / f"{built.name}-{Path(job_id).name}.jsonl")
    data = Dataset.read(found.path, task, format=found.format or format_of(found.path, task))
    if found.model is None:
        return Origin(data, None)
    return Origin(data, in_words_of(served(built, found.model, data.task), data))


def in_words_of(model: Model, data: Dataset) -> Model:
    """A model as it was trained to be asked: with the system turn that all rows of its training
    file have, where that isn't the task's own."""
    words = {row.get("system") for row in data}
    told = words.pop() if len(words) == 1 else None
    if not isinstance(told, str):
        return model
    return replace(model, prompt=Prompt(system=told, shots=model.prompt.shots))


def still_answers(model: Model, data: Dataset) -> bool:
    """Whether a model can be asked at all; that it can't is no error of who moves away from it."""
    try:
        model.predict(data[:1], errors="return")
    except BackendError as error:
        log.warning("%r doesn't answer any more, so nothing is compared with it: %s", model, error)
        return False
    return True
