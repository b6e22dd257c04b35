"""The stages of a run: each is one training, and is taken up where it was left."""

from __future__ import annotations

import hashlib
import shutil

import torch

from .._version import __version__
from .checkpoints import Checkpoints
from .course import Course
from .loop import Stage
from .parallel import leads
from .step_log import StepLog
from .work import Progress, Work

__all__ = ["clear_stages", "stage"]

#: What of a recipe may differ between two processes that work on the same training.
ANYWHERE = {
    "base_path",
    "cache",
    "checkpoint_seconds",
    "save_memory",
    "sharding",
    "trackers",
}


def stage(work: Work, name: str, course: Course) -> Stage:
    """A stage of this run by name, which must be new within the run, such as ``"trial"``."""
    run, recipe = work.run, work.recipe
    return Stage(
        name=name,
        folder=run.path,
        checkpoints=Checkpoints(run.checkpoints / name, _identity(work, name, course)),
        log=StepLog(run.metrics, name),
        note=run.note_event,
        progress=Progress(run, f"training ({name})", course.steps),
        checkpoint_seconds=recipe.checkpoint_seconds,
        trackers=recipe.trackers,
        sharding=recipe.sharding,
    )


def clear_stages(work: Work) -> None:
    """Remove what a finished run needs no more."""
    if leads():
        shutil.rmtree(work.run.checkpoints, ignore_errors=True)


def _identity(work: Work, name: str, course: Course) -> str:
    """What a checkpoint must have come from to be gone on with."""
    known = hashlib.blake2b(digest_size=16)
    known.update(work.recipe.model_dump_json(exclude=ANYWHERE).encode())
    known.update(repr((name, course, torch.__version__, __version__)).encode())
    for path in (work.run.train, work.run.validation):
        if path.exists():
            with path.open("rb") as stream:
                known.update(hashlib.file_digest(stream, "sha256").digest())
    return known.hexdigest()
