from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tunekit.errors import StoreError
from tunekit.training.step_log import StepLog


def lines(path: Path) -> list[tuple[str, int]]:
    read = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return [(line["stage"], line["step"]) for line in read]


def test_a_step_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    StepLog(path, "main").add(1, loss=0.5, gradient_norm=float("nan"))
    assert orjson.loads(path.read_bytes()) == {
        "stage": "main",
        "step": 1,
        "loss": 0.5,
        "gradient_norm": None,
    }


def test_steps_that_are_done_again_are_forgotten_those_of_other_stages_are_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.jsonl"
    trial, main = StepLog(path, "trial"), StepLog(path, "main")
    for step in (1, 2, 3):
        trial.add(step)
    for step in (1, 2, 3):
        main.add(step)
    main.keep(1)
    main.add(2)
    assert lines(path) == [("trial", 1), ("trial", 2), ("trial", 3), ("main", 1), ("main", 2)]


@pytest.mark.parametrize(
    "torn", [b'{"stage":"main","st', b"[1]\n", b'{"stage": "main"}\n', b"\xff\n"]
)
def test_what_a_kill_left_of_a_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    log = StepLog(path, "main")
    log.add(1)
    with path.open("ab") as stream:
        stream.write(torn)
    log.keep(1)
    log.add(2)
    assert lines(path) == [("main", 1), ("main", 2)]


def test_nothing_to_forget(tmp_path: Path) -> None:
    StepLog(tmp_path / "metrics.jsonl", "main").keep(0)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        StepLog(tmp_path / "nowhere" / "metrics.jsonl", "main").add(1)
