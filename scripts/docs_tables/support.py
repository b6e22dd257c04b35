"""What each backend trains, and what its models answer: from the routes that backends declare."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from itertools import groupby

from tunekit import Dataset
from tunekit.backends import abilities
from tunekit.backends.abilities import Rules
from tunekit.backends.base import Backend, Batches, Predicts, Trains, trains_weights
from tunekit.errors import UnsupportedTask
from tunekit.weights import Family

from .facts import SAMPLES, Sample, backends, kind_of, names_of, routes_of
from .markdown import NONE, code, joined, plain, table

__all__ = ["support"]

INTRO = """\
# What each backend trains

A route is one way in which a backend trains: a method, the shape and the format that rows are
written in, and what else of a row survives it. A task takes the first route of a shape that it
offers; [Tasks and shapes](../concepts/tasks-and-shapes.md) says what shapes are,
[Choosing a method](../concepts/choosing-a-method.md) what the methods of `local` do.
"""
CARRIES = """\
## What rows carry

`context` is a text that is read along, `overlap` are spans that lie over each other, `ties` are
options that are equally good, `ranking` is an order of more than a best one and the others. Rows
that need what a route doesn't carry are refused, with a route that would.
"""
ANSWERS = """\
## What is predicted

A row is trained as an example of one shape: an input and a target. An answer is a target of the
same kind (words, where the better of two answers was trained), and `predict` turns it into a typed
value. Without an answer there is a `Failure`.
"""
BASES = """\
[Base models](models.md) says more of those that have a short name. A folder and a Hub id do as
well. What a provider has is named as the provider names it.
"""
ABLE = """\
## What backends do besides

Each is a protocol in `tunekit.backends.base` or `tunekit.backends.abilities`.
"""


def support() -> str:
    """The page."""
    with backends() as known:
        return "\n".join(
            [
                INTRO,
                table(["task", *map(code, known)], _overview(known)),
                "",
                BASES,
                table(["base model", "names"], _bases()),
                "",
                *_sections(known),
                CARRIES,
                ANSWERS,
                table(["task", "shape", "input", "target", "`predict` gives"], _answers()),
                "",
                ABLE,
                table(["ability", "what it is", "backends"], _abilities(known)),
            ]
        )


# --- what is trained ------------------------------------------------------------------------------


def _overview(known: Mapping[str, Backend]) -> Iterator[list[str]]:
    for sample in SAMPLES:
        yield [code(sample.title), *(_verdict(backend, sample) for backend in known.values())]


def _verdict(backend: Backend, sample: Sample) -> str:
    if any(route.shape in sample.task.offers for _, route in routes_of(backend)):
        return "trains" if trains_weights(backend) else "prompts"
    return "a rule" if _makes_rule(backend, sample) else NONE


def _makes_rule(backend: Backend, sample: Sample) -> bool:
    if not isinstance(backend, Rules):
        return False
    try:
        backend.rule(Dataset.from_rows([sample.row], sample.task))
    except UnsupportedTask:
        return False
    return True


def _bases() -> Iterator[list[str]]:
    for family in typing.get_args(Family):
        yield [kind_of(family), joined(names_of(family))]


def _sections(known: Mapping[str, Backend]) -> Iterator[str]:
    head = ["task", "base model", "methods", "rows are written as", "carries"]
    for name, backend in known.items():
        yield f"## {code(name)}\n"
        yield f"{plain(inspect.getdoc(type(backend)) or '')}\n"
        if rows := list(_routes(backend)):
            yield table(head, rows) + "\n"
        else:
            yield "It has no routes.\n"


def _routes(backend: Backend) -> Iterator[list[str]]:
    routes = routes_of(backend)
    for sample in SAMPLES:
        # Neighbours that differ in nothing but the method share a line.
        fitting = [one for one in routes if one[1].shape in sample.task.offers]
        for (bases, shape, format, carries), same in groupby(
            fitting, key=lambda one: (one[0], one[1].shape, one[1].format, one[1].carries)
        ):
            methods = joined(dict.fromkeys(route.method for _, route in same))
            yield [
                code(sample.title),
                bases.title,
                methods,
                f"{shape}, {code(format)}",
                ", ".join(sorted(carries)),
            ]


# --- what is answered -----------------------------------------------------------------------------


def _answers() -> Iterator[list[str]]:
    for title, task, row in SAMPLES:
        returned = typing.get_type_hints(type(task).parse)["return"]
        names = [one.__name__ for one in typing.get_args(returned) or (returned,)]
        names = [one for one in names if one != "Failure"]
        if title.startswith("Preference"):  # which of the two, its goal says
            names = ["str" if title.endswith('("answer")') else "Choice"]
        for shape in task.offers:
            example = task.lower(row, shape, task.prompt())[0]
            yield [
                code(title),
                str(shape),
                code(type(example.input).__name__),
                code(type(example.target).__name__),
                joined(names),
            ]


def _abilities(known: Mapping[str, Backend]) -> Iterator[list[str]]:
    protocols = [Trains, Predicts, Batches]
    protocols += [
        found
        for name in abilities.__all__
        if getattr(found := getattr(abilities, name), "_is_protocol", False)
    ]
    for protocol in protocols:
        able = [name for name, backend in known.items() if isinstance(backend, protocol)]
        yield [code(protocol.__name__), plain(inspect.getdoc(protocol) or ""), joined(able)]
