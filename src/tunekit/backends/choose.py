"""Which of a backend's routes a data set takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import MissingExtra, TunekitError, UnsupportedTask
from ..planning import BackendSpec, Route
from ..tasks.base import Task
from .abilities import model_for
from .base import Backend, Trains, trains_weights
from .registry import build_backend, list_backends

__all__ = ["PRETENDS", "choose", "who_else_trains"]

#: It remembers rows and trains nothing: no way out for anybody.
PRETENDS = "fake"


def choose(
    backend: Backend, task: Task, needs: Mapping[str, int], model: str, method: str = "auto"
) -> Route:
    """The first route that the task offers a shape for; of this method, unless it is ``"auto"``.

    Data may refuse a route, they never select another one silently.

    Raises:
        UnsupportedTask: there is none, or it doesn't carry what the rows need.
    """
    offered = [route for route in backend.routes(model) if route.shape in task.offers]
    if not offered:
        trained = sorted({str(route.shape) for route in backend.routes(model)})
        raise UnsupportedTask(
            f"backend {backend.name!r} can't train {task.kind} on {model!r}: it trains "
            f"{', '.join(trained) or 'nothing'} there, and {task.kind} offers "
            f"{', '.join(task.offers)}. See tunekit.list_backends() for others."
        )
    matching = [route for route in offered if method in ("auto", route.method)]
    if not matching:
        methods = ", ".join(repr(route.method) for route in offered)
        raise UnsupportedTask(
            f"backend {backend.name!r} has no method {method!r} for {task.kind} on {model!r}. "
            f"It has {methods}."
        )
    route = matching[0]
    lost = {feature: rows for feature, rows in needs.items() if feature not in route.carries}
    if lost:
        rows = ", ".join(f"{feature} ({count} rows)" for feature, count in sorted(lost.items()))
        able = [one.method for one in offered if set(needs) <= one.carries]
        way = f"method={able[0]!r} would" if able else "No method here would; filter these rows out"
        raise UnsupportedTask(
            f"method {route.method!r} of backend {backend.name!r} doesn't carry {rows}. {way}."
        )
    return route


def who_else_trains(task: Task, but: str, home: Path) -> str:
    """The kinds of backend, other than this one, that train a task today, in words.

    >>> from tunekit import Classification
    >>> "'local'" in who_else_trains(Classification(), "openai", Path("home"))
    True
    """
    found = []
    for kind in list_backends():
        if kind in (but, PRETENDS):
            continue
        try:
            backend = build_backend(BackendSpec(kind, kind, {}), home=home)
        except MissingExtra as error:
            found.append(f"backend {kind!r} (once pip install 'tunekit-sdk[{error.extra}]' is run)")
            continue
        except TunekitError:
            continue  # one that needs options, or doesn't load
        routes = backend.routes(model_for(backend, task))
        trains = isinstance(backend, Trains) and trains_weights(backend)
        if trains and any(route.shape in task.offers for route in routes):
            found.append(f"backend {kind!r}")
    return " and ".join(found) or "no other backend that is installed"
