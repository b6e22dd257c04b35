"""What a run will be, before anything is started or paid for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import orjson

from .data.dataset import Dataset
from .data.render import render
from .findings import Finding
from .shapes import Shape
from .tasks.base import Prompt, Task

__all__ = ["BackendSpec", "Estimate", "Plan", "Route", "Setup", "Tokens", "Work"]


class Route(NamedTuple):
    """One way a backend trains: the method, the shape it eats, the format that shape is written
    in, and the features of rows that survive it (``context``, ``overlap``, ``ties``,
    ``ranking``)."""

    method: str
    shape: Shape
    format: str
    carries: frozenset[str] = frozenset()


class BackendSpec(NamedTuple):
    """A resolved backend: all that is needed to build it again, secrets by name only."""

    name: str
    type: str
    options: Mapping[str, Any]


class Tokens(NamedTuple):
    """A token count, and whether the model's own tokenizer counted it."""

    total: int
    exact: bool


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be trained, without the data: those lie rendered in the run folder.

    It is all that a backend submits, so that a job can be submitted again by another process, when
    the data set is long gone.
    """

    task: Task
    prompt: Prompt
    route: Route
    model: str
    hyperparameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Setup(Work):
    """Work with its data: everything that decides the rendered bytes and the model."""

    data: Dataset
    validation: Dataset | None
    today: date


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a backend says about a setup without touching the network.

    ``cost`` is text with the price's date, or ``None`` where no price is known (never 0);
    ``memory`` and ``seconds`` are estimates; ``note`` says by which rule ``auto`` chose.
    """

    tokens: Tokens | None = None
    truncated: int | None = None
    cost: str | None = None
    memory: int | None = None
    seconds: float | None = None
    note: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A setup, the backend it is for, and what that backend estimates.

    ``tunekit.submit(plan)`` sends exactly this, or refuses if the data changed meanwhile.
    """

    setup: Setup
    backend: BackendSpec
    estimate: Estimate
    findings: tuple[Finding, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Training rows."""
        return len(self.setup.data)

    @property
    def method(self) -> str:
        """The method that will run."""
        return self.setup.route.method

    @property
    def key(self) -> str:
        """The run key: the same for the same data, task, prompt, backend, model, method and
        hyperparameters, on every machine."""
        setup = self.setup
        identity = {
            "data": setup.data.fingerprint,
            "validation": setup.validation.fingerprint if setup.validation is not None else None,
            "task": setup.task.model_dump(mode="json"),
            "prompt": setup.prompt.hash,
            "backend": [self.backend.type, dict(self.backend.options)],
            "model": setup.model,
            "method": setup.route.method,
            "hyperparameters": dict(setup.hyperparameters),
        }
        text = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The rendered data, as (file name, lines) pairs, streamed."""
        setup = self.setup
        parts = [("train.jsonl", setup.data), ("validation.jsonl", setup.validation)]
        for name, data in parts:
            if data is not None:
                yield (
                    name,
                    render(data, setup.task, setup.route.shape, setup.route.format, setup.prompt),
                )
