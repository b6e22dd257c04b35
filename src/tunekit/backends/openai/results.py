"""What came of a job: the model, what was applied, and the figures of its training."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ...errors import BackendError
from ..base import ModelRef, Ref, Trained
from .files import read_file
from .jobs import PAGE, applied_of, job
from .wire import Wire, field

__all__ = ["figures_in", "result"]


def result(wire: Wire, ref: Ref) -> Trained:
    """The outcome of a job that succeeded.

    Raises:
        BackendError: the provider couldn't be asked, or says nothing of a model.
    """
    answer = job(wire, ref)
    model = field(answer, "fine_tuned_model", str, wire)
    metrics: dict[str, Any] = {}
    if isinstance(answer.get("trained_tokens"), int):
        metrics["trained_tokens"] = answer["trained_tokens"]
    # The model is there: that some of its figures aren't is no reason to lose it.
    with suppress(BackendError, csv.Error):
        metrics.update(_last_figures(wire, answer))
    with suppress(BackendError):
        checkpoints = _checkpoints(wire, ref)
        if checkpoints:
            metrics["checkpoints"] = checkpoints
    return Trained(ModelRef(wire.backend, model), applied=applied_of(answer), metrics=metrics)


def _last_figures(wire: Wire, answer: Mapping[str, Any]) -> dict[str, float]:
    """The last value of each column of the result file."""
    files = answer.get("result_files")
    if not isinstance(files, list) or not files or not isinstance(files[0], str) or not files[0]:
        return {}
    last: dict[str, float] = {}
    for row in figures_in(read_file(wire, files[0])):
        last.update(row)
    return last


def figures_in(content: bytes) -> list[dict[str, float]]:
    r"""The rows of a result file: CSV, plain or in base64; cells that are empty are left out.

    >>> figures_in(b"step,train_loss,valid_loss\n1,2.5,\n")
    [{'step': 1.0, 'train_loss': 2.5}]
    >>> figures_in(base64.b64encode(b"step,train_loss\n1,2.5\n"))
    [{'step': 1.0, 'train_loss': 2.5}]
    """
    text = content.decode("utf-8-sig", errors="replace")
    if "," not in text:
        with suppress(binascii.Error):
            text = base64.b64decode(content, validate=False).decode("utf-8-sig", errors="replace")
    rows = []
    for row in csv.DictReader(io.StringIO("\n".join(text.splitlines()))):
        numbers = {}
        for name, cell in row.items():
            with suppress(TypeError, ValueError):
                numbers[str(name)] = float(cell)
        rows.append({name: one for name, one in numbers.items() if math.isfinite(one)})
    return rows


def _checkpoints(wire: Wire, ref: Ref) -> list[dict[str, Any]]:
    """The models that were kept on the way, in order of their steps."""
    what = f"reading checkpoints of job {ref}"
    with wire.errors(what), wire.client() as client:
        raw = client.fine_tuning.jobs.checkpoints.with_raw_response.list(ref, limit=PAGE)
    found = []
    for one in field(wire.read(raw, what), "data", list, wire):
        match one:
            case {"fine_tuned_model_checkpoint": str(model), "step_number": int(step)}:
                figures = one.get("metrics")
                found.append({"model": model, **(figures if isinstance(figures, dict) else {})})
                found[-1]["step"] = step
    return sorted(found, key=lambda one: int(one["step"]))
