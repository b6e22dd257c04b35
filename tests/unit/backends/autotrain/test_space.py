"""A Space from its rows to a model that came home: made once, and nothing of it left over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers

import tunekit
from tunekit import Classification, Dataset, Extraction, errors
from tunekit.backends.autotrain.project import Names
from tunekit.backends.base import Backend, ModelRef, State
from tunekit.job import Job
from tunekit.shapes import Passage, Weights
from tunekit.testing.hub import HubServer
from tunekit.testing.hub.spaces import SpaceRun
from tunekit.testing.server import Fault

from ..huggingface.endpoint import Endpoint

pytestmark = pytest.mark.torch
TOKEN = "hf_secret0123456789abcdef"
BASE = "sentence-transformers/all-MiniLM-L6-v2"
ROWS = [{"text": f"{word} number {n}", "label": word} for word in ("car", "pet") for n in range(6)]


def discussion(title: str) -> dict[str, Any]:
    return {
        "num": 1, "title": title, "author": {"name": "tester"}, "status": "open",
        "createdAt": "2026-11-22T08:54:09.000Z", "repo": {"name": "x", "type": "space"},
        "isPullRequest": False, "events": [],
    }  # fmt: skip


class World:
    """A hub, and what becomes of a Space on it once its story is over."""

    def __init__(self, server: HubServer) -> None:
        self.server = server
        self.told: dict[str, Any] = {}
        self.leaks = False
        self.weights = "model.safetensors"
        self.title: str | None = "Your training has finished successfully ✅"
        server.space_story = ("BUILDING", "RUNNING", "PAUSED")
        server.space_work = self.end

    def end(self, space: SpaceRun) -> None:
        self.told = json.loads(space.secrets["PARAMS"])
        kept = {name: one for name, one in self.told.items() if self.leaks or name != "token"}
        config = {
            "architectures": ["BertForSequenceClassification"],
            "model_type": "bert",
            "max_position_embeddings": 64,
            "id2label": {"0": "car", "1": "pet"},
        }
        files: dict[str, bytes | str] = {
            "config.json": json.dumps(config),
            "tokenizer.json": tokenizer(),
            "training_params.json": json.dumps(kept),
            "training_args.bin": b"a pickle",
            "checkpoint-8/model.safetensors": b"of a checkpoint",
            "checkpoint-8/optimizer.pt": b"a pickle",
        }
        if self.weights:
            files[self.weights] = b"weights"
            self.server.put(self.model, files, private=True)
        if self.title:
            state: Any = self.server._state
            state.repos["space", space.id].discussions.append(discussion(self.title))

    @property
    def model(self) -> str:
        return f"{self.told['username']}/{self.told['project_name']}"

    def backend(self, **options: Any) -> Backend:
        settings = {"settle": 0.0, "timeout": 2.0, "attempts": 1, "device": "cpu", **options}
        return tunekit.backend("autotrain", hub_endpoint=self.server.url, **settings)

    def submit(self, *, resume: bool = False, **options: Any) -> Job:
        return tunekit.submit(data(), backend=self.backend(**options), resume=resume)

    def there(self, kind: str) -> list[str]:
        return [one["id"] for one in self.server.repos() if one["kind"] == kind]


def tokenizer() -> str:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "car": 1, "pet": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return str(words.to_str())


def data() -> Dataset:
    return Dataset.from_rows(ROWS, Classification())


@pytest.fixture
def world(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with HubServer(key=TOKEN) as server:
        config = {"architectures": ["BertModel"], "model_type": "bert"}
        files = {
            "config.json": json.dumps({**config, "max_position_embeddings": 64}),
            "tokenizer.json": tokenizer(),
        }
        server.put(BASE, files)
        yield World(server)


def sent(world: World, path: str) -> list[Any]:
    return [one for one in world.server.requests if one.method == "POST" and path in one.path]


def test_a_model_that_is_served_is_asked_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDPOINT_TOKEN", "t-endpoint")
    job = world.submit()
    job.wait(timeout=20)
    with Endpoint() as server:
        server.answer = [[{"label": "pet", "score": 0.8}, {"label": "car", "score": 0.2}]]
        backend: Any = world.backend(answers_url=server.origin, answers_token_env="ENDPOINT_TOKEN")
        ref = ModelRef(backend.name, f"run:{job.id}")
        (outcome,) = asyncio.run(backend.predict(ref, [Passage("my pet")]))
        assert isinstance(outcome, Weights)
        assert dict(outcome.by_label) == {"pet": 0.8, "car": 0.2}
        assert [one.headers["authorization"] for one in server.requests] == ["Bearer t-endpoint"]


# --- what is made ---------------------------------------------------------------------------------


def test_a_space_is_told_what_autotrain_s_own_would_be(world: World) -> None:
    job = world.submit(keep_space=True)
    (space,) = world.server.spaces()
    run = f"tunekit-{job.id}"
    assert space["id"] == f"tester/autotrain-{run}" == job.record.ref
    assert space["private"]
    assert space["secrets"] == [
        "AUTOTRAIN_USERNAME", "DATA_PATH", "HF_TOKEN", "MODEL", "PARAMS", "PROJECT_NAME", "TASK_ID",
    ]  # fmt: skip
    docker = world.server.files(space["id"], kind="space")["Dockerfile"].read_text("utf-8")
    assert "autotrain-advanced==0.8.36" in docker
    assert "-U" not in docker
    job.wait(timeout=20)
    assert world.told["token"] == TOKEN  # its program needs it there, and fails without
    assert world.told["push_to_hub"] is True
    assert world.told["project_name"] == run
    assert world.told["data_path"] == f"tester/{run}-data"
    assert world.told["model"] == BASE
    assert world.told["max_seq_length"] == 64  # and not 128, which this model hasn't


def test_rows_have_classes_with_names(world: World) -> None:
    job = world.submit(keep_space=True)
    files = world.server.files(f"tester/tunekit-{job.id}-data", kind="dataset")
    card = yaml.safe_load(files["README.md"].read_text("utf-8").split("---")[1])
    text, label = card["dataset_info"]["features"]
    assert text == {"name": "text", "dtype": "string"}
    assert label["dtype"]["class_label"]["names"] == {"0": "car", "1": "pet"}
    rows = [json.loads(line) for line in files["train.jsonl"].read_text("utf-8").splitlines()]
    assert rows[0] == {"text": "car number 0", "label": 0}
    assert {row["label"] for row in rows} == {0, 1}
    (repo,) = [one for one in world.server.repos() if one["kind"] == "dataset"]
    assert repo["private"]


def test_spans_become_tags_of_words(world: World) -> None:
    rows = [{"text": "to New York, today", "spans": [(3, 11, "city")]}] * 4
    rows = [{**row, "text": f"{row['text']} {n}"} for n, row in enumerate(rows)]
    job = tunekit.submit(
        Dataset.from_rows(rows, Extraction()), backend=world.backend(keep_space=True)
    )
    files = world.server.files(f"tester/tunekit-{job.id}-data", kind="dataset")
    first = json.loads(files["train.jsonl"].read_text("utf-8").splitlines()[0])
    assert first == {"tokens": ["to", "New", "York", ",", "today", "0"], "tags": [0, 1, 2, 0, 0, 0]}
    assert "B-city" in files["README.md"].read_text("utf-8")


def test_a_base_model_of_another_kind_is_refused_before_anything_is_made(world: World) -> None:
    world.server.put(
        "acme/writer", {"config.json": json.dumps({"architectures": ["XForCausalLM"]})}
    )
    with pytest.raises(errors.WeightsError, match="is a language model"):
        tunekit.submit(
            data(), backend=world.backend(), model="acme/writer", method="text-classification"
        )
    with pytest.raises(errors.WeightsError, match="no base model 'acme/nowhere'"):
        tunekit.submit(data(), backend=world.backend(), model="acme/nowhere", method="auto")
    with pytest.raises(errors.WeightsError, match="always takes the newest"):
        tunekit.submit(data(), backend=world.backend(), model="acme/some@v2")
    assert world.there("space") == world.there("dataset") == []
    assert tunekit.list_jobs() == []


# --- what comes of it -----------------------------------------------------------------------------


def test_only_the_model_comes_home_and_only_it_stays(world: World, home: Path) -> None:
    job = world.submit()
    model = job.wait(timeout=20)
    assert model.ref.id == f"run:{job.id}"
    assert world.there("space") == world.there("dataset") == []
    assert world.model in world.there("model")
    names = {one.name for one in (job.folder / "model").iterdir()}
    assert names == {"config.json", "tokenizer.json", "training_params.json", "model.safetensors"}
    for path in home.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
    assert model.provenance["hyperparameters"]["epochs"] == 3
    assert tunekit.attach(job.id).status is State.SUCCEEDED


def test_what_is_to_be_kept_is_kept_and_the_model_may_go(world: World) -> None:
    world.submit(keep_space=True, keep_model=False).wait(timeout=20)
    assert len(world.there("space")) == len(world.there("dataset")) == 1
    assert world.there("model") == [BASE]


def test_finished_without_weights_is_a_failure(world: World) -> None:
    world.weights = ""
    job = world.submit()
    with pytest.raises(errors.JobFailed, match="there are no weights in tester/tunekit-"):
        job.wait(timeout=20)
    assert world.there("space") == world.there("dataset") == []


def test_an_adapter_alone_is_no_model(world: World) -> None:
    world.weights = "adapter_model.safetensors"
    with pytest.raises(errors.JobFailed, match="no weights"):
        world.submit().wait(timeout=20)


def test_a_failed_job_says_why_and_leaves_nothing(world: World) -> None:
    world.weights, world.title = "", "Your training has failed ❌"
    said = "ERROR    | 2026-11-22 08:54:04 | autotrain.trainers.common:wrapper:216 - no names"
    world.server.space_logs = [said]
    job = world.submit()
    with pytest.raises(errors.JobFailed, match="has failed: no names"):
        job.wait(timeout=20)
    assert world.there("space") == world.there("dataset") == []
    assert any("no names" in one.message for one in tunekit.attach(job.id).events())


def test_one_that_was_stopped_is_neither(world: World) -> None:
    world.weights, world.title = "", None
    with pytest.raises(errors.JobCancelled):
        world.submit().wait(timeout=20)
    assert world.there("space") == []


def test_cancel_takes_all_back_and_resume_is_another_space(world: World) -> None:
    world.server.space_story = ("BUILDING", *["RUNNING"] * 9, "PAUSED")
    job = world.submit()
    assert job.cancel().status is State.CANCELLED
    assert world.there("space") == world.there("dataset") == []
    world.server.space_story = ("BUILDING", "RUNNING", "PAUSED")
    again = world.submit(resume=True)
    assert again.id == job.id
    assert again.record.ref == f"tester/autotrain-tunekit-{job.id}-2"
    again.wait(timeout=20)
    assert world.server.started() == [job.record.ref, again.record.ref]


def test_a_job_that_costs_too_much_is_stopped(world: World) -> None:
    world.server.space_story = ("BUILDING", *["RUNNING"] * 99)
    job = world.submit(hardware="spaces-t4-small", price_per_minute=1e6, max_cost=1.0)
    with pytest.raises(errors.JobFailed, match=r"max_cost is \$1"):
        job.wait(timeout=20)
    assert world.there("space") == []


# --- lost answers ---------------------------------------------------------------------------------


def lose(world: World, route: Callable[[str], bool], fault: Fault) -> None:
    """The next request of this kind meets a fault."""
    faults: Any = world.server._faults
    left = [fault]

    def meet(asked: str) -> Fault:
        return left.pop() if left and route(asked) else Fault()

    faults._next = meet


LONG = pytest.mark.soak


@pytest.mark.parametrize(
    "kind", ["hang", pytest.param("cut", marks=LONG), pytest.param("garble", marks=LONG)]
)
@pytest.mark.parametrize("worked", [True, pytest.param(False, marks=LONG)])
@pytest.mark.parametrize(
    ("begins", "has"),
    [
        ("POST /api/datasets/", "/commit/"),
        ("POST /api/spaces/", "/commit/"),
        ("POST /api/repos/create", ""),
    ],
)
def test_a_lost_answer_makes_no_second_space(
    world: World, kind: Any, worked: bool, begins: str, has: str
) -> None:
    lose(
        world,
        lambda asked: asked.startswith(begins) and has in asked,
        Fault(kind, worked=worked),
    )
    for _ in range(4):
        try:
            job = world.submit(timeout=0.5)
            break
        except errors.BackendError as error:
            refused = error
    else:
        raise AssertionError(f"four calls, and no job yet: {refused}")
    job.wait(timeout=20)
    assert len(world.server.started()) == 1
    assert world.there("space") == world.there("dataset") == []


def test_a_space_whose_creation_nobody_saw_is_gone_on_with(world: World) -> None:
    """The Space is there, without its files: a second call completes it."""
    made = {"seen": 0}

    def second_create(asked: str) -> bool:
        made["seen"] += asked.startswith("POST /api/repos/create")
        return made["seen"] == 2 and asked.startswith("POST /api/repos/create")

    lose(world, second_create, Fault("hang", worked=True))
    with pytest.raises(errors.BackendTimeout):
        world.submit(timeout=0.5)
    assert len(world.there("space")) == 1
    assert world.server.started() == []
    job = world.submit(timeout=0.5)
    assert world.server.started() == [job.record.ref]


@pytest.mark.parametrize("kind", ["model", "space"])
def test_a_name_that_is_taken_is_somebody_s(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Names, "project", property(lambda names: "mine"))
    name = "tester/mine" if kind == "model" else "tester/autotrain-mine"
    if kind == "model":
        world.server.put(name, {"config.json": "{}"})
    else:
        from huggingface_hub import HfApi

        HfApi(world.server.url, TOKEN).create_repo(name, repo_type="space", space_sdk="docker")
    with pytest.raises(errors.Conflict, match=f"{name} already") as caught:
        world.submit()
    assert not caught.value.retryable
    assert world.server.started() == []
    assert name in world.there(kind)  # it isn't ours to remove


# --- tokens ---------------------------------------------------------------------------------------


def test_a_token_that_autotrain_wrote_down_is_taken_out_again(
    world: World, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.leaks = True
    job = world.submit()
    job.wait(timeout=20)
    there = world.server.files(world.model)["training_params.json"].read_text("utf-8")
    assert TOKEN not in there
    assert "revoke it" in caplog.text
    assert TOKEN not in caplog.text
    for path in home.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_a_log_that_says_the_token_is_kept_without_it(world: World) -> None:
    world.server.space_logs = [f"HF_TOKEN={TOKEN} and more"]
    job = world.submit()
    job.wait(timeout=20)
    told = [one.message for one in job.events()]
    assert any("HF_TOKEN=*** and more" in one for one in told)
    assert TOKEN not in json.dumps(told)


def test_without_a_token_nothing_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(errors.AuthenticationFailed, match="HF_TOKEN"):
        world.submit()
    assert not sent(world, "/api/")
