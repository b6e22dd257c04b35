"""One row of each task, as each backend is sent it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from ..backends.registry import build_backend, list_backends
from ..data.dataset import Dataset
from ..data.render import render
from ..errors import TunekitError
from ..planning import BackendSpec, Route
from ..shapes import Shape
from ..tasks.base import Task
from ..tasks.classification import Classification
from ..tasks.extraction import Extraction
from ..tasks.preference import Preference
from ..tasks.transformation import Transformation
from .output import write_json

__all__ = ["WireExample", "show_wire_examples", "wire_examples"]

#: A row of each task.
ROWS: tuple[tuple[str, Task, dict[str, Any]], ...] = (
    (
        "classification",
        Classification(labels=["complaint", "praise"]),
        {"text": "Nobody answers my letters.", "label": "complaint"},
    ),
    (
        "transformation",
        Transformation("Correct the spelling."),
        {"input": "teh letter", "output": "the letter"},
    ),
    (
        "extraction",
        Extraction(labels=["person", "place"]),
        {"text": "Anna lives in Köln.", "spans": [[0, 4, "person"], [14, 18, "place"]]},
    ),
    (
        "preference (choose)",
        Preference(),
        {"question": "Where is it?", "options": ["No idea.", "Turn left."], "best": 1},
    ),
    (
        "preference (answer)",
        Preference("answer", "Answer kindly."),
        {"question": "Where is it?", "options": ["No idea.", "Turn left."], "best": 1},
    ),
)
#: Base models that are trained in another format than a backend's default.
OTHER_MODELS = {"local": ("smollm2-135m",), "openai": ("davinci-002",)}


class WireExample(NamedTuple):
    """A row in one format: its task, what is sent, and who is sent it (``backend method``)."""

    task: str
    format: str
    backends: tuple[str, ...]
    lines: tuple[str, ...]


def wire_examples() -> Iterator[WireExample]:
    """Every task in every format that a backend which can be built here trains it in."""
    routes = [
        (f"{kind} {route.method}" if model is None else f"{kind} {route.method} ({model})", route)
        for kind in list_backends()
        for model in (None, *OTHER_MODELS.get(kind, ()))
        for route in _routes(kind, model)
    ]
    for name, task, row in ROWS:
        data = Dataset.from_rows([row], task)
        who: dict[tuple[str, Shape], list[str]] = {}
        for said, route in routes:
            if route.shape in task.offers:
                who.setdefault((route.format, route.shape), []).append(said)
        for (format, shape), backends in who.items():
            lines = b"".join(render(data, data.task, shape, format, data.task.prompt()))
            yield WireExample(name, format, tuple(backends), tuple(lines.decode().splitlines()))


def _routes(kind: str, model: str | None) -> Sequence[Route]:
    try:
        backend = build_backend(BackendSpec(kind, kind, {}), home=Path("home"))
    except TunekitError:
        return ()  # an extra is missing, or it needs options
    return backend.routes(model or backend.default_model)


def show_wire_examples(as_json: bool) -> None:
    """Print them: by task and format, or as JSON, one a line."""
    task = None
    for one in wire_examples():
        if as_json:
            write_json(one)
            continue
        if one.task != task:
            typer.echo(f"{one.task}" if task is None else f"\n{one.task}")
            task = one.task
        typer.echo(f"  {one.format}: {', '.join(one.backends)}")
        for line in one.lines:
            typer.echo(f"    {line}")
