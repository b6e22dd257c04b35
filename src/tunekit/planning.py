"""What a run will be, before anything is started or paid for."""

from __future__ import annotations

import hashlib
import textwrap
from collections import Counter
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

__all__ = [
    "BackendSpec",
    "Candidate",
    "Estimate",
    "Plan",
    "Route",
    "Setup",
    "Tokens",
    "Work",
]

#: The columns of a printed plan, and that in which its facts begin.
WIDTH, MARGIN = 100, 13
#: Findings of one severity that a printed plan shows.
SHOWN = 3


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


class Candidate(NamedTuple):
    """A method that ``auto`` could take, with what it would need: see :class:`Estimate`."""

    method: str
    memory: int | None = None
    seconds: float | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a backend says about a setup without touching the network.

    ``tokens`` are those that are read of all rows, ``truncated`` counts the rows that aren't read
    to their end, ``left_out`` those that aren't read at all; all include the validation rows.
    ``cost`` is text with the price's date, or ``None`` where no price is known (never 0).
    ``memory`` is in bytes, at the peak, of all processes of a run on this machine; ``seconds`` is
    from submit to the result. Both belong to the method that will run, and are ``None`` where
    nothing is known. ``note`` says what the figures stand on.

    ``candidates`` are the methods that the task allows on this base model, in the order in which
    ``auto`` prefers them, and ``rule`` says how it chooses among them. They are the same whichever
    method was asked for.
    """

    tokens: Tokens | None = None
    truncated: int | None = None
    left_out: int = 0
    cost: str | None = None
    memory: int | None = None
    seconds: float | None = None
    candidates: tuple[Candidate, ...] = ()
    rule: str = ""
    note: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A setup, the backend it is for, and what that backend estimates.

    ``tunekit.submit(plan)`` sends exactly this, or refuses if the data changed meanwhile. Print it
    to read it. Made by :func:`tunekit.plan`.

    ``setup`` has the data, task, prompt, route, base model and hyperparameters; ``backend`` says
    how to build the backend again; ``estimate`` has tokens, memory in bytes, time in seconds and
    the cost as text; ``findings`` are about rows, and the backend's own.

    Example:
        >>> import tunekit
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
        >>> plan = tunekit.plan(data, backend="fake")
        >>> plan.rows, plan.method, plan.estimate.cost
        (6, 'sft', None)
        >>> [name for name, lines in plan.files()], len(plan.key)
        (['train.jsonl'], 32)
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

    def to_dict(self) -> dict[str, Any]:
        """All that it says as plain values, for JSON: rows, route, settings, the estimate with
        memory in bytes and time in seconds, and the findings."""
        setup, estimate = self.setup, self.estimate
        labels = getattr(setup.task, "labels", None)
        return {
            "key": self.key,
            "data": setup.data.name,
            "task": setup.task.kind,
            "labels": None if labels is None else list(labels),
            "rows": self.rows,
            "validation": None if setup.validation is None else len(setup.validation),
            "backend": self.backend.name,
            "model": setup.model,
            "method": self.method,
            "shape": str(setup.route.shape),
            "format": setup.route.format,
            "hyperparameters": dict(setup.hyperparameters),
            "estimate": {
                "tokens": None if estimate.tokens is None else estimate.tokens._asdict(),
                "truncated": estimate.truncated,
                "left_out": estimate.left_out,
                "cost": estimate.cost,
                "memory": estimate.memory,
                "seconds": estimate.seconds,
                "candidates": [one._asdict() for one in estimate.candidates],
                "rule": estimate.rule,
                "note": estimate.note,
            },
            "findings": [one._asdict() for one in self.findings],
        }

    def __str__(self) -> str:
        indent = " " * MARGIN
        return "\n".join(
            textwrap.fill(
                fact,
                WIDTH,
                initial_indent=f"{name:<{MARGIN}}",
                subsequent_indent=indent + "  " * fact.startswith("- "),
                break_long_words=False,
                break_on_hyphens=False,
            )
            for name, fact in _facts(self)
        )


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    """What a plan says, as (name, fact) pairs; a fact that goes on has no name."""
    setup, estimate = plan.setup, plan.estimate
    labels = getattr(setup.task, "labels", None)
    with_labels = f", {len(labels):,} labels" if labels else ""
    yield "rows", f"{plan.rows:,} of {setup.data.name} ({setup.task.kind}{with_labels})"
    if setup.validation is not None:
        yield "validation", f"{len(setup.validation):,} rows of {setup.validation.name}"
    route = setup.route
    yield "route", f"method {route.method!r} on {setup.model!r}, backend {plan.backend.name!r}"
    yield "", f"rows are written as {route.shape} in format {route.format!r}"
    set_ = {name: value for name, value in setup.hyperparameters.items() if value is not None}
    if set_:
        yield "settings", ", ".join(f"{name}={value!r}" for name, value in set_.items())
    if estimate.tokens is not None:
        how = "counted" if estimate.tokens.exact else "estimated"
        yield "tokens", f"{estimate.tokens.total:,} ({how})"
    if estimate.truncated is not None:
        yield "cut", _cut(estimate.truncated)
    if estimate.left_out:
        yield "left out", f"{estimate.left_out:,} row{'s' * (estimate.left_out > 1)}: see findings"
    if estimate.memory is not None:
        yield "memory", _memory(estimate.memory)
    if estimate.seconds is not None:
        yield "time", _time(estimate.seconds)
    yield "cost", estimate.cost or "no price is known"
    if estimate.note:
        yield "basis", estimate.note
    for number, one in enumerate(estimate.candidates):
        needs = [_memory(one.memory)] if one.memory is not None else []
        needs += [_time(one.seconds)] if one.seconds is not None else []
        needs += [one.note] if one.note else []
        yield (
            "" if number else "candidates",
            ": ".join([one.method, *[", ".join(needs)] * bool(needs)]),
        )
    if estimate.rule:
        yield "" if estimate.candidates else "rule", estimate.rule
    yield from _found(plan.findings)


def _found(findings: tuple[Finding, ...]) -> Iterator[tuple[str, str]]:
    if not findings:
        yield "findings", "none"
    heading = "findings"
    for severity in ("error", "warning", "info"):
        found = [finding for finding in findings if finding.severity == severity]
        if not found:
            continue
        codes = Counter(finding.code for finding in found)
        counted = ", ".join(f"{code} {count:,}" for code, count in codes.most_common())
        plural = "s" * (len(found) > 1 and severity != "info")
        yield heading, f"{len(found):,} {severity}{plural}: {counted}"
        heading = ""
        for finding in found[:SHOWN]:
            yield "", f"- {finding}"


def _cut(rows: int) -> str:
    if not rows:
        return "none: every text is read to its end"
    return f"{rows:,} text{'s are' if rows > 1 else ' is'} too long and not read to the end"


def _memory(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
