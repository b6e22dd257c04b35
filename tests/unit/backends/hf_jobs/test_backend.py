"""The client's side: what is sent, once, and what is believed of what comes back."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tunekit
from tunekit import errors
from tunekit.backends.base import ModelRef, State
from tunekit.backends.hf_jobs import HfJobsBackend
from tunekit.backends.hf_jobs.bundle import requirements
from tunekit.backends.hf_jobs.flavors import check_live
from tunekit.backends.trainer.backend import TrainerBackend
from tunekit.data.dataset import Dataset
from tunekit.job import Job
from tunekit.planning import Estimate, Setup
from tunekit.shapes import Failure, Passage, Weights
from tunekit.testing.hub import Fault, HubServer
from tunekit.training.card import Artifact

from ..huggingface.endpoint import Endpoint
from .samples import ARTIFACT, EVENTS, TOKEN, Make, bring_back

pytestmark = pytest.mark.torch

STORY = ("SCHEDULING", "RUNNING", "COMPLETED")
DONE = {"status": "succeeded", "artifact": "artifact", "temperature": 1.5, "applied": {"seed": 0}}


@pytest.fixture(autouse=True)
def _no_process(hub: HubServer) -> None:
    hub.job_story = STORY
    hub.job_work = lambda job: bring_back(hub, job, DONE)


def submit(backend: HfJobsBackend, data: Dataset, base: Path, **more: Any) -> Job:
    return tunekit.submit(data, backend=backend, model=str(base), method="head", **more)


def ended(job: Job) -> Job:
    while not job.status.terminal:
        job.refresh()
    return job


# --- what is sent ---------------------------------------------------------------------------------


def test_a_run_is_one_private_repository_one_commit_and_one_job(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    job = submit(make(), data, tiny_encoder)
    (repo,) = hub.repos()
    (told,) = hub.jobs()
    assert repo["id"] == f"tester/tunekit-{job.id}"
    assert repo["private"]
    commits = [one for one in hub.requests if "/commit/" in one.path]
    assert len(commits) == 1
    files = hub.files(repo["id"])
    expected = {"job.py", "job.json", "package.zip", "run/recipe.json", "run/data/train.jsonl"}
    assert expected < set(files)
    assert "base/model.safetensors" in files
    recipe = json.loads(files["run/recipe.json"].read_text())
    assert (recipe["base_path"], recipe["device"], recipe["cache"]) == ("", "auto", None)
    with zipfile.ZipFile(io.BytesIO(files["package.zip"].read_bytes())) as package:
        names = package.namelist()
    assert "tunekit/training/__main__.py" in names
    assert all(name.endswith(".py") for name in names)

    command = told["command"]
    assert command[:2] == ["uv", "run"]
    assert command[-3:-1] == ["python", "-c"]
    assert "--python" in command
    assert told["labels"]["tunekit_run"] == job.id
    assert told["timeout"] == 1800
    assert told["flavor"] == "cpu-basic"
    assert told["volumes"] is None  # nothing went through a bucket
    assert TOKEN not in json.dumps(told)
    body = next(one for one in hub.requests if one.path == "/api/jobs/tester" and one.body).body
    assert json.loads(body)["secrets"] == {"HF_TOKEN": TOKEN}


def test_what_is_installed_there_is_what_is_here() -> None:
    pinned = requirements("head")
    assert all("==" in one and "+" not in one for one in pinned)
    assert {one.partition("==")[0] for one in pinned} >= {"torch", "transformers", "pydantic"}
    assert any(one.startswith("bitsandbytes") for one in requirements("qlora"))


def test_a_base_of_the_hub_is_fetched_by_the_job(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path, tmp_path: Path
) -> None:
    commit = "c" * 40
    snapshot = tmp_path / "models--org--tiny" / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(tiny_encoder)
    from tunekit.backends.hf_jobs.bundle import bundle
    from tunekit.weights import read_folder

    job = submit(make(), data, tiny_encoder)
    weights = read_folder(tiny_encoder, name="org/tiny")
    backend = make()
    recipe, _ = backend.told(job._work)
    sent = bundle(recipe, weights._replace(path=snapshot), job.folder)
    assert not [name for name in sent.files if name.startswith("base/")]
    told = sent.files["job.json"]
    assert isinstance(told, bytes)
    assert json.loads(told)["base"] == {"repo": "org/tiny", "revision": commit}


# --- what it costs --------------------------------------------------------------------------------


def test_a_plan_says_the_price_its_date_and_the_most(
    make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    plan = tunekit.plan(
        data, backend=make(flavor="a10g-small", max_cost=0.25), model=str(tiny_encoder)
    )
    cost = plan.estimate.cost
    assert cost is not None
    assert "at most $0.25: it is stopped after 15 min" in cost
    assert "a10g-small at $1.00 an hour, as of 2026-11-26" in cost
    assert "no GPU's pace is known" in plan.estimate.note
    unknown = tunekit.plan(data, backend=make(flavor="new-chip"), model=str(tiny_encoder))
    assert unknown.estimate.cost is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"flavor": "h200x8", "max_cost": 1.0}, "its start alone"),
        ({"flavor": "new-chip", "max_cost": 1.0}, "price_per_minute"),
    ],
)
def test_what_even_a_start_exceeds_is_refused_before_anything_is_sent(
    hub: HubServer,
    make: Make,
    data: Dataset,
    tiny_encoder: Path,
    options: dict[str, Any],
    said: str,
) -> None:
    with pytest.raises(errors.ConfigError, match=said):
        submit(make(**options), data, tiny_encoder)
    assert hub.requests == []


def test_a_higher_price_of_the_day_is_refused_and_a_lower_taken(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    with pytest.raises(errors.InvalidRequest, match=r"price_per_minute=0\.000167"):
        submit(make(price_per_minute=0.0001), data, tiny_encoder)
    with pytest.raises(errors.InvalidRequest, match=r"no flavor 't4-smal'.*t4-small"):
        submit(make(flavor="t4-smal"), data, tiny_encoder)
    assert hub.jobs() == hub.repos() == []
    submit(make(price_per_minute=0.01), data, tiny_encoder)
    assert len(hub.jobs()) == 1


def test_the_time_out_comes_from_the_rows_in_the_run_folder(
    hub: HubServer,
    make: Make,
    data: Dataset,
    tiny_encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Setup] = []

    def hours(self: Any, setup: Setup) -> Estimate:
        seen.append(setup)
        return Estimate(seconds=3_600.0)

    monkeypatch.setattr(TrainerBackend, "prepare", hours)
    submit(make(), data, tiny_encoder)
    planned, again = seen
    assert again.data is not planned.data
    assert list(again.data) == list(planned.data)
    assert (again.hyperparameters, again.task) == (planned.hyperparameters, planned.task)
    submit(make(max_cost=0.01), data, tiny_encoder)
    assert [one["timeout"] for one in hub.jobs()] == [2 * (300 + 3_600), 3_600]


def test_a_machine_without_a_price_is_not_taken_where_a_cost_was_promised() -> None:
    machine = SimpleNamespace(name="odd", unit_label="moon", unit_cost_usd=1.0, accelerator=None)
    assert check_live("mine", "odd", 0.01, [machine], capped=False) == 0
    with pytest.raises(errors.InvalidRequest, match="max_cost can't be kept"):
        check_live("mine", "odd", 0.01, [machine], capped=True)
    machine = SimpleNamespace(name="odd", unit_label="hour", unit_cost_usd=0.6, accelerator=None)
    assert check_live("mine", "odd", 0.01, [machine], capped=True) == 0


def test_several_gpus_are_several_processes_and_a_timeout_that_is_set_holds(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    submit(make(flavor="l4x4", timeout=123.0, sharding="full"), data, tiny_encoder)
    (told,) = hub.jobs()
    assert told["environment"]["TUNEKIT_PROCESSES"] == "4"
    assert told["timeout"] == 123
    (repo,) = hub.repos()
    recipe = json.loads(hub.files(repo["id"])["run/recipe.json"].read_text())
    assert recipe["sharding"] == "full"


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"max_cost": -1.0},
        {"price_per_minute": float("inf")},
        {"call_timeout": 0},
        {"retries": -1},
        {"settle": float("nan")},
        {"sharding": "half"},
        {"sharding": "full", "flavor": "t4-small"},
        {"precision": "fp8"},
        {"endpoint": "https://user:word@hub"},
    ],
)
def test_options_that_cannot_be_are_refused(make: Make, options: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigError):
        make(**options)


def test_options_build_it_again_and_hold_no_token(make: Make, home: Path) -> None:
    one = make(max_cost=2.0)
    again = HfJobsBackend(home=home, **one.options)
    assert again.options == one.options
    assert TOKEN not in repr(one.options) + repr(one) + repr(vars(one))


# --- how it stands --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "state"),
    [
        ("SCHEDULING", State.QUEUED),
        ("RUNNING", State.RUNNING),
        ("CANCELED", State.CANCELLED),
        ("ERROR", State.FAILED),
        ("DELETED", State.FAILED),
        ("RETICULATING", State.UNKNOWN),
    ],
)
def test_each_stage_has_its_state_and_keeps_its_word(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path, stage: str, state: State
) -> None:
    hub.job_story = ("SCHEDULING", "RUNNING", "RUNNING", stage)
    backend = make()
    job = submit(backend, data, tiny_encoder)
    assert job.record.ref is not None
    status = backend.poll(job.record.ref)
    while status.raw != stage:
        status = backend.poll(job.record.ref)
    assert status.state is state
    assert (status.error is not None) is (state is State.FAILED)


def test_a_job_that_completed_without_weights_has_failed(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    hub.job_work = None
    hub.job_logs = ("Installed 40 packages", "tunekit-event {}", "Segmentation fault")
    job = ended(submit(make(), data, tiny_encoder))
    assert job.status is State.FAILED
    error = str(job.record.last.error)
    assert "brought no result back" in error
    assert "Segmentation fault" in error
    assert "tunekit-event" not in error


def test_a_result_without_weights_and_one_whose_files_are_gone_count_as_none(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    hub.job_work = lambda job: bring_back(hub, job, DONE, {"events.jsonl": EVENTS})
    job = ended(submit(make(), data, tiny_encoder))
    assert job.status is State.FAILED
    missing = {"artifact/encoder.safetensors": "0" * 64}
    hub.job_work = lambda job: bring_back(hub, job, DONE, named=missing)
    resumed = submit(make(), data, tiny_encoder, resume=True)
    assert ended(resumed).status is State.FAILED
    assert "encoder.safetensors, which the job brought back" in str(resumed.record.last.error)


def test_a_worker_that_failed_says_why_and_a_timeout_is_named(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    failed = {"status": "failed", "error": {"code": "data", "message": "row 3 is broken."}}
    hub.job_work = lambda job: bring_back(hub, job, failed, {})
    job = ended(submit(make(), data, tiny_encoder))
    with pytest.raises(errors.JobFailed, match="row 3 is broken"):
        job.wait()
    hub.job_story = ("RUNNING", "ERROR")
    hub.job_message = "Job timeout: it ran longer than 1800 seconds"
    job = ended(submit(make(), data, tiny_encoder, resume=True))
    assert "Job timeout: it ran longer than 1800 seconds" in str(job.record.last.error)


def test_events_are_told_while_it_runs_and_are_here_afterwards(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    hub.job_story = ("RUNNING", "RUNNING", "RUNNING", "COMPLETED")
    event = EVENTS.decode().strip().replace("hello", f"sent {TOKEN}")
    hub.job_logs = ("Installed 40 packages", f"tunekit-event {event}", "tunekit-event {torn")
    job = submit(make(), data, tiny_encoder)
    told = [one for one in job.events() if one.kind == "log"]
    assert [one.message for one in told] == ["sent ***"]
    ended(job).result()
    hub.script("GET /api/jobs/tester/", Fault("refuse", status=500))
    assert "hello" in [one.message for one in job.events()]


# --- what comes home ------------------------------------------------------------------------------


def test_the_model_comes_home_whole(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    model = submit(make(), data, tiny_encoder).wait(timeout=20)
    run = tunekit.attach(model.provenance["run"]).folder
    assert {one.name: one.read_bytes() for one in (run / "artifact").iterdir()} == {
        name.partition("/")[2]: content for name, content in ARTIFACT.items()
    }
    assert (run / "events.jsonl").read_bytes() == EVENTS
    assert model.ref.id == f"run:{run.name}"
    assert model.temperature == 1.5
    assert model.provenance["artifact"]["repo"] == f"tester/tunekit-{run.name}"
    assert not list(run.glob(".home*"))
    assert len(hub.repos()) == 1  # kept, since nobody said otherwise


def test_a_repository_that_is_not_to_be_kept_goes_once_the_model_is_here(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    backend = make(keep_repo=False)
    job = submit(backend, data, tiny_encoder)
    job.wait(timeout=20)
    assert hub.repos() == []
    assert job.record.ref is not None
    assert backend.poll(job.record.ref).state is State.SUCCEEDED  # it is here


@pytest.mark.parametrize(
    ("files", "named", "said"),
    [
        (None, {"artifact/head.safetensors": "0" * 64}, "isn't what the job wrote"),
        ({**ARTIFACT, "../../evil.json": b"x"}, None, "isn't taken"),
        ({**ARTIFACT, "artifact/code.py": b"x"}, None, "isn't taken"),
        ({**ARTIFACT, "artifact/.hidden.json": b"x"}, None, "isn't taken"),
        ({**ARTIFACT, "artifact/weights.bin": b"x"}, None, "isn't taken"),
        ({**ARTIFACT, "recipe.json": b"{}"}, None, "isn't taken"),
    ],
)
def test_what_is_not_what_it_says_is_not_taken(
    hub: HubServer,
    make: Make,
    data: Dataset,
    tiny_encoder: Path,
    files: dict[str, bytes] | None,
    named: dict[str, str] | None,
    said: str,
) -> None:
    def work(job: Any) -> None:
        held = {name: one for name, one in (files or {}).items() if ".." not in name}
        hashes = dict.fromkeys(set(files or {}) - set(held), "0" * 64)
        bring_back(hub, job, DONE, held or None, named={**hashes, **(named or {})})

    hub.job_work = work
    job = submit(make(), data, tiny_encoder)
    before = {one.name: one.read_bytes() for one in job.folder.iterdir() if one.is_file()}
    with pytest.raises((errors.MalformedAnswer, errors.JobFailed), match=said):
        job.wait(timeout=20)
    assert not (job.folder / "artifact").exists()
    assert not (job.folder / "result.json").exists()
    assert not list(job.folder.glob(".home*"))
    assert (job.folder / "recipe.json").read_bytes() == before["recipe.json"]


def test_a_model_that_is_served_is_asked_there(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    job = submit(make(), data, tiny_encoder)
    recipe, _ = make().told(job._work)
    card = Artifact(
        method="head",
        labels=recipe.labels,
        base=recipe.base,
        max_length=64,
        precision="fp32",
        temperature=None,
    )
    files = {**ARTIFACT, "artifact/artifact.json": card.model_dump_json().encode()}
    hub.job_work = lambda job: bring_back(hub, job, {**DONE, "temperature": None}, files)
    ended(job).result()
    with Endpoint() as server:
        server.answer = [[{"label": "LABEL_0", "score": 0.8}, {"label": "LABEL_1", "score": 0.2}]]
        backend = make(answers_url=server.origin, answers_token_env="MY_TOKEN")
        ref = ModelRef(backend.name, f"run:{job.id}")
        (outcome,) = asyncio.run(backend.predict(ref, [Passage("card")]))
        assert outcome == Weights(((recipe.labels[0], 0.8), (recipe.labels[1], 0.2)))
        assert [one.headers["authorization"] for one in server.requests] == [f"Bearer {TOKEN}"]
        (piece,) = backend.write(ref, Passage("card"), {})
        assert isinstance(piece, Failure)  # labels are no words


# --- once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["hang", "cut", "garble"])
@pytest.mark.parametrize("route", ["POST /api/repos/create", "POST /api/jobs/tester"])
def test_a_lost_answer_makes_no_second_repository_and_no_second_job(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path, route: str, fault: Any
) -> None:
    hub.script(route, Fault(fault, worked=True))
    backend = make(call_timeout=0.5)
    for _ in range(3):
        try:
            job = submit(backend, data, tiny_encoder)
            break
        except errors.BackendError:
            continue  # its answer was lost: the same call again
    else:
        pytest.fail("three calls, and no job yet")
    job.wait(timeout=20)
    assert len(hub.repos()) == len(hub.jobs()) == 1


def test_a_refused_job_leaves_no_repository(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    hub.credit = False
    with pytest.raises(errors.InvalidRequest, match="credit"):
        submit(make(), data, tiny_encoder)
    assert hub.repos() == hub.jobs() == []
    hub.credit = True
    submit(make(), data, tiny_encoder, resume=True).wait(timeout=20)
    assert len(hub.repos()) == len(hub.jobs()) == 1


def test_resuming_is_a_second_attempt_in_the_same_repository(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    hub.job_story = ("RUNNING", "ERROR")
    first = ended(submit(make(), data, tiny_encoder))
    hub.job_story = STORY
    again = submit(make(), data, tiny_encoder, resume=True)
    assert again.id == first.id
    again.wait(timeout=20)
    (repo,) = hub.repos()
    assert [one["labels"]["tunekit_attempt"] for one in hub.jobs()] == ["1", "2"]
    assert "attempts/2/outcome.json" in hub.files(repo["id"])
    commits = [one for one in hub.requests if "/commit/" in one.path]
    assert len(commits) == 1  # what was sent once is there


def test_it_is_found_by_its_label_and_cancelled(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    hub.job_story = ("RUNNING",) * 20
    backend = make()
    job = submit(backend, data, tiny_encoder)
    assert backend.find(job.id) == job.record.ref
    assert backend.find("20260101-000000000-00000000-0000") is None
    assert job.cancel().status is State.CANCELLED
    assert backend.poll(str(job.record.ref)).raw == "CANCELED"
    backend.cancel(str(job.record.ref))  # once more does no harm


def test_a_job_of_somebody_else_is_no_run(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path
) -> None:
    backend = make()
    ref = str(submit(backend, data, tiny_encoder).record.ref)
    shown = hub._state.jobs[ref.partition("/")[2]].shown
    for labels in ({}, {"tunekit_run": "..", "tunekit_attempt": "1"}, {"tunekit_run": "a"}):
        shown["labels"] = labels
        with pytest.raises(errors.NotFound, match="it is no run"):
            backend.result(ref)
    with pytest.raises(errors.InvalidRequest, match="NAMESPACE/ID"):
        backend.poll("job-1")
    with pytest.raises(errors.NotFound):
        backend.poll("tester/000000000000000000000000")


def test_no_token_is_on_disk(
    hub: HubServer, make: Make, data: Dataset, tiny_encoder: Path, home: Path
) -> None:
    submit(make(), data, tiny_encoder).wait(timeout=20)
    for path in home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    for path in hub.files(hub.repos()[0]["id"]).values():
        assert TOKEN.encode() not in path.read_bytes(), path
