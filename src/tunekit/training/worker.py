"""Train what a run folder says. Knows no task, data set, job or network.

Torch is imported here and not only by the learner, so that whoever imports this decides how its
threads wait (see :mod:`tunekit.training.threads`).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import time
from typing import Any

import torch

from ..durable import sweep
from ..shapes import Shape
from .folder import RunFolder
from .parallel import count, leads, together
from .recipe import Recipe
from .rows import read_examples
from .timings import Timings
from .work import Learnt, Work

__all__ = ["train"]

#: The learner of each shape: a module with ``learn(work)``. Only the one at work is loaded.
LEARNERS = {
    Shape.LABELLED: "labelled",
    Shape.SPANNED: "spanned",
    Shape.RANKED: "ranked",
    Shape.CHAT: "language.answers",
    Shape.PAIR: "language.pairs",
    Shape.TEXT_TO_TEXT: "language.rewriting",
}
VERSIONS_OF = (
    "tunekit-sdk", "torch", "transformers", "tokenizers", "safetensors", "accelerate", "peft",
    "numpy",
)  # fmt: skip


def train(run: RunFolder) -> dict[str, Any]:
    """Train and write the artifact.

    Returns:
        What ``result.json`` says of it: the artifact's folder, the temperature, what was applied,
        metrics, what was measured for later plans, and versions.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    recipe = Recipe.read(run.recipe)
    with together(recipe.device):
        return _train(run, recipe)


def _train(run: RunFolder, recipe: Recipe) -> dict[str, Any]:
    started, timings = time.monotonic(), Timings(run)
    if recipe.trackers:
        from .trackers import check_trackers  # accelerate takes a while to import

        check_trackers(recipe.trackers)
    train = read_examples(run.train, recipe.shape)
    validation = read_examples(run.validation, recipe.shape) if run.validation.exists() else None
    if leads():
        # A worker that was killed between artifact and result, or an earlier attempt, left one.
        shutil.rmtree(run.artifact, ignore_errors=True)
        sweep(run.path, f".{run.artifact.name}.*.tmp")
    learner = importlib.import_module(f".{LEARNERS[recipe.shape]}", __package__)
    learnt: Learnt = learner.learn(Work(run, recipe, train, validation, timings))
    metrics = {
        **_on_device(),
        **({"processes": count()} if count() > 1 else {}),
        "rows": len(train),
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(time.process_time(), 2),
        "timings": timings.rounded(),
        **learnt.metrics,
    }
    run.note_event("metric", "done", metrics)
    return {
        "artifact": run.artifact.name,
        "temperature": learnt.temperature,
        "applied": dict(learnt.applied),
        "metrics": metrics,
        # Plans are made for one process, and each has counted what it did itself.
        "measured": dict(learnt.measured) if count() == 1 else {},
        "versions": _versions(),
    }


def _on_device() -> dict[str, int]:
    """The most bytes that a GPU held for this process, where there is one."""
    if not torch.cuda.is_initialized():
        return {}
    return {"device_memory": torch.cuda.max_memory_allocated()}


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONS_OF:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
