"""Jobs on the scripted hub, as huggingface_hub uses them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, JobNotFoundError

from tunekit.testing.hub import Fault, HubServer, JobRun

from .conftest import READER, STRANGER, WRITER, gone, until

STORY = ("SCHEDULING", "RUNNING", "COMPLETED")
SAYS = "import os; print('a is', os.environ.get('A')); print('s is', len(os.environ['S']))"


def python(api: HfApi, code: str, **more: object) -> str:
    job = api.run_uv_job(
        "python",
        script_args=["-c", code],
        dependencies=["tunekit-sdk"],
        python="3.12",
        namespace="me",
        **more,  # type: ignore[arg-type]
    )
    return job.id


def wait(api: HfApi, id: str) -> str:
    job = api.wait_for_job(id, timeout=20, poll_interval=0.05, namespace="me")
    return job.status.stage


def test_a_job_runs_its_command(server: HubServer, api: HfApi) -> None:
    id = python(api, SAYS, env={"A": "1"}, secrets={"S": "sesame-sesame"}, labels={"run": "r-1"})
    assert wait(api, id) == "COMPLETED"
    assert list(api.fetch_job_logs(job_id=id, namespace="me", follow=True)) == [
        "a is 1",
        "s is 13",
    ]
    job = api.inspect_job(job_id=id, namespace="me")
    assert (job.flavor, job.owner.name, job.secrets) == ("cpu-basic", "me", {})
    assert job.command and job.command[:2] == ["uv", "run"]
    assert job.started_at and job.finished_at and job.durations
    assert server.processes() == []
    assert "sesame" not in str(server.jobs())


def test_a_job_finds_no_environment_but_its_own(
    server: HubServer, api: HfApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")
    server.local_environment = {"MORE": "2"}
    code = "import os; print(sorted(os.environ))"
    id = python(api, code, secrets={"S": "x"})
    wait(api, id)
    said = server.jobs()[0]["log"]
    assert "'S'" in said and "'MORE'" in said and "HF_ENDPOINT" in said
    assert "HF_TOKEN" not in said


def test_a_job_that_fails(api: HfApi) -> None:
    id = python(api, "import sys; print('oh'); sys.exit(3)")
    assert wait(api, id) == "ERROR"
    message = api.inspect_job(job_id=id, namespace="me").status.message
    assert message and "exit code: 3" in message
    missing = api.run_job(image="x", command=["no-such-command"], namespace="me")
    assert wait(api, missing.id) == "ERROR"


def test_a_job_that_takes_too_long(server: HubServer, api: HfApi) -> None:
    id = python(api, "import time; time.sleep(60)", timeout=1)
    assert wait(api, id) == "ERROR"
    message = api.inspect_job(job_id=id, namespace="me").status.message
    assert message and "timeout" in message
    until(lambda: not server.processes())


def test_cancel_ends_the_whole_group(server: HubServer, api: HfApi, tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c',"
        "'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)']);"
        f"open({str(child)!r}, 'w').write(str(p.pid)); print('up', flush=True); time.sleep(60)"
    )
    id = python(api, code)
    until(lambda: "up" in server.jobs()[0]["log"])
    assert len(server.processes()) == 1
    api.cancel_job(job_id=id, namespace="me")
    assert api.inspect_job(job_id=id, namespace="me").status.stage == "CANCELED"
    until(lambda: not server.processes())
    assert gone(int(child.read_text()))
    api.cancel_job(job_id=id, namespace="me")  # once more changes nothing


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells whose a process is")
def test_what_left_the_group_ends_as_well(api: HfApi, tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c',"
        "'import time; time.sleep(60)'], start_new_session=True, stdout=subprocess.DEVNULL);"
        f"open({str(child)!r}, 'w').write(str(p.pid))"
    )
    assert wait(api, python(api, code)) == "COMPLETED"
    assert gone(int(child.read_text()))


def test_nothing_lives_once_the_server_ends(tmp_path: Path) -> None:
    before = threading.active_count()
    with HubServer(tmp_path) as server:
        api = HfApi(endpoint=server.url, token="hf_any")
        for _ in range(2):
            api.run_job(
                image="x",
                command=["python", "-c", "import time; time.sleep(60)"],
                namespace="tester",
            )
        until(lambda: len(server.processes()) == 2)
        pids = server.processes()
    assert all(gone(pid) for pid in pids)
    assert threading.active_count() == before


def test_logs_are_streamed_while_it_runs(server: HubServer, api: HfApi, tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = (
        "import os, time; print('first', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        "print('second')"
    )
    id = python(api, code)
    lines = iter(api.fetch_job_logs(job_id=id, namespace="me", follow=True))
    assert next(lines) == "first"
    assert api.inspect_job(job_id=id, namespace="me").status.stage == "RUNNING"
    go.touch()
    assert list(lines) == ["second"]
    assert list(api.fetch_job_logs(job_id=id, namespace="me", tail=1)) == ["second"]


def test_a_stream_that_breaks_off(server: HubServer, api: HfApi) -> None:
    server.job_story, server.job_logs = ("RUNNING", "RUNNING", "COMPLETED"), ("1", "2", "3")
    server.log_cuts = [2]
    id = python(api, "")
    headers = {"authorization": f"Bearer {WRITER}"}
    told = []
    with (
        pytest.raises(httpx2.RemoteProtocolError),
        httpx2.stream("GET", f"{server.url}/api/jobs/me/{id}/logs", headers=headers) as reply,
    ):
        told.extend(reply.iter_lines())
    assert list(api.fetch_job_logs(job_id=id, namespace="me")) == ["1", "2", "3"]
    server.log_cuts = [2]  # the client comes again for the rest
    assert list(api.fetch_job_logs(job_id=id, namespace="me", follow=True)) == ["1", "2", "3"]


def test_a_job_runs_what_the_test_says(server: HubServer, api: HfApi) -> None:
    seen: list[JobRun] = []

    def instead(job: JobRun) -> list[str]:
        seen.append(job)
        return [sys.executable, "-c", "print('instead')"]

    server.job_runner = instead
    server.job_wait = 0.2
    id = python(api, "1/0", secrets={"S": "sesame"})
    assert api.inspect_job(job_id=id, namespace="me").status.stage == "SCHEDULING"
    assert wait(api, id) == "COMPLETED"
    assert "instead" in server.jobs()[0]["log"]
    assert seen[0].secrets == {"S": "sesame"}
    assert "sesame" not in repr(seen[0])


def test_a_story_needs_no_process(server: HubServer, api: HfApi) -> None:
    server.job_story, server.job_logs = STORY, ("step 1", "step 2")

    def work(job: JobRun) -> None:
        api.upload_file(
            path_or_fileobj=job.labels["run"].encode(), path_in_repo="a", repo_id="me/out"
        )

    api.create_repo("me/out")
    server.job_work = work
    id = python(api, "", labels={"run": "r-1"})
    assert server.jobs()[0]["status"]["stage"] == "SCHEDULING"
    stages = [api.inspect_job(job_id=id, namespace="me").status.stage for _ in range(3)]
    assert stages == ["RUNNING", "COMPLETED", "COMPLETED"]
    assert list(api.fetch_job_logs(job_id=id, namespace="me")) == ["step 1", "step 2"]
    assert server.files("me/out")["a"].read_text() == "r-1"
    id = python(api, "")  # has no label
    assert wait(api, id) == "ERROR"
    assert api.inspect_job(job_id=id, namespace="me").status.message == "KeyError: 'run'"
    server.job_story, server.job_message = ("RUNNING", "ERROR"), "out of memory"
    id = python(api, "")
    assert wait(api, id) == "ERROR"
    assert api.inspect_job(job_id=id, namespace="me").status.message == "out of memory"


def test_lists_and_labels(server: HubServer, api: HfApi) -> None:
    server.job_story = STORY
    first = python(api, "", labels={"tunekit_run": "r-1"})
    second = python(api, "", labels={"tunekit_run": "r-2", "more": "x"})
    assert [job.id for job in api.list_jobs(namespace="me")] == [second, first]
    found = api.list_jobs(namespace="me", labels={"tunekit_run": "r-2", "more": "x"})
    assert [job.id for job in found] == [second]
    assert list(api.list_jobs(namespace="me", status="RUNNING")) == []
    assert list(api.list_jobs(namespace="lab")) == []
    api.update_job_labels(job_id=first, labels={"tunekit_run": "r-2"}, namespace="me")
    found = api.list_jobs(namespace="me", labels={"tunekit_run": "r-2"})
    assert [job.id for job in found] == [second, first]


def test_machines_have_prices(api: HfApi) -> None:
    machines = {one.name: one for one in api.list_jobs_hardware()}
    assert machines["a10g-small"].unit_label == "minute"
    assert 0.016 < machines["a10g-small"].unit_cost_usd < 0.017
    assert machines["l4x4"].accelerator is not None
    assert machines["cpu-basic"].accelerator is None


def test_what_is_no_job(server: HubServer, api: HfApi) -> None:
    with pytest.raises(JobNotFoundError):
        api.inspect_job(job_id="nothing", namespace="me")
    with pytest.raises(BadRequestError, match="flavor"):
        python(api, "", flavor="abacus")
    with pytest.raises(BadRequestError, match="label"):
        python(api, "", labels={"a": "b/c"})
    for token in (READER, STRANGER):
        with pytest.raises(HfHubHTTPError, match="403"):
            python(HfApi(endpoint=server.url, token=token), "")
    server.credit = False
    with pytest.raises(HfHubHTTPError, match="402"):
        python(api, "")
    server.credit = True
    server.script("POST /api/jobs", Fault("refuse", status=429, worked=True))
    with pytest.raises(HfHubHTTPError, match="429"):
        python(api, "")
    assert len(server.jobs()) == 1  # it was made all the same
    assert WRITER not in str(server.jobs())
