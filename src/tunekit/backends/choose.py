"""Which of a backend's routes a data set takes."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UnsupportedTask
from ..planning import Route
from ..tasks.base import Task
from .base import Backend

__all__ = ["choose"]


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
