"""From what a user asked for to what the worker is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from pydantic import ValidationError

from ...errors import ConfigError, HyperparameterError, UnsupportedTask, did_you_mean
from ...tasks.base import Task
from ...training.recipe import Base, Precision, Recipe, Settings
from ...weights import BaseWeights

__all__ = ["SETTINGS", "Machine", "check_machine", "recipe", "settings_for"]

#: Torch's names of what it computes on. Whether one is there is seen when a model is loaded.
DEVICES = ("auto", "cpu", "cuda", "hpu", "mps", "mtia", "xla", "xpu")
#: The settings of each method, and why it has no others.
SETTINGS: Mapping[str, frozenset[str]] = {
    "head": frozenset(("seed", "max_length", "weight_decay")),
}
WHY_NOT: Mapping[str, Mapping[str, str]] = {
    "head": {
        "epochs": "a head is solved to its optimum, not in epochs",
        "learning_rate": "a head is solved to its optimum, not in steps",
        "batch_size": "a head sees all rows at once",
        "warmup": "a head is solved to its optimum, not in steps",
        "lora_rank": "the base model's weights stay as they are",
        "lora_alpha": "the base model's weights stay as they are",
        "beta": "it belongs to preference training",
    },
}


class Machine(NamedTuple):
    """How this machine is to be used: see :class:`~tunekit.backends.local.LocalBackend`."""

    device: str
    threads: int | None
    precision: Precision
    cache: Path | None


def check_machine(backend: str, machine: Machine) -> None:
    """Check what can be checked without torch.

    Raises:
        ConfigError: a device, a number of threads or a precision that can't be one.
    """
    device, threads, precision, _ = machine
    kind, _, number = str(device).partition(":")
    if not (device in DEVICES or (kind in DEVICES[1:] and re.fullmatch(r"\d+", number))):
        raise ConfigError(
            f"{backend}: no device {device!r}. {did_you_mean(kind, DEVICES)} "
            "A number may follow (cuda:1); 'auto' takes a GPU where there is one."
        )
    if threads is not None and (type(threads) is not int or threads < 1):
        raise ConfigError(
            f"{backend}: threads={threads!r}. Give a whole number from 1, or leave it out."
        )
    if precision not in get_args(Precision):
        raise ConfigError(
            f"{backend}: no precision {precision!r}. "
            f"{did_you_mean(str(precision), get_args(Precision))}"
        )


def settings_for(backend: str, method: str, given: Mapping[str, Any]) -> Settings:
    """Portable hyperparameters as a method's settings.

    Raises:
        HyperparameterError: one that the method doesn't have, and why; or a value out of range.
    """
    there = sorted(SETTINGS[method])
    for name in given:
        if name not in there:
            why = WHY_NOT[method].get(name) or did_you_mean(name, there)
            raise HyperparameterError(
                f"{backend}: method {method!r} has no {name!r}: {why.rstrip('.')}. "
                f"It has {', '.join(there)}."
            )
    try:
        return Settings.model_validate(dict(given))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        raise HyperparameterError(
            f"{backend}: {'.'.join(map(str, wrong['loc']))}={wrong['input']!r}: "
            f"{wrong['msg']}. Give a value in range, or leave it out."
        ) from error


def recipe(
    method: Literal["head", "zero-shot"],
    *,
    backend: str,
    task: Task,
    weights: BaseWeights,
    settings: Settings,
    machine: Machine,
) -> Recipe:
    """The recipe of one training.

    Raises:
        UnsupportedTask: the task has no labels.
        HyperparameterError: more tokens than the base model takes.
    """
    labels = getattr(task, "labels", None)
    if not labels:
        raise UnsupportedTask(
            f"{backend}: {task.kind} without labels. Read data with the task first, or give "
            "them: Classification(labels=[…])."
        )
    if settings.max_length is not None and settings.max_length > weights.limit:
        raise HyperparameterError(
            f"{backend}: max_length={settings.max_length}, and {weights.name} takes "
            f"{weights.limit} tokens at most. Lower it, or take another base model."
        )
    base = Base(
        name=weights.name,
        files=tuple(sorted(weights.files.items())),
        pooling=weights.pooling,
        max_length=weights.max_length,
        limit=weights.limit,
    )
    return Recipe(
        method=method,
        base=base,
        base_path=str(weights.path),
        labels=tuple(labels),
        settings=settings,
        device=machine.device,
        threads=machine.threads,
        precision=machine.precision,
        cache=str(machine.cache) if machine.cache else None,
    )
