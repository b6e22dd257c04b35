"""A client of hf-jobs that is killed, or waits in vain, at each step: one repository and one job
there, its model here, no process left, and no token on the disk.

Each moment is something that the hub sees or the run's record says, so a kill lands where it is
meant to whatever the machine's speed. All but two of the kills are long.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

import tunekit
from tunekit.backends.hf_jobs import HfJobsBackend
from tunekit.data.dataset import Dataset
from tunekit.errors import BackendError
from tunekit.tasks.classification import Classification
from tunekit.testing.hub import Fault, HubServer, JobRun, User

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX"),
    pytest.mark.timeout(900),
    pytest.mark.torch,
]

CALL = """
import sys, tunekit
from tunekit import Classification, Dataset
rows = [
    {"text": f"{word} number {n}", "label": word}
    for word in ("card", "app", "money") for n in range(4)
]
data = Dataset.from_rows(rows, Classification())
print(tunekit.tune(data, model=sys.argv[1], method="head").ref.id)
"""
TOKEN = "hf_kills_0123456789abcdef"
WAIT = 300.0
KILLS = 3
#: Seconds by which each kill comes later than the one before.
LATER = 0.01
ARTIFACT = {"artifact/artifact.json": b"{}", "artifact/head.safetensors": b"weights"}

Moment = Callable[[HubServer, Path], bool]


def _asked(method: str, path: str) -> Moment:
    """The hub was asked this."""

    def there(hub: HubServer, home: Path) -> bool:
        return any(one.method == method and path in one.path for one in list(hub.requests))

    return there


def _noted(step: str) -> Moment:
    """The run's record has this step."""

    def there(hub: HubServer, home: Path) -> bool:
        return any(
            f'"name": "{step}"' in path.read_text("utf-8", errors="replace")
            for path in home.glob("runs/[0-9]*/job.json")
        )

    return there


def _created(hub: HubServer, home: Path) -> bool:
    return len(hub.jobs()) == 1


#: The moment of each kill, and what is scripted to stretch it.
MOMENTS: dict[str, tuple[Moment, dict[str, Fault]]] = {
    "before the repository": (_asked("GET", "/api/jobs/hardware"), {}),
    "while the repository is made": (
        _asked("POST", "/api/repos/create"),
        {"POST /api/repos/create": Fault("slow", seconds=0.3)},
    ),
    "while sending": (
        _asked("POST", "/preupload/"),
        {"POST /api/models/": Fault("slow", seconds=0.3)},
    ),
    "after sending": (_noted("uploaded"), {}),
    "before create is answered": (_created, {"POST /api/jobs/": Fault("hang", worked=True)}),
    "while polling": (_asked("GET", "/api/jobs/tester/0"), {}),
    # Every file is slow, so that the kill finds this one on its way and not the run at its end.
    "while the model comes home": (
        _asked("GET", "/artifact/head.safetensors"),
        {"GET /tester/": Fault("slow", seconds=0.3)},
    ),
}
QUICK = ("before create is answered", "while the model comes home")
CASES = [
    pytest.param(
        name,
        number,
        marks=() if number == 0 and name in QUICK else pytest.mark.soak,
        id=f"{name.replace(' ', '-')}-{number}",
    )
    for name in MOMENTS
    for number in range(KILLS)
]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with HubServer(tokens={TOKEN: User("tester")}) as hub:
        hub.job_story = ("SCHEDULING", "RUNNING", "RUNNING", "COMPLETED")
        hub.job_work = lambda job: _bring_back(hub, job)
        yield hub


def _bring_back(hub: HubServer, job: JobRun) -> None:
    hashes = {name: hashlib.sha256(one).hexdigest() for name, one in ARTIFACT.items()}
    ending = {"result": {"status": "succeeded", "artifact": "artifact"}, "files": hashes}
    place = f"attempts/{job.environment['TUNEKIT_ATTEMPT']}"
    files: dict[str, Any] = {f"{place}/{name}": one for name, one in ARTIFACT.items()}
    hub.put(
        job.environment["TUNEKIT_REPO"],
        {**files, f"{place}/outcome.json": json.dumps(ending)},
        private=True,
    )


