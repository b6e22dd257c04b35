from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunekit.training.folder import RunFolder
from tunekit.training.processes import (
    Ending,
    OtherFolder,
    Process,
    forget_others,
    others_ended,
    watched,
)

FIRST, SECOND, THIRD = (Process(number, 3, number, "launch") for number in range(3))
TOLD = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29400",
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_a_process_knows_what_torchrun_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**TOLD, "TORCHELASTIC_RUN_ID": "../a-b"}.items():
        monkeypatch.setenv(name, value)
    assert Process.this() == (3, 4, 1, "ab")
    monkeypatch.delenv("MASTER_PORT")  # a RANK that somebody left behind means nothing
    assert Process.this() == (0, 1, 0, "")
    assert Process.this().leads


def test_others_leave_the_run_folder_alone(run: RunFolder) -> None:
    run.path.joinpath(".result.json.0a1b2c3d.tmp").write_text("half", "utf-8")
    other = OtherFolder(run.path, SECOND)
    with other.held() as mine:
        assert mine
        other.tidy()
        other.note_worker()
        other.note_event("state", "running")
        other.write_result("succeeded", artifact="artifact")
        assert not run.worked_on()
    assert run.result() is None
    assert run.worker() is None
    assert list(run.events()) == []
    assert sorted(path.name for path in run.path.iterdir() if path.is_file()) == [
        ".result.json.0a1b2c3d.tmp",
        "worker.lock",
    ]
    assert others_ended(run, FIRST) == []


def test_who_failed_first_is_named(run: RunFolder) -> None:
    for process, message in ((THIRD, "first"), (SECOND, "then")):
        other = OtherFolder(run.path, process)
        with other.held():
            other.write_result("failed", error={"code": "Odd", "message": message})
        time.sleep(0.01)
    assert others_ended(run, FIRST) == [
        Ending(2, "failed", {"code": "Odd", "message": "first"}),
        Ending(1, "failed", {"code": "Odd", "message": "then"}),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_who_was_killed_is_told_from_who_lives(run: RunFolder) -> None:
    """And comes first: whoever failed did so for want of it."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tunekit.training.processes import OtherFolder, Process\n"
        "with OtherFolder(Path(sys.argv[1]), Process(1, 3, 1, 'launch')).held():\n"
        "    print('there', flush=True); time.sleep(60)\n"
    )
    paths = [str(Path(__file__).parents[3] / "src"), os.environ.get("PYTHONPATH", "")]
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        assert others_ended(run, FIRST) == []
        third = OtherFolder(run.path, THIRD)
        with third.held():
            third.write_result("failed", error={"code": "Odd", "message": "no connection"})
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert [(one.number, one.status) for one in others_ended(run, FIRST)] == [
        (1, "killed"),
        (2, "failed"),
    ]


def test_earlier_launches_are_forgotten(run: RunFolder) -> None:
    for launch in ("earlier", "launch"):
        other = OtherFolder(run.path, Process(1, 3, 1, launch))
        with other.held():
            other.write_result("failed", error={"code": "Odd", "message": launch})
    lives = OtherFolder(run.path, THIRD)
    with lives.held():
        forget_others(run, FIRST)
        assert (run.path / "others" / "launch-2.lock").exists()
    assert not list((run.path / "others").glob("*.json"))
    assert not list((run.path / "others").glob("earlier*"))


def test_one_process_is_not_watched(run: RunFolder) -> None:
    """It outlives whoever started it."""
    import threading

    before = threading.active_count()
    with watched(run, Process(0, 1, 0, ""), lambda: None):
        assert threading.active_count() == before
    with watched(run, FIRST, lambda: None):
        assert threading.active_count() == before + 1
