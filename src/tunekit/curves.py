"""The steps of a training, for a report to draw."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .backends.abilities import Curves
from .errors import TunekitError
from .job import Job
from .model import Model
from .store import Runs

__all__ = ["curve_of"]

#: What backends call the same figure; the first that is there counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "step": ("step",),
    "epoch": ("epoch",),
    "train_loss": ("train_loss",),
    "validation_loss": ("validation_loss", "valid_loss", "full_valid_loss"),
    "validation_metric": (
        "validation_metric",
        "full_valid_mean_token_accuracy",
        "valid_mean_token_accuracy",
    ),
}


def curve_of(model: Model, home: Path) -> tuple[Mapping[str, Any], ...]:
    """The steps of the run that a model comes from: ``step`` with what was measured there, under
    the names of :data:`NAMES`. Empty where the run is gone, or trained no steps."""
    run = model.provenance.get("run")
    if not isinstance(run, str):
        return ()
    with suppress(TunekitError):  # a drawing is worth no error
        if isinstance(model.backend, Curves):
            return tuple(model.backend.curve(run))
        return tuple(
            point
            for event in Job(Runs(home).get(run), home).events()
            if event.kind == "metric" and (point := _point(event.data)) is not None
        )
    return ()


def _point(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    point = {}
    for name, called in NAMES.items():
        value = next((data[one] for one in called if data.get(one) is not None), None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            point[name] = value
    return point if "step" in point and len(point) > 1 else None
