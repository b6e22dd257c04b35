"""The job's side, with the real worker in a process of its own."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import errors
from tunekit.backends.base import State
from tunekit.backends.local import LocalBackend
from tunekit.data.dataset import Dataset
from tunekit.job import Job
from tunekit.testing.hub import Fault, HubServer

from .samples import TOKEN, Make

pytestmark = pytest.mark.torch

#: A busy machine takes its time to import torch.
PATIENCE = 240.0


def submit(backend: Any, data: Dataset, base: Path, method: str = "head", **more: Any) -> Job:
    return tunekit.submit(data, backend=backend, model=str(base), method=method, **more)


def artifact(job: Job) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in (job.folder / "artifact").iterdir()}


def same_as_local(
    hub: HubServer, make: Make, data: Dataset, base: Path, home: Path, method: str, **more: Any
) -> None:
    there = submit(make(), data, base, method, **more)
    here = submit(LocalBackend(home=home), data, base, method, **more)
    tuned, local = there.wait(timeout=PATIENCE), here.wait(timeout=PATIENCE)
    weights = {name: one for name, one in artifact(there).items() if name.endswith("tensors")}
    assert weights
    for name, content in weights.items():
        assert content == artifact(here)[name], f"{name} differs"
    assert tuned.temperature == local.temperature
    texts = ["my card", "money", "great app"]
    assert tuned.predict(texts) == local.predict(texts)
    assert hub.processes() == []
    kinds = [event.kind for event in there.events()]
    assert "metric" in kinds
    (told,) = hub.jobs()
    assert told["status"]["stage"] == "COMPLETED"
    marked = [line for line in told["log"].splitlines() if line.startswith("tunekit-event ")]
    assert len(marked) == len((there.folder / "events.jsonl").read_bytes().splitlines())
    assert TOKEN not in told["log"]


def test_the_job_gives_the_very_weights_of_the_local_backend(
    hub: HubServer,
    make: Make,
    data: Dataset,
    tiny_encoder: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    same_as_local(hub, make, data, tiny_encoder, home, "head", seed=7)


@pytest.mark.soak
@pytest.mark.parametrize("method", ["full", "lora"])
def test_so_it_does_where_all_weights_or_an_adapter_are_trained(
    hub: HubServer,
    make: Make,
    data: Dataset,
    tiny_encoder: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    same_as_local(hub, make, data, tiny_encoder, home, method, seed=7, epochs=2)


@pytest.mark.soak
def test_so_it_does_with_a_real_encoder(
    hub: HubServer,
    make: Make,
    data: Dataset,
    minilm: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    hub.large_from = 1_000_000  # by Git LFS
    same_as_local(hub, make, data, minilm, home, "head", seed=7)


def test_what_was_changed_on_the_way_is_not_trained_on(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    hub.job_wait = 30.0
    job = submit(make(), data, tiny_encoder)
    (told,) = hub.jobs()
    changed = hub.put(told["environment"]["TUNEKIT_REPO"], {"base/model.safetensors": b"others"})
    job.cancel()
    hub.job_wait = 0.0
    # The revision that a job is told is the one it takes; this one is told another.
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=TOKEN)
    environment = {**told["environment"], "TUNEKIT_REVISION": changed, "TUNEKIT_ATTEMPT": "9"}
    again = api.run_job(
        image="any",
        command=told["command"],
        env=environment,
        secrets={"HF_TOKEN": TOKEN},
        labels={"tunekit_run": job.id, "tunekit_attempt": "9"},
        namespace="tester",
    )
    ended = api.wait_for_job(again.id, timeout=60, namespace="tester")
    assert ended.status.stage == "ERROR"
    log = hub.jobs()[-1]["log"]
    assert "model.safetensors isn't what was sent" in log
    status = make().poll(f"tester/{again.id}")
    assert status.state is State.FAILED
    assert "isn't what was sent" in str(status.error)


@pytest.mark.soak
def test_a_training_that_fails_says_why_and_leaves_nothing_alive(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = make().told

    def broken(self: Any, work: Any) -> Any:
        recipe, weights = real(work)
        return recipe.model_copy(update={"labels": ("card",)}), weights

    monkeypatch.setattr("tunekit.backends.hf_jobs.backend.HfJobsBackend.told", broken)
    job = submit(make(), data, tiny_encoder)
    with pytest.raises(errors.JobFailed) as caught:
        job.wait(timeout=PATIENCE)
    assert str(job.record.last.error) in str(caught.value)
    assert "brought no result back" not in str(caught.value)
    assert hub.processes() == []


@pytest.mark.soak
def test_a_cancelled_job_and_one_whose_time_is_over_leave_no_process(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    job = submit(make(), data, tiny_encoder, "full", epochs=3000)
    _at_work(hub)
    with pytest.raises(errors.JobCancelled):
        job.cancel().wait(timeout=PATIENCE)
    _nobody(hub)
    late = submit(make(timeout=15.0), data, tiny_encoder, "full", epochs=3001)
    with pytest.raises(errors.JobFailed, match="timeout"):
        late.wait(timeout=PATIENCE)
    _nobody(hub)


@pytest.mark.soak
def test_a_machine_with_two_gpus_trains_in_two_processes(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    job = submit(make(flavor="a10g-largex2"), data, tiny_encoder, "full", epochs=1)
    model = job.wait(timeout=PATIENCE)
    assert model.provenance["metrics"]["processes"] == 2
    assert hub.processes() == []


@pytest.mark.soak
def test_what_the_hub_refuses_for_a_while_is_waited_out_in_the_job(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    job = submit(make(), data, tiny_encoder)
    (repo,) = hub.repos()
    hub.script(f"POST /api/models/{repo['id']}/commit", Fault("refuse", status=500), Fault("cut"))
    job.wait(timeout=PATIENCE)
    files = hub.files(repo["id"])
    outcome = json.loads(files["attempts/1/outcome.json"].read_text())
    assert outcome["result"]["status"] == "succeeded"


def _at_work(hub: HubServer) -> None:
    until = time.monotonic() + PATIENCE
    while "loading the base model" not in hub.jobs()[-1]["log"]:
        assert time.monotonic() < until
        time.sleep(0.1)


def _nobody(hub: HubServer) -> None:
    """No process of a job lives, and none of those that it started."""
    until = time.monotonic() + 30
    while hub.processes() or _workers():
        assert time.monotonic() < until, (hub.processes(), _workers())
        time.sleep(0.1)


def _workers() -> list[int]:
    """Workers at a folder of a job, by what stands in the process table."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"tunekit.training" in command and b"/tunekit-" in command:
            parent = (entry / "stat").read_text().split(")")[-1].split()[1]
            if int(parent) in (1, os.getpid()):
                found.append(int(entry.name))
    return found