def _client(hub: HubServer, home: Path, base: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TUNEKIT_HOME": str(home),
        "TUNEKIT_BACKEND": "scripted",
        "TUNEKIT_BACKENDS__SCRIPTED__TYPE": "hf-jobs",
        "TUNEKIT_BACKENDS__SCRIPTED__ENDPOINT": hub.url,
        "TUNEKIT_BACKENDS__SCRIPTED__TOKEN_ENV": "SCRIPTED_TOKEN",
        "TUNEKIT_BACKENDS__SCRIPTED__FLAVOR": "cpu-basic",
        "TUNEKIT_BACKENDS__SCRIPTED__SETTLE": "1",
        "TUNEKIT_BACKENDS__SCRIPTED__CALL_TIMEOUT": "3",
        "SCRIPTED_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", CALL, str(base)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended_well(hub: HubServer, home: Path) -> None:
    """One repository, one job, one run that ended well, and its model whole."""
    assert len(hub.jobs()) == len(hub.repos()) == 1
    runs = [json.loads(path.read_text("utf-8")) for path in home.glob("runs/[0-9]*/job.json")]
    assert [run["states"][-1]["state"] for run in runs] == ["succeeded"]
    (folder,) = home.glob("runs/[0-9]*/")
    assert {one.name for one in (folder / "artifact").iterdir()} == {
        name.partition("/")[2] for name in ARTIFACT
    }
    assert not list(folder.glob(".home*"))
    for path in home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_killed_client_leaves_one_repository_and_one_job(
    name: str, number: int, hub: HubServer, home: Path, tiny_encoder: Path
) -> None:
    moment, faults = MOMENTS[name]
    for route, fault in faults.items():
        hub.script(route, fault, always=fault.kind == "slow")
    client = _client(hub, home, tiny_encoder)
    deadline = time.monotonic() + WAIT
    while not moment(hub, home) and client.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(number * LATER)
    assert moment(hub, home), f"{name} never came: {client.communicate()[1][-2000:]}"
    assert client.poll() is None, f"it was over before {name}"
    client.send_signal(signal.SIGKILL)
    client.communicate()

    again = _client(hub, home, tiny_encoder)
    said, wrong = again.communicate(timeout=WAIT)
    assert again.returncode == 0, wrong[-3000:]
    assert TOKEN not in said + wrong
    assert said.startswith("run:")
    _ended_well(hub, home)


#: All that is asked of the hub for one run, in order.
STEPS = (
    "GET /api/whoami-v2",
    "GET /api/jobs/tester",
    "GET /api/jobs/hardware",
    "POST /api/repos/create",
    "POST /api/models/",
    "POST /api/jobs/",
    "GET /api/jobs/tester/",
    "GET /api/models/",
    "HEAD /tester/",
    "GET /tester/",
)


@pytest.mark.parametrize(
    ("step", "worked"),
    [
        pytest.param(
            step,
            worked,
            # What only reads does nothing, whether it was heard or not.
            marks=pytest.mark.soak if worked and not step.startswith("POST") else (),
            id=f"{step}-{'done-all-the-same' if worked else 'unheard'}",
        )
        for step in STEPS
        for worked in (False, True)
    ],
)
def test_a_time_out_at_each_step_makes_no_second_of_anything(
    step: str,
    worked: bool,
    hub: HubServer,
    home: Path,
    tiny_encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCRIPTED_TOKEN", TOKEN)
    backend = HfJobsBackend(
        home=home,
        endpoint=hub.url,
        token_env="SCRIPTED_TOKEN",
        flavor="cpu-basic",
        call_timeout=0.7,
        retries=1,
        settle=0.0,
    )
    rows = [{"text": f"{word} {n}", "label": word} for word in ("card", "app") for n in range(3)]
    data = Dataset.from_rows(rows, Classification())
    hub.script(step, Fault("hang", worked=worked))
    raised: list[BackendError] = []
    while len(raised) < 4:
        try:
            tunekit.tune(data, backend=backend, model=str(tiny_encoder), method="head")
            break
        except BackendError as error:
            raised.append(error)
    assert len(raised) < 4, "four calls, and no model yet"
    assert all(one.retryable and TOKEN not in str(one) for one in raised)
    _ended_well(hub, home)


@pytest.mark.soak
def test_a_worker_that_works_there_goes_on_while_its_client_is_dead(
    hub: HubServer, home: Path, tiny_encoder: Path
) -> None:
    hub.job_story = None
    hub.local_environment = {"OMP_NUM_THREADS": "1"}
    client = _client(hub, home, tiny_encoder)
    deadline = time.monotonic() + WAIT
    while not (hub.jobs() and "tunekit-event" in hub.jobs()[0]["log"]):
        assert time.monotonic() < deadline
        assert client.poll() is None
        time.sleep(0.05)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    again = _client(hub, home, tiny_encoder)
    said, wrong = again.communicate(timeout=WAIT)
    assert again.returncode == 0, wrong[-3000:]
    assert said.startswith("run:")
    assert len(hub.jobs()) == len(hub.repos()) == 1
    assert hub.processes() == []
    assert TOKEN not in hub.jobs()[0]["log"]
