"""A client that is killed while a Space trains for it: one Space, its model here, nothing left.

Each moment is something that the hub sees or the run's record says, so a kill lands where it is
meant to whatever the machine's speed. Three kills for each moment, each a little later than the
last; all are long.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tunekit.testing.hub import HubServer
from tunekit.testing.server import Fault

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX"),
    pytest.mark.soak,
    pytest.mark.torch,
    pytest.mark.timeout(900),
]

CALL = """
import tunekit
from tunekit import Classification, Dataset
rows = [
    {"text": f"{word} number {n}", "label": word}
    for word in ("car", "pet") for n in range(20)
]
model = tunekit.tune(Dataset.from_rows(rows, Classification()))
print(model.ref.id, model.predict("pet number 7").label)
"""
KEY = "hf_kills0123456789abcdef"
BASE = "sentence-transformers/all-MiniLM-L6-v2"
PROGRAM = Path(__file__).parents[1] / "conformance" / "autotrain_space.py"
#: What a client may take on a machine that has hardly any time for it.
WAIT = 300.0
KILLS = 3
#: Seconds by which each of these comes later than the one before.
LATER = 0.01

Moment = Callable[[HubServer, Path], bool]


def _asked(method: str, *parts: str) -> Moment:
    """The hub was asked this."""

    def there(server: HubServer, home: Path) -> bool:
        return any(
            one.method == method and all(part in one.path for part in parts)
            for one in list(server.requests)
        )

    return there


def _noted(step: str) -> Moment:
    """The run's record has this step."""

    def there(server: HubServer, home: Path) -> bool:
        return any(
            f'"name": "{step}"' in path.read_text("utf-8", errors="replace")
            for path in home.glob("runs/[0-9]*/job.json")
        )

    return there


def _started(server: HubServer, home: Path) -> bool:
    return bool(server.started())


LAST = "while it is tidied up"
#: The moment of each kill, and what is scripted to stretch it.
MOMENTS: dict[str, tuple[Moment, dict[str, Fault]]] = {
    "before the rows": (_asked("GET", BASE), {}),
    "while the rows are sent": (_asked("POST", "/api/datasets/", "/preupload/"), {}),
    "after the rows": (_noted("uploaded"), {}),
    "when the space is half made": (_asked("POST", "/api/spaces/", "/preupload/"), {}),
    "as the space starts": (_started, {}),
    "while it trains": (_asked("GET", "/api/spaces/", "/runtime"), {}),
    "while the model comes home": (
        _asked("GET", "tester/tunekit-", "/resolve/", "model.safetensors"),
        {"GET /tester/": Fault("slow", seconds=0.3)},
    ),
    LAST: (_asked("DELETE", "/api/repos/delete"), {}),
}
CASES = [
    pytest.param(name, number, id=f"{name.replace(' ', '-')}-{number}")
    for name in MOMENTS
    for number in range(KILLS)
]


@pytest.fixture
def server(tiny_encoder: Path) -> Iterator[HubServer]:
    with HubServer(key=KEY) as server:
        server.put(BASE, {one.name: one for one in tiny_encoder.iterdir() if one.is_file()})
        server.space_command = [sys.executable, str(PROGRAM)]
        yield server


def _client(server: HubServer, home: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TUNEKIT_HOME": str(home),
        "TUNEKIT_BACKEND": "scripted",
        "TUNEKIT_BACKENDS__SCRIPTED__TYPE": "autotrain",
        "TUNEKIT_BACKENDS__SCRIPTED__HUB_ENDPOINT": server.url,
        "TUNEKIT_BACKENDS__SCRIPTED__TOKEN_ENV": "SCRIPTED_KEY",
        "TUNEKIT_BACKENDS__SCRIPTED__SETTLE": "1",
        "TUNEKIT_BACKENDS__SCRIPTED__TIMEOUT": "5",
        "TUNEKIT_BACKENDS__SCRIPTED__DEVICE": "cpu",
        "SCRIPTED_KEY": KEY,
    }
    return subprocess.Popen(
        [sys.executable, "-c", CALL],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_killed_client_leaves_one_space(
    name: str, number: int, server: HubServer, home: Path
) -> None:
    moment, faults = MOMENTS[name]
    for route, fault in faults.items():
        server.script(route, fault, always=fault.kind == "slow")
    client = _client(server, home)
    deadline = time.monotonic() + WAIT
    while not moment(server, home) and client.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(number * LATER)
    assert moment(server, home), f"{name} never came: {client.communicate()[1][-2000:]}"
    client.send_signal(signal.SIGKILL)
    client.communicate()

    again = _client(server, home)
    said, wrong = again.communicate(timeout=WAIT)
    assert again.returncode == 0, wrong[-3000:]
    runs = [json.loads(path.read_text("utf-8")) for path in home.glob("runs/[0-9]*/job.json")]
    assert {run["states"][-1]["state"] for run in runs} == {"succeeded"}
    # Who was killed when all was done has a run that is over; the same call again is another one.
    over = name == LAST and len(runs) == 2
    assert len(server.started()) == len(runs) == 1 + over
    ref, label = said.split()
    assert ref == f"run:{max(run['id'] for run in runs)}"
    assert label in ("car", "pet")
    _nothing_left(server, home, len(runs))


def _nothing_left(server: HubServer, home: Path, models: int) -> None:
    """No Space, no rows, no process, no token: the base model, and so many that were trained."""
    kinds = sorted(one["kind"] for one in server.repos())
    assert kinds == ["model"] * (1 + models)
    deadline = time.monotonic() + 30
    while server.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.processes() == []
    for path in home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
