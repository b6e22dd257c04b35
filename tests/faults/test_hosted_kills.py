"""A client that is killed while a provider trains for it: one job there, and its model here.

Each moment is something that the provider sees or the run's record says, so a kill lands where it
is meant to whatever the machine's speed. Ten kills for each moment, each a little later than the
last; all are long, the first of each runs always.
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

from tunekit.testing.openai import OpenAIServer
from tunekit.testing.server import Fault

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX"),
    pytest.mark.timeout(900),
]

CALL = """
import sys, tunekit
from tunekit import Classification, Dataset
rows = [
    {"text": f"{word} number {n}", "label": word}
    for word in ("car", "home", "pet") for n in range(20)
]
model = tunekit.tune(Dataset.from_rows(rows, Classification()))
print(model.ref.id, model.predict("pet number 7").label)
"""
KEY = "sk-scripted-0123456789abcdef"
#: What a client may take on a machine that has hardly any time for it: importing alone took more
#: than 60 s of a wall clock there.
WAIT = 300.0
KILLS = 10
#: Seconds by which each of ten kills comes later than the one before.
LATER = 0.004

Moment = Callable[[OpenAIServer, Path], bool]


def _asked(method: str, path: str) -> Moment:
    """The provider was asked this."""

    def there(server: OpenAIServer, home: Path) -> bool:
        return any(one.method == method and path in one.path for one in list(server.requests))

    return there


def _noted(step: str) -> Moment:
    """The run's record has this step."""

    def there(server: OpenAIServer, home: Path) -> bool:
        return any(
            f'"name": "{step}"' in path.read_text("utf-8", errors="replace")
            for path in home.glob("runs/[0-9]*/job.json")
        )

    return there


def _created(server: OpenAIServer, home: Path) -> bool:
    return len(server.jobs()) == 1


#: The moment of each kill, and what is scripted to stretch it.
MOMENTS: dict[str, tuple[Moment, dict[str, Fault]]] = {
    "before upload": (_asked("GET", "/files"), {}),
    "during upload": (
        _asked("POST", "/files"),
        {"POST /files": Fault("slow", seconds=0.3, worked=True)},
    ),
    "after upload": (_noted("uploaded"), {}),
    "before create is answered": (_created, {"POST /fine_tuning/jobs": Fault("hang", worked=True)}),
    "while polling": (_asked("GET", "/fine_tuning/jobs/ftjob"), {}),
    "while fetching results": (
        _asked("GET", "/content"),
        {"GET /files/": Fault("slow", seconds=0.5)},
    ),
}
QUICK = ("before create is answered", "while fetching results")
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
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(key=KEY) as server:
        server.story = ("validating_files", "queued", "running", "running", "succeeded")
        yield server


def _client(server: OpenAIServer, home: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TUNEKIT_HOME": str(home),
        "TUNEKIT_BACKEND": "scripted",
        "TUNEKIT_BACKENDS__SCRIPTED__TYPE": "openai",
        "TUNEKIT_BACKENDS__SCRIPTED__BASE_URL": server.url,
        "TUNEKIT_BACKENDS__SCRIPTED__API_KEY_ENV": "SCRIPTED_KEY",
        "TUNEKIT_BACKENDS__SCRIPTED__SETTLE": "1",
        "TUNEKIT_BACKENDS__SCRIPTED__TIMEOUT": "3",
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
def test_a_killed_client_leaves_one_job(
    name: str, number: int, server: OpenAIServer, home: Path
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
    (job,) = server.jobs()
    assert said.split() == [job["fine_tuned_model"], "pet"]
    runs = [json.loads(path.read_text("utf-8")) for path in home.glob("runs/[0-9]*/job.json")]
    # A client that was killed after all was done has a run of its own that ended well.
    assert {run["states"][-1]["state"] for run in runs} == {"succeeded"}
    assert len(runs) == 1
