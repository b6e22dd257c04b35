from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tunekit.errors import StoreError

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.checkpoints import Checkpoint, Checkpoints  # noqa: E402


def checkpoint(step: int) -> Checkpoint:
    tensors = {
        "weights": {
            "w": torch.full((3, 2), float(step)),
            "columns": torch.arange(6.0).view(2, 3).T,
        },
        "best": {},
    }
    return Checkpoint(step, tensors, {"skipped": step, "best": None})


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints" / "main", "ours")


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "checkpoints" / "main").iterdir())


def test_there_and_back(kept: Checkpoints) -> None:
    assert kept.newest() is None
    kept.write(checkpoint(3))
    found = kept.newest()
    assert found is not None
    assert (found.step, dict(found.facts)) == (3, {"skipped": 3, "best": None})
    assert found.tensors.keys() == {"weights", "best"}
    for name, one in checkpoint(3).tensors["weights"].items():
        assert torch.equal(found.tensors["weights"][name], one)


def test_the_newest_counts_and_no_older_one_is_kept(kept: Checkpoints, tmp_path: Path) -> None:
    for step in (2, 9, 10):
        kept.write(checkpoint(step))
    found = kept.newest()
    assert found is not None and found.step == 10
    assert names(tmp_path) == ["checkpoint-10"]


def test_no_pickle(kept: Checkpoints, tmp_path: Path) -> None:
    kept.write(checkpoint(3))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".json"}
    assert not any(path.read_bytes()[:2] in (b"PK", b"\x80\x02", b"\x80\x04") for path in files)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("weights.safetensors", cut),
        ("weights.safetensors", flip),
        ("weights.safetensors", empty),
        ("weights.safetensors", Path.unlink),
        ("state.json", cut),
        ("state.json", empty),
        ("state.json", Path.unlink),
        ("state.json", lambda path: path.write_bytes(b"[]")),
        ("state.json", lambda path: path.write_bytes(b'{"identity": "ours", "step": 3}')),
        (
            "state.json",
            lambda path: path.write_bytes(path.read_bytes().replace(b": 3,", b": 4,", 1)),
        ),
    ],
)
def test_a_damaged_one_is_ignored(
    kept: Checkpoints, tmp_path: Path, file: str, damage: Callable[[Path], object]
) -> None:
    kept.write(checkpoint(3))
    damage(tmp_path / "checkpoints" / "main" / "checkpoint-3" / file)
    assert kept.newest() is None
    kept.write(checkpoint(3))  # done again
    assert kept.newest() is not None


def test_a_damaged_one_gives_way_to_an_older_one_that_is_still_there(
    kept: Checkpoints, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints" / "main"
    kept.write(checkpoint(3))
    (folder / "checkpoint-3").rename(tmp_path / "aside")
    kept.write(checkpoint(5))
    (tmp_path / "aside").rename(folder / "checkpoint-3")
    cut(folder / "checkpoint-5" / "weights.safetensors")
    found = kept.newest()
    assert found is not None and found.step == 3


def test_one_that_was_half_written_is_swept_away(kept: Checkpoints, tmp_path: Path) -> None:
    kept.write(checkpoint(3))
    half = tmp_path / "checkpoints" / "main" / ".checkpoint-4.0123abcd.tmp"
    half.mkdir()
    (half / "weights.safetensors").write_bytes(b"begun")
    found = kept.newest()
    assert found is not None and found.step == 3
    assert names(tmp_path) == ["checkpoint-3"]


def test_one_of_another_training_is_ignored(kept: Checkpoints, tmp_path: Path) -> None:
    Checkpoints(tmp_path / "checkpoints" / "main", "theirs").write(checkpoint(8))
    assert kept.newest() is None
    kept.write(checkpoint(8))
    assert kept.newest() is not None


def test_what_else_lies_there_is_left_alone(kept: Checkpoints, tmp_path: Path) -> None:
    kept.write(checkpoint(3))
    other = tmp_path / "checkpoints" / "main" / "checkpoint-final"
    other.mkdir()
    assert kept.newest() is not None
    kept.write(checkpoint(4))
    assert other.exists()


def test_where_the_disk_refuses_the_older_one_is_still_there(
    kept: Checkpoints, tmp_path: Path
) -> None:
    kept.write(checkpoint(3))
    (tmp_path / "checkpoints" / "main" / "checkpoint-4").write_bytes(b"in the way")
    with pytest.raises(StoreError, match="checkpoint-4"):
        kept.write(checkpoint(4))
    found = kept.newest()
    assert found is not None and found.step == 3


def test_clear(kept: Checkpoints, tmp_path: Path) -> None:
    kept.write(checkpoint(3))
    kept.clear()
    assert names(tmp_path) == []


def test_the_state_is_plain_json(kept: Checkpoints, tmp_path: Path) -> None:
    kept.write(checkpoint(3))
    state = orjson.loads(
        (tmp_path / "checkpoints" / "main" / "checkpoint-3" / "state.json").read_bytes()
    )
    assert state["step"] == 3
    assert state["parts"].keys() == {"weights", "best"}


def test_one_that_another_process_has_found_is_read(kept: Checkpoints, tmp_path: Path) -> None:
    kept.write(checkpoint(3))
    assert kept.read(3).facts["skipped"] == 3
    with pytest.raises(StoreError, match="No such file"):
        kept.read(4)
    file = tmp_path / "checkpoints" / "main" / "checkpoint-3" / "weights.safetensors"
    flip(file)
    with pytest.raises(StoreError, match="same run folder"):
        kept.read(3)
