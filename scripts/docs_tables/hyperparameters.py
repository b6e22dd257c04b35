"""Which backend takes which hyperparameter: each is asked, by name, for each of its routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tunekit.backends.base import Backend
from tunekit.errors import HyperparameterError
from tunekit.planning import Route
from tunekit.training.recipe import Settings

from .facts import backends, routes_of
from .markdown import NONE, code, joined, table

__all__ = ["hyperparameters"]

#: A value for each portable name that every backend which knows the name takes.
VALUES: Mapping[str, Any] = {
    "seed": 1,
    "max_length": 128,
    "weight_decay": 0.01,
    "epochs": 2,
    "learning_rate": 1e-4,
    "batch_size": 8,
    "warmup": 0.1,
    "lora_rank": 8,
    "lora_alpha": 16,
    "beta": 0.1,
    "class_weights": "balanced",
}
#: A name that nobody has: the answer to it lists those that there are.
NOBODYS = "zzzz"
#: What stands for "the method or the provider decides".
OPEN = (None, "auto")

INTRO = """\
# Hyperparameters

`tunekit.tune(data, epochs=3, learning_rate=2e-5)`: hyperparameters have the same names everywhere.
A backend maps a name to its own, or refuses it and says what there is instead; none is dropped
without a word. `model.provenance` has what was applied in the end.

**mapped**: every method takes it; **some**: methods differ, see the table of that backend; **–**:
it is refused. Where nobody gives a name, its *usual* value is applied; *auto* leaves it to the
method, or to the provider.
"""


class Answer(NamedTuple):
    """What a backend says to a name on one route: the value where nobody gives one, or why the name
    is refused."""

    route: Route
    usual: Any
    refused: str | None


def hyperparameters() -> str:
    """The page."""
    changed = VALUES.keys() ^ Settings.model_fields.keys()
    assert not changed, f"portable names have changed: {changed}"
    with backends() as known:
        routes = {name: _routes(one) for name, one in known.items()}
        trains = {name: one for name, one in known.items() if routes[name]}
        rest = joined(known.keys() - trains.keys())
        asked = {
            name: {value: _ask(backend, routes[name], value) for value in VALUES}
            for name, backend in trains.items()
        }
        overview = ([code(one), *(_verdict(asked[name][one]) for name in trains)] for one in VALUES)
        parts = [INTRO, table(["name", *map(code, trains)], overview)]
        parts.append(f"\nNothing is trained by {rest}, which takes none of them.")
        for name, backend in trains.items():
            parts.append(f"\n## {code(name)}\n")
            head = ["name", "methods that take it", "usual", "where it is refused"]
            parts.append(table(head, _rows(asked[name])))
            if own := _own_names(backend, routes[name]):
                parts.append(f"\nIts own names: {joined(own)}.")
    return "\n".join(parts) + "\n"


def _routes(backend: Backend) -> list[Route]:
    return list(dict.fromkeys(route for _, route in routes_of(backend)))


def _ask(backend: Backend, routes: Sequence[Route], name: str) -> list[Answer]:
    answers = []
    for route in routes:
        try:
            applied = backend.hyperparameters(route, {name: VALUES[name]})
        except HyperparameterError as error:
            if f"{name}=" in str(error):
                raise  # the name is known, and VALUES has a value that isn't
            answers.append(Answer(route, None, _reason(str(error), backend.name)))
        else:
            assert applied[name] == VALUES[name], f"{backend.name} drops {name}"
            answers.append(Answer(route, backend.hyperparameters(route, {}).get(name), None))
    return answers


def _reason(message: str, backend: str) -> str:
    """Why a name is refused, without what every such message begins and ends with."""
    said = message.removeprefix(f"{backend}: ")
    if said.startswith("method "):
        said = said.partition(" It has ")[0].partition(": ")[2]
    elif " here. " in said:
        said = said.partition(" here. ")[2]
    if said.startswith("Known: "):
        return ""
    said = re.sub(r"'([\w-]+)'", r"`\1`", said.rstrip("."))
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith('?') else '.'}"


def _verdict(answers: Sequence[Answer]) -> str:
    taken = sum(answer.refused is None for answer in answers)
    return "mapped" if taken == len(answers) else "some" if taken else NONE


def _rows(asked: Mapping[str, Sequence[Answer]]) -> Iterator[list[str]]:
    """A line for all names to which the same is said."""
    said: dict[tuple[str, ...], list[str]] = {}
    for name, answers in asked.items():
        said.setdefault(_said(answers), []).append(name)
    for cells, names in said.items():
        yield [joined(names), *cells]


def _said(answers: Sequence[Answer]) -> tuple[str, ...]:
    taken = [answer for answer in answers if answer.refused is None]
    refused = [answer.refused for answer in answers if answer.refused is not None]
    usual = _once("*auto*" if one.usual in OPEN else code(f"{one.usual}") for one in taken)
    why = "" if not refused else " ".join(filter(None, _once(refused))) or "There is none."
    methods = "all" if not refused else ", ".join(_methods(taken, answers))
    return methods, ", ".join(usual), why


def _methods(taken: Sequence[Answer], answers: Sequence[Answer]) -> Iterator[str]:
    """Methods by name; with their shapes where one of the same name refuses."""
    for method in _once(one.route.method for one in taken):
        shapes = [str(one.route.shape) for one in taken if one.route.method == method]
        everywhere = len(shapes) == sum(one.route.method == method for one in answers)
        yield code(method) + ("" if everywhere else f" ({', '.join(shapes)})")


def _own_names(backend: Backend, routes: Sequence[Route]) -> list[str]:
    """The names that only this backend has: its answer to a name that nobody has lists all."""
    own: set[str] = set()
    for route in routes:
        try:
            backend.hyperparameters(route, {NOBODYS: 1})
        except HyperparameterError as error:
            said = str(error).partition(" It has ")[2] or str(error).partition("Known: ")[2]
            own.update(re.findall(r"\w+", said))
    return sorted(own - VALUES.keys())


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
