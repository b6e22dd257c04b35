"""Which checkpoint belongs to which training of which run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunekit.training.course import Course
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Base, Recipe, Settings
from tunekit.training.timings import Timings
from tunekit.training.work import Work

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.checkpoints import Checkpoint  # noqa: E402
from tunekit.training.stages import clear_stages, stage  # noqa: E402

COURSE = Course(rows=10, epochs=2, batch_size=4, tokens=64)
BASE = Base(name="tiny", files=(("model.safetensors", "ab"),), max_length=64, limit=64)


def work(
    folder: Path, data: bytes = b"rows", validation: bytes | None = None, **changes: Any
) -> Work:
    run = RunFolder(folder)
    run.train.parent.mkdir(parents=True, exist_ok=True)
    run.train.write_bytes(data)
    run.validation.unlink(missing_ok=True)
    if validation is not None:
        run.validation.write_bytes(validation)
    recipe = Recipe.model_validate({"base": BASE, "base_path": "/here", **changes})
    return Work(run, recipe, [], None, Timings(run))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A run folder with a checkpoint of the stage "main" in it."""
    found = stage(work(tmp_path), "main", COURSE)
    found.checkpoints.write(Checkpoint(3, {"weights": {"w": torch.ones(2)}}, {}))
    return tmp_path


def test_it_is_taken_up_by_the_same_training(written: Path) -> None:
    assert stage(work(written), "main", COURSE).checkpoints.newest() is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"base_path": "/there"},
        {"cache": "/cache"},
        {"checkpoint_seconds": 1.0},
        {"trackers": ("tensorboard",)},
        {"sharding": "full"},
    ],
)
def test_what_plays_no_part_may_differ(written: Path, changes: dict[str, Any]) -> None:
    assert stage(work(written, **changes), "main", COURSE).checkpoints.newest() is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"data": b"others"},
        {"validation": b"some"},
        {"settings": Settings(seed=1)},
        {"settings": Settings(learning_rate=0.5)},
        {"method": "full"},
        {"precision": "fp32"},
        {"base": BASE.model_copy(update={"files": (("model.safetensors", "cd"),)})},
    ],
)
def test_other_data_or_another_recipe_is_another_training(
    written: Path, changes: dict[str, Any]
) -> None:
    assert stage(work(written, **changes), "main", COURSE).checkpoints.newest() is None


def test_another_stage_or_course_is_another_training(written: Path) -> None:
    assert stage(work(written), "trial", COURSE).checkpoints.newest() is None
    longer = COURSE._replace(epochs=3)
    assert stage(work(written), "main", longer).checkpoints.newest() is None


def test_a_stage_tells_the_run(tmp_path: Path) -> None:
    given = work(tmp_path, checkpoint_seconds=7.0, trackers=("one",))
    found = stage(given, "main", COURSE)
    assert (found.checkpoint_seconds, found.trackers, found.folder) == (7.0, ("one",), tmp_path)
    found.note("log", "something", {"step": 1})
    found.progress(COURSE.steps)
    found.log.add(1, loss=0.5)
    assert [event["message"] for event in given.run.events()] == ["something", "training (main)"]
    assert given.run.metrics.exists()


def test_what_a_finished_run_needs_no_more(written: Path) -> None:
    clear_stages(work(written))
    assert not (written / "checkpoints").exists()
    clear_stages(work(written))
