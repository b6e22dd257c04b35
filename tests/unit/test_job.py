"""A job's life: on disk first, never sent twice, never lost."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset, JobCancelled, JobFailed
from tunekit.backends.base import State, Status
from tunekit.errors import (
    BackendTimeout,
    ConnectionFailed,
    InvalidRequest,
    JobNotFound,
    MissingExtra,
    PredictionError,
    StoreError,
    WaitTimeout,
)
from tunekit.store import Runs
from tunekit.testing.fake import FakeBackend
from tunekit.testing.server import Fault, ScriptedServer

ROWS = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in range(6)]


@pytest.fixture
def data() -> Dataset:
    return Dataset.from_rows(ROWS, Classification())


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def backend(server: ScriptedServer, home: Path) -> FakeBackend:
    return FakeBackend("fake", home=home, endpoint=server.url, timeout=1.0)


def creations(server: ScriptedServer) -> int:
    return sum(one.method == "POST" and one.path == "/jobs" for one in server.requests)


def runs(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "runs").glob("[0-9]*"))


def test_tune_returns_a_model_with_its_provenance(data: Dataset) -> None:
    model = tunekit.tune(data, backend="fake", epochs=2)
    assert model.kind == "tuned"
    assert model.predict("yes 1").label == "yes"
    assert model.provenance["fingerprints"] == {"train": data.fingerprint}
    assert model.provenance["hyperparameters"]["epochs"] == 2


def test_the_run_is_on_disk_before_anything_is_sent(
    data: Dataset, backend: FakeBackend, server: ScriptedServer, home: Path
) -> None:
    server.script("GET /files", Fault("cut"), always=True)
    with pytest.raises(ConnectionFailed):
        tunekit.submit(data, backend=backend)
    [name] = runs(home)
    record = json.loads((home / "runs" / name / "job.json").read_text("utf-8"))
    assert record["states"][-1]["state"] == "created"
    assert (home / "runs" / name / "data" / "train.jsonl").read_bytes().count(b"\n") == len(ROWS)
    server.clear()
    job = tunekit.submit(data, backend=backend)
    assert job.reattached and job.id == name
    assert job.wait().predict("no 3").label == "no"


def test_a_submit_whose_answer_is_lost_is_never_sent_twice(
    data: Dataset, backend: FakeBackend, server: ScriptedServer, home: Path
) -> None:
    server.script("POST /jobs", Fault("hang", worked=True))
    with pytest.raises(BackendTimeout):
        tunekit.submit(data, backend=backend)
    assert tunekit.submit(data, backend=backend).wait().predict("yes 2").label == "yes"
    assert creations(server) == 1
    assert len(runs(home)) == 1


def test_the_same_call_joins_an_unfinished_run_and_not_a_finished_one(
    data: Dataset, backend: FakeBackend, home: Path
) -> None:
    first = tunekit.submit(data, backend=backend)
    second = tunekit.submit(data, backend=backend)
    assert second.reattached and second.id == first.id
    second.wait()
    third = tunekit.submit(data, backend=backend)
    assert not third.reattached and third.id != first.id
    assert len(runs(home)) == 2


def test_another_setting_is_another_run(data: Dataset, backend: FakeBackend) -> None:
    first = tunekit.submit(data, backend=backend)
    assert tunekit.submit(data, backend=backend, seed=2).id != first.id
    assert tunekit.submit(data.filter(lambda row: row.text != "no 1"), backend=backend).id not in (
        first.id,
    )


def test_threads_that_submit_the_same_start_one_job(
    data: Dataset, backend: FakeBackend, server: ScriptedServer, home: Path
) -> None:
    server.service.story = ("queued", *["running"] * 50, "succeeded")
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.append(tunekit.submit(data, backend=backend).id))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4 and len(set(ids)) == 1
    assert creations(server) == 1


def test_a_refused_job_fails_with_the_reason_and_leaves_no_files(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    server.script("POST /jobs", Fault("refuse", status=400, message="no such model"))
    with pytest.raises(InvalidRequest, match="no such model"):
        tunekit.submit(data, backend=backend)
    [job] = tunekit.list_jobs()
    assert job.status == "failed"
    with pytest.raises(JobFailed, match="no such model"):
        job.wait()
    assert any(one.method == "DELETE" for one in server.requests)


def test_cancel_and_resume(data: Dataset, backend: FakeBackend, server: ScriptedServer) -> None:
    job = tunekit.submit(data, backend=backend)
    assert job.cancel().status == "cancelled"
    assert job.cancel().status == "cancelled"
    with pytest.raises(JobCancelled, match="resume=True"):
        job.wait()
    again = tunekit.submit(data, backend=backend, resume=True)
    assert again.id == job.id
    assert again.wait().predict("yes 0").label == "yes"
    assert creations(server) == 2


def test_a_job_that_was_never_sent_can_be_cancelled(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    server.script("GET /files", Fault("refuse", status=503), always=True)
    with pytest.raises(tunekit.BackendError):
        tunekit.submit(data, backend=backend)
    [job] = tunekit.list_jobs()
    assert job.cancel().status == "cancelled"
    assert creations(server) == 0


def test_wait_stops_waiting_and_the_job_goes_on(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    server.service.story = ("queued", *["running"] * 8, "succeeded")
    job = tunekit.submit(data, backend=backend)
    with pytest.raises(WaitTimeout, match=job.id) as caught:
        job.wait(timeout=0.15)
    assert isinstance(caught.value, TimeoutError)
    assert tunekit.attach(job.id).wait(timeout=20).predict("no 1").label == "no"


def test_wait_has_patience_with_a_backend_that_is_away_for_a_moment(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    job = tunekit.submit(data, backend=backend)
    server.script("GET /jobs/", *[Fault("refuse", status=503)] * 12)
    assert job.wait(timeout=30).predict("no 1").label == "no"


def test_an_unknown_state_is_kept_and_is_not_the_end(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    server.service.story = ("queued", "resting", "running", "succeeded")
    job = tunekit.submit(data, backend=backend)
    job.wait(timeout=20)
    assert ("unknown", "resting") in [(one.state, one.raw) for one in job.record.states]


def test_a_fresh_process_ends_what_another_began(
    data: Dataset, backend: FakeBackend, home: Path
) -> None:
    job = tunekit.submit(data, backend=backend)
    script = (
        "import sys, tunekit\n"
        "job = tunekit.attach(sys.argv[1])\n"
        "print(job.wait(timeout=20).predict('yes 4').label, job.status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, job.id],
        capture_output=True,
        text=True,
        env={**os.environ, "TUNEKIT_HOME": str(home)},
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["yes", "succeeded"]
    assert job.refresh().status == "succeeded"


def test_attach_to_nothing_says_where_it_looked(home: Path) -> None:
    with pytest.raises(JobNotFound, match="list_jobs"):
        tunekit.attach("20200101-000000-aaaaaaaa-bbbb")
    with pytest.raises(JobNotFound):
        tunekit.attach("../../etc")


def test_a_damaged_record_is_a_clear_error(data: Dataset, home: Path) -> None:
    job = tunekit.submit(data, backend="fake")
    (job.folder / "job.json").write_text("{", "utf-8")
    with pytest.raises(StoreError, match=r"job\.json"):
        tunekit.attach(job.id)


def test_states_only_move_forward(data: Dataset) -> None:
    record = tunekit.submit(data, backend="fake").record
    order = [State.QUEUED, State.RUNNING, State.QUEUED, State.PAUSED, State.RUNNING]
    for state in order:
        record = record.seen(Status(state, str(state)))
    record = record.seen(Status(State.SUCCEEDED, "done")).seen(Status(State.RUNNING, "running"))
    assert [one.state for one in record.states] == [
        "created",
        "queued",
        "running",
        "paused",
        "running",
        "succeeded",
    ]


def test_events_come_in_order_of_time(data: Dataset) -> None:
    job = tunekit.submit(data, backend="fake")
    job.wait()
    events = list(job.events())
    assert [one.at for one in events] == sorted(one.at for one in events)
    assert {"state", "metric", "progress"} <= {one.kind for one in events}


def test_jobs_are_listed_newest_first(data: Dataset, home: Path) -> None:
    ids = [tunekit.submit(data, backend="fake", seed=seed).id for seed in (1, 2, 3)]
    (home / "runs" / "20200101-stray").mkdir()
    listed = [job.id for job in tunekit.list_jobs()]
    assert sorted(ids) == sorted(listed)
    assert listed == sorted(listed, reverse=True)


def test_a_full_disk_leaves_no_run(data: Dataset, home: Path) -> None:
    script = (
        "import resource, signal, sys\n"
        "import tunekit\n"
        "from tunekit import Classification, Dataset\n"
        "from tunekit.errors import StoreError\n"
        "rows = [{'text': 'x' * 1000 + str(n), 'label': str(n % 2)} for n in range(64)]\n"
        "data = Dataset.from_rows(rows, Classification())\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        "    tunekit.submit(data, backend='fake')\n"
        "except StoreError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "TUNEKIT_HOME": str(home)},
        timeout=60,
        check=True,
    )
    assert "train.jsonl" in done.stdout and "again" in done.stdout
    assert [path for path in (home / "runs").iterdir() if path.is_dir()] == []


def test_a_plan_is_sent_as_it_was_shown(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,x\nb,x\nc,y\nd,y\n", "utf-8")
    planned = tunekit.plan(Dataset.read(path, Classification()), backend="fake")
    assert planned.rows == 4 and planned.method == "sft"
    path.write_text("text,label\na,x\nb,x\nc,y\nd,x\n", "utf-8")
    os.utime(path, ns=(1, 1))
    with pytest.raises(tunekit.DataError, match="changed"):
        tunekit.submit(planned)
    assert tunekit.list_jobs() == []


def test_a_plan_takes_no_second_set_of_settings(data: Dataset) -> None:
    planned = tunekit.plan(data, backend="fake")
    with pytest.raises(tunekit.InputError, match="plan"):
        tunekit.submit(planned, backend="fake")
    assert tunekit.submit(planned).wait().kind == "tuned"


# --- several clients, and what goes wrong between them --------------------------------------------


def test_a_cancel_while_the_job_is_being_sent_reaches_it(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    server.service.story = ("queued", *["running"] * 500, "succeeded")
    server.script("POST /files", Fault("slow", seconds=0.6))
    sending = threading.Thread(target=lambda: tunekit.submit(data, backend=backend))
    sending.start()
    while not any(one.method == "POST" for one in server.requests):
        time.sleep(0.01)
    [job] = tunekit.list_jobs()
    assert job.cancel().status == "cancelling"
    sending.join()
    assert job.refresh().status == "cancelled"
    assert sum(one.path.endswith("/cancel") for one in server.requests) == 1


def test_resume_revives_a_failure_that_nobody_saw(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    server.service.story = ("queued", "failed")
    first = tunekit.submit(data, backend=backend)
    server.service.story = ("queued", "running", "succeeded")
    assert first.status == "queued"
    again = tunekit.submit(data, backend=backend, resume=True)
    assert again.id == first.id and again.record.attempt == 2
    assert again.wait(timeout=20).kind == "tuned"


def test_resume_joins_a_success_that_nobody_saw(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    first = tunekit.submit(data, backend=backend)
    for _ in range(3):
        backend.poll("job-1")  # it goes on at the server, and nobody here looks
    again = tunekit.submit(data, backend=backend, resume=True)
    assert again.id == first.id and creations(server) == 1
    assert again.wait(timeout=20).kind == "tuned"


def test_the_bar_costs_no_job(
    data: Dataset, backend: FakeBackend, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich that is a terminal
    server.script("GET /jobs/job-1/events", Fault("garble"), always=True)
    assert tunekit.submit(data, backend=backend).wait(timeout=20).kind == "tuned"


def test_a_backend_that_stays_away_is_a_time_out_of_wait(
    data: Dataset, backend: FakeBackend, server: ScriptedServer
) -> None:
    job = tunekit.submit(data, backend=backend)
    server.script("GET /jobs/", Fault("refuse", status=503), always=True)
    with pytest.raises(WaitTimeout):
        job.wait(timeout=0.5)


def test_waiting_does_not_wait_for_the_locks_of_others(
    data: Dataset, backend: FakeBackend, server: ScriptedServer, home: Path
) -> None:
    server.script("GET /files", Fault("cut"), always=True)
    with pytest.raises(ConnectionFailed):
        tunekit.submit(data, backend=backend)
    [job] = tunekit.list_jobs()
    with Runs(home).key_lock(job.record.key):
        begun = time.monotonic()
        with pytest.raises(WaitTimeout):
            job.wait(timeout=0.3)
    assert time.monotonic() - begun < 5


def test_one_damaged_run_does_not_hide_the_others(data: Dataset, home: Path) -> None:
    good = tunekit.submit(data, backend="fake", seed=1)
    damaged = tunekit.submit(data, backend="fake", seed=2)
    (damaged.folder / "job.json").write_text('{"schema_version": 99}', "utf-8")
    stranger = tunekit.submit(data, backend="fake", seed=3)
    text = (stranger.folder / "job.json").read_text("utf-8")
    (stranger.folder / "job.json").write_text(
        text.replace('"fake",\n  "fake"', '"gone",\n  "gone"'), "utf-8"
    )
    assert {job.id for job in tunekit.list_jobs()} == {good.id, stranger.id}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"schema_version": 1', '"schema_version": 2'),
        ('"kind": "classification"', '"sort": "classification"'),
        ('"labels"', '"label_set"'),
        ('"system"', '"system_turn"'),
        ('"chat"', '"chatter"'),
    ],
)
def test_a_record_of_another_version_is_an_error_of_ours(old: str, new: str, data: Dataset) -> None:
    job = tunekit.submit(data, backend="fake")
    path = job.folder / "job.json"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(tunekit.TunekitError):
        tunekit.attach(job.id).wait(timeout=20)


@pytest.mark.parametrize(
    "error",
    [
        JobFailed("m", job_id="1"),
        WaitTimeout("m", job_id="1"),
        InvalidRequest("m", backend="b", status=400, request_id="r"),
        StoreError("m"),
        MissingExtra("m", extra="local"),
        PredictionError("m", {1: "x"}, ["y"]),
        tunekit.DataError("m", []),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_come_through_a_process_pool(error: tunekit.TunekitError) -> None:
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert str(copied) == str(error)
    assert vars(copied) == vars(error)
