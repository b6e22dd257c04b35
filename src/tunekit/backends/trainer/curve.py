"""How a training on this machine went, step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from ...training.folder import RunFolder

__all__ = ["curve_of_run"]

#: Points of a curve: the losses of neighbouring steps are averaged.
POINTS = 200


def curve_of_run(run: RunFolder) -> tuple[Mapping[str, float], ...]:
    """What was measured of the stage that rows were held out from, else of the first one: the loss
    of training averaged over neighbouring steps, and that of the rows held out."""
    losses = _losses(run)
    held_out: dict[str, dict[int, float]] = {}
    for event in run.events():
        match event.get("data"):
            case {"stage": str(stage), "step": int(step), "loss": float(loss), "kept": _}:
                held_out.setdefault(stage, {})[step] = loss
    stage = next(iter(held_out), next(iter(losses), ""))
    points: dict[int, dict[str, float]] = {}
    for step, loss in _averaged(losses.get(stage, {})):
        points[step] = {"step": step, "train_loss": loss}
    for step, loss in held_out.get(stage, {}).items():
        points.setdefault(step, {"step": step})["validation_loss"] = loss
    return tuple(points[step] for step in sorted(points))


def _losses(run: RunFolder) -> dict[str, dict[int, float]]:
    """The loss of every step, by stage."""
    found: dict[str, dict[int, float]] = {}
    with suppress(OSError):  # a head is solved at once, without steps
        for line in run.metrics.read_bytes().splitlines():
            with suppress(orjson.JSONDecodeError):  # torn by a kill
                match orjson.loads(line):
                    case {"stage": str(stage), "step": int(step), "loss": float(loss)} if (
                        math.isfinite(loss)
                    ):
                        found.setdefault(stage, {})[step] = loss
    return found


def _averaged(losses: Mapping[int, float]) -> list[tuple[int, float]]:
    """(last step, mean loss) of neighbouring steps."""
    steps = sorted(losses)
    size = max(1, math.ceil(len(steps) / POINTS))
    parts: list[Any] = [steps[at : at + size] for at in range(0, len(steps), size)]
    return [(part[-1], sum(losses[one] for one in part) / len(part)) for part in parts]
