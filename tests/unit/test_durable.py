from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tunekit.durable import disk_errors, new_folder, sweep, write_file
from tunekit.errors import BackendTimeout, DataError, StoreError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failing(*chunks: bytes, error: BaseException) -> Iterator[bytes]:
    yield from chunks
    raise error


def test_bytes_and_chunks_are_written(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"one")
    write_file(tmp_path / "b", iter([b"one", b"two"]))
    assert (tmp_path / "a").read_bytes() == b"one"
    assert (tmp_path / "b").read_bytes() == b"onetwo"
    assert names(tmp_path) == ["a", "b"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a longer old text", encoding="utf-8")
    write_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("error", [DataError("bad rows"), KeyboardInterrupt(), ValueError("x")])
def test_a_failing_generator_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(type(error)):
        write_file(tmp_path / "a", failing(b"half", error=error))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, call, full)
    with pytest.raises(StoreError, match=r"a: No space left on device. Free some space"):
        write_file(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from tunekit.durable import write_file
from tunekit.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_file(Path(sys.argv[1]), (b"x" * 1000 for _ in range(5000)))
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes to set there")
def test_a_disk_that_ends_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in done.stdout
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Make the folder first"):
        write_file(tmp_path / "none" / "a", b"x")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="is no file"):
        write_file(tmp_path / "folder", b"x")
    with pytest.raises(StoreError, match="is no file"):
        write_file(Path(), b"x")
    assert names(tmp_path) == ["folder"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    if not Path("/dev/null").exists():
        pytest.skip("no /dev/null here")
    with pytest.raises(StoreError, match="is no file"):
        write_file(Path("/dev/null"), b"x")
    assert not Path("/dev/null").is_file()


def test_a_new_folder_appears_as_a_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "run") as folder:
        (folder / "part").write_text("x", encoding="utf-8")
        assert not (tmp_path / "run").exists()
    assert names(tmp_path / "run") == ["part"]


def test_a_failing_block_leaves_no_folder(tmp_path: Path) -> None:
    def fill() -> NoReturn:
        with new_folder(tmp_path / "run") as folder:
            (folder / "part").write_text("x", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fill()
    assert names(tmp_path) == []


def test_an_existing_folder_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(StoreError, match="exists already"), new_folder(tmp_path / "run"):
        pytest.fail("the block ran")
    assert names(tmp_path) == ["run"]


def test_our_own_errors_pass_even_where_they_are_the_systems() -> None:
    with pytest.raises(BackendTimeout), disk_errors("writing"):
        raise BackendTimeout("no answer", backend="b")


def test_sweeping_takes_only_what_fits(tmp_path: Path) -> None:
    (tmp_path / ".a.1.tmp").write_text("", encoding="utf-8")
    (tmp_path / ".a.2.tmp").mkdir()
    (tmp_path / "a").write_text("", encoding="utf-8")
    sweep(tmp_path, ".a.*.tmp")
    assert names(tmp_path) == ["a"]
