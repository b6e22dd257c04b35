"""Clients and trainers that are killed: the job says what is so, and ends in one model.

Each moment is something that appears on the disk, so a kill lands where it is meant to whatever
the machine's speed. Ten moments for each; all of them are long, one of each runs always.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX"),
]

ROWS = [
    {"text": f"{opening} {subject} {number}", "label": label}
    for label, subject in (
        ("car", "my car was hit"),
        ("home", "water in the cellar"),
        ("pet", "my dog is ill"),
    )
    for opening in ("Hello,", "Good morning,", "Please help:", "Urgent!", "Dear team,")
    for number in range(24)
]
CALL = """
import tunekit
from tunekit import Classification, Dataset
import json, sys
rows = json.load(open(sys.argv[1], encoding="utf-8"))
print(tunekit.tune(Dataset.from_rows(rows, Classification()), method="head").provenance["run"])
"""
WAIT = 120.0

Moment = Callable[[Path], bool]


def _any(pattern: str, text: str = "") -> Moment:
    """Some file of this pattern is there (and holds this text)."""

    def there(home: Path) -> bool:
        for path in home.glob(pattern):
            if not text:
                return True
            try:
                if text in path.read_text("utf-8", errors="replace"):
                    return True
            except OSError:
                continue
        return False

    return there


def _events(count: int) -> Moment:
    def there(home: Path) -> bool:
        return any(
            path.read_bytes().count(b"\n") >= count for path in home.glob("runs/*/events.jsonl")
        )

    return there


CLIENT_MOMENTS: dict[str, Moment] = {
    "at the start": lambda home: True,
    "runs folder": _any("runs"),
    "while the run is written": _any("runs/.*.tmp"),
    "run is there": _any("runs/[0-9]*/job.json"),
    "recipe is there": _any("runs/[0-9]*/recipe.json"),
    "worker is starting": _any("runs/[0-9]*/worker.log"),
    "worker has its lock": _any("runs/[0-9]*/worker.lock"),
    "submission is noted": _any("runs/[0-9]*/job.json", '"ref": "'),
    "worker trains": _events(2),
    "result is there": _any("runs/[0-9]*/result.json"),
}
TRAINER_MOMENTS: dict[str, Moment] = {
    "lock": _any("runs/[0-9]*/worker.lock"),
    "first event": _events(1),
    "second event": _events(2),
    "third event": _events(3),
    "fourth event": _events(4),
    "half a second": _any("runs/[0-9]*/worker.json"),
    "one second": _any("runs/[0-9]*/worker.json"),
    "two seconds": _any("runs/[0-9]*/worker.json"),
    "artifact begins": _any("runs/[0-9]*/artifact*"),
    "artifact is there": _any("runs/[0-9]*/artifact/artifact.json"),
}
DELAYS = {"half a second": 0.5, "one second": 1.0, "two seconds": 2.0}
ALWAYS = {"run is there", "second event"}


def _cases(moments: dict[str, Moment]) -> list[object]:
    return [
        pytest.param(
            name, marks=() if name in ALWAYS else pytest.mark.soak, id=name.replace(" ", "-")
        )
        for name in moments
    ]


@pytest.fixture
def call(minilm_home: Path, tmp_path: Path) -> list[str]:
    """The command line of a client that tunes."""
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(ROWS), "utf-8")
    return [sys.executable, "-c", CALL, str(rows)]


def _run_until(call: list[str], home: Path, moment: Moment) -> subprocess.Popen[bytes]:
    """Start a client and come back at the moment, or when it ended before that."""
    environment = {**os.environ, "TUNEKIT_HOME": str(home), "TUNEKIT_BACKEND": "local"}
    client = subprocess.Popen(
        call, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + WAIT
    while not moment(home) and client.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    return client


def _ends_in_one_model(home: Path) -> None:
    """The same call goes on, one run is there, it is whole, and so is its model."""
    data = Dataset.from_rows(ROWS, Classification())
    before = [job.id for job in tunekit.list_jobs()]
    model = tunekit.submit(data, backend="local", method="head").wait(timeout=WAIT)
    assert model.predict("Hello, my dog is ill 7").label == "pet"
    jobs = tunekit.list_jobs()
    assert [job.id for job in jobs] == (before or [jobs[0].id])
    assert tunekit.attach(jobs[0].id).status == "succeeded"
    for path in home.glob("runs/*/*.json"):
        json.loads(path.read_text("utf-8"))
    assert not list(home.glob("runs/.*.tmp"))
    assert not list(home.glob("runs/*/artifact.tmp*"))
    assert not list(home.glob("runs/*/.*.tmp"))


@pytest.mark.parametrize("name", _cases(CLIENT_MOMENTS))
def test_a_killed_client(name: str, call: list[str], minilm_home: Path) -> None:
    client = _run_until(call, minilm_home, CLIENT_MOMENTS[name])
    client.send_signal(signal.SIGKILL)
    client.wait()
    for job in tunekit.list_jobs():
        assert tunekit.attach(job.id).status in (
            "created",
            "queued",
            "running",
            "interrupted",
            "succeeded",
        )
    if name == "result is there":
        # Whoever attaches gets the model that is there.
        [job] = tunekit.list_jobs()
        assert tunekit.attach(job.id).wait(timeout=WAIT).kind == "tuned"
        return
    _ends_in_one_model(minilm_home)


@pytest.mark.parametrize("name", _cases(TRAINER_MOMENTS))
def test_a_killed_trainer(name: str, minilm_home: Path) -> None:
    data = Dataset.from_rows(ROWS, Classification())
    job = tunekit.submit(data, backend="local", method="head")
    deadline = time.monotonic() + WAIT
    while not TRAINER_MOMENTS[name](minilm_home) and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(DELAYS.get(name, 0.0))
    pid = json.loads((job.folder / "worker.json").read_text("utf-8"))["pid"]
    finished = (job.folder / "result.json").exists()
    if not finished:
        os.kill(pid, signal.SIGKILL)
        _gone(pid)
        assert job.refresh().status == "interrupted"
        assert not (job.folder / "result.json").exists()
    assert tunekit.attach(job.id).wait(timeout=WAIT).kind == "tuned"
    _same_call_or_attach(job.id, minilm_home)


def _same_call_or_attach(job_id: str, home: Path) -> None:
    [only] = tunekit.list_jobs()
    assert only.id == job_id
    assert tunekit.attach(job_id).status == "succeeded"
    for path in home.glob("runs/*/*.json"):
        json.loads(path.read_text("utf-8"))
    assert not list(home.glob("runs/*/artifact.tmp*"))


def _gone(pid: int) -> None:
    """Wait until a killed process is one no more (its lock goes with it)."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return
        except ChildProcessError:
            pass
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
