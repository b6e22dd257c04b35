"""From what a user asked for to what the worker is told."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from ...errors import ConfigError, HyperparameterError, UnsupportedTask, did_you_mean
from ...planning import Route
from ...shapes import Shape
from ...tasks.base import Task
from ...training.recipe import (
    Base,
    Method,
    Precision,
    Recipe,
    Settings,
    Sharding,
    Writing,
)
from ...weights import BaseWeights
from .methods import knobs_of

__all__ = ["Machine", "check_machine", "check_writing", "recipe", "settings_for"]

#: Torch's names of what it computes on. Whether one is there is seen when a model is loaded.
DEVICES = ("auto", "cpu", "cuda", "hpu", "mps", "mtia", "xla", "xpu")
#: Of which several processes can each take one.
SHARED_DEVICES = ("auto", "cpu", "cuda")
#: Shapes whose answers are labels.
WITH_LABELS = (Shape.LABELLED, Shape.SPANNED)


class Machine(NamedTuple):
    """How this machine is to be used: see :class:`~tunekit.backends.local.LocalBackend`."""

    device: str
    threads: int | None
    precision: Precision
    cache: Path | None
    tokens_at_once: int | None = None
    checkpoint_seconds: float = 60.0
    trackers: tuple[str, ...] = ()
    save_memory: bool = False
    writing: Writing = Writing()
    processes: int = 1
    nodes: int = 1
    rendezvous: str | None = None
    sharding: Sharding = "none"


def check_machine(backend: str, machine: Machine) -> None:
    """Check what can be checked without torch.

    Raises:
        ConfigError: a value that can't be one; the message says which.
    """
    device, precision = machine.device, machine.precision
    kind, _, number = str(device).partition(":")
    if not (device in DEVICES or (kind in DEVICES[1:] and re.fullmatch(r"\d+", number))):
        raise ConfigError(
            f"{backend}: no device {device!r}. {did_you_mean(kind, DEVICES)} "
            "A number may follow (cuda:1); 'auto' takes a GPU where there is one."
        )
    _check_processes(backend, machine)
    for name in ("threads", "tokens_at_once"):
        number = getattr(machine, name)
        if number is not None and (type(number) is not int or number < 1):
            raise ConfigError(
                f"{backend}: {name}={number!r}. Give a whole number from 1, or leave it out."
            )
    if not 0 <= machine.checkpoint_seconds < math.inf:
        raise ConfigError(
            f"{backend}: checkpoint_seconds={machine.checkpoint_seconds!r}. Give the seconds "
            "between two checkpoints, from 0."
        )
    check_writing(backend, machine.writing)
    if not all(machine.trackers):
        raise ConfigError(
            f"{backend}: trackers={list(machine.trackers)!r}. Give names, such as ['tensorboard']."
        )
    if precision not in get_args(Precision):
        raise ConfigError(
            f"{backend}: no precision {precision!r}. "
            f"{did_you_mean(str(precision), get_args(Precision))}"
        )


def check_writing(backend: str, writing: Writing) -> None:
    """Check how a language model is to write.

    Raises:
        ConfigError: a value that can't be one; the message says which.
    """
    if writing.max_tokens is not None and (
        type(writing.max_tokens) is not int or writing.max_tokens < 1
    ):
        raise ConfigError(
            f"{backend}: max_tokens={writing.max_tokens!r}. Give a whole number from 1, or leave "
            "it out."
        )
    if not 0 <= writing.temperature < math.inf:
        raise ConfigError(
            f"{backend}: temperature={writing.temperature!r}. Give a number from 0; 0 takes the "
            "likeliest token."
        )
    if not 0 < writing.top_p <= 1:
        raise ConfigError(f"{backend}: top_p={writing.top_p!r}. Give a number above 0, up to 1.")
    if type(writing.seed) is not int or not 0 <= writing.seed < 2**63:
        raise ConfigError(f"{backend}: sampling_seed={writing.seed!r}. Give a whole number from 0.")


def _check_processes(backend: str, machine: Machine) -> None:
    for name in ("processes", "nodes"):
        number = getattr(machine, name)
        if type(number) is not int or number < 1:
            raise ConfigError(f"{backend}: {name}={number!r}. Give a whole number from 1.")
    several = machine.processes * machine.nodes > 1
    if several and machine.device not in SHARED_DEVICES:
        raise ConfigError(
            f"{backend}: device={machine.device!r} with several processes. Each takes a device of "
            "its own: set device to 'auto', 'cpu' or 'cuda'."
        )
    there = machine.rendezvous
    if machine.nodes > 1 and not re.fullmatch(r"\S+:\d{1,5}", there or ""):
        raise ConfigError(
            f"{backend}: nodes={machine.nodes} with rendezvous={there!r}. Say where they meet: "
            "the name of one of them and a free port, such as 'node1:29400'."
        )
    if machine.nodes == 1 and there is not None:
        raise ConfigError(
            f"{backend}: rendezvous={there!r} with one node, which meets nobody. Set nodes, or "
            "leave it out."
        )
    if machine.sharding not in get_args(Sharding):
        raise ConfigError(
            f"{backend}: no sharding {machine.sharding!r}. "
            f"{did_you_mean(str(machine.sharding), get_args(Sharding))}"
        )
    if machine.sharding != "none" and not several:
        raise ConfigError(
            f"{backend}: sharding={machine.sharding!r} with one process, which would keep all "
            "weights. Set processes, or leave it out."
        )


def settings_for(backend: str, route: Route, given: Mapping[str, Any]) -> Settings:
    """Portable hyperparameters as a method's settings.

    Raises:
        HyperparameterError: one that the method doesn't have, and why; or a value out of range.
    """
    knobs = knobs_of(route)
    there = sorted(knobs.there)
    for name in given:
        if name not in there:
            why = knobs.why_not.get(name) or did_you_mean(name, there)
            raise HyperparameterError(
                f"{backend}: method {route.method!r} has no {name!r}: {why.rstrip('.')}. "
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
    method: Method,
    shape: Shape,
    *,
    backend: str,
    task: Task,
    weights: BaseWeights,
    settings: Settings,
    machine: Machine,
) -> Recipe:
    """The recipe of one training.

    Raises:
        UnsupportedTask: the shape has labels, and the task has none.
        HyperparameterError: more tokens than the base model takes.
    """
    labels = getattr(task, "labels", None) or ()
    if shape in WITH_LABELS and not labels:
        raise UnsupportedTask(
            f"{backend}: {task.kind} without labels. Read data with the task first, or give "
            f"them: {type(task).__name__}(labels=[…])."
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
        family=weights.family,
    )
    return Recipe(
        method=method,
        shape=shape,
        base=base,
        base_path=str(weights.path),
        labels=tuple(labels),
        settings=settings,
        device=machine.device,
        threads=machine.threads,
        precision=machine.precision,
        cache=str(machine.cache) if machine.cache else None,
        tokens_at_once=machine.tokens_at_once,
        checkpoint_seconds=machine.checkpoint_seconds,
        trackers=machine.trackers,
        save_memory=machine.save_memory,
        sharding=machine.sharding,
    )
