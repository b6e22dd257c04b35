"""How a training went, step by step, as the local backend tells it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tunekit.backends.trainer.curve import POINTS, curve_of_run
from tunekit.training.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def _log(run: RunFolder, stage: str, losses: list[float]) -> None:
    with run.metrics.open("ab") as file:
        for step, loss in enumerate(losses, start=1):
            file.write(orjson.dumps({"stage": stage, "step": step, "loss": loss}) + b"\n")


def test_a_run_without_steps_has_none(run: RunFolder) -> None:
    assert curve_of_run(run) == ()


def test_losses_of_training_and_of_rows_held_out_stand_at_their_steps(run: RunFolder) -> None:
    _log(run, "trial", [2.0, 1.5, 1.0])
    _log(run, "rest", [0.5])
    run.note_event("metric", "held-out", {"stage": "trial", "step": 2, "loss": 1.75, "kept": 2})
    assert curve_of_run(run) == (
        {"step": 1, "train_loss": 2.0},
        {"step": 2, "train_loss": 1.5, "validation_loss": 1.75},
        {"step": 3, "train_loss": 1.0},
    )


def test_many_steps_are_averaged_and_the_last_one_is_there(run: RunFolder) -> None:
    _log(run, "main", [float(step % 2) for step in range(5 * POINTS - 3)])
    curve = curve_of_run(run)
    assert len(curve) <= POINTS
    assert curve[-1]["step"] == 5 * POINTS - 3
    assert all(0.3 < point["train_loss"] < 0.7 for point in curve)


def test_what_was_torn_by_a_kill_costs_nothing_else(run: RunFolder) -> None:
    _log(run, "main", [1.0])
    with run.metrics.open("ab") as file:
        file.write(b'{"stage": "main", "step": 2, "lo')
    assert curve_of_run(run) == ({"step": 1, "train_loss": 1.0},)
