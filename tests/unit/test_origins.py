"""Moving elsewhere what was tuned at a provider: from its files, from our runs, from its jobs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset, Extraction, Preference, errors
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.server import Fault

SYSTEM = "Sort what customers write."
THINGS = ("card", "app", "money", "phone")
LOST = ("lost in rome", "gone since monday", "stolen at night", "broken now", "nowhere to be found")
PRAISE = ("thanks a lot", "great work", "wonderful and quick", "i am happy", "you made my day")
#: Texts with their labels; no two are nearly the same, so that a split has something to choose.
MESSAGES = [
    (text, label)
    for thing in THINGS
    for lost, praise in zip(LOST, PRAISE, strict=True)
    for text, label in ((f"my {thing} is {lost}", "lost"), (f"{praise} for the {thing}", "praise"))
]
ROWS = [{"text": text, "label": label} for text, label in MESSAGES]


def chat(text: str, answer: str, system: str = SYSTEM) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": text},
            {"role": "assistant", "content": answer},
        ]
    }


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"\n".join(map(orjson.dumps, records)) + b"\n")
    return path


@pytest.fixture
def sft(tmp_path: Path) -> Path:
    """A file that was trained on at OpenAI, with words of its own."""
    return written(tmp_path / "sft.jsonl", [chat(*one) for one in MESSAGES])


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    rows = [
        {"text": f"{name} lost a card in {city}", "spans": [(0, len(name), "NAME")]}
        for name in ("ann", "ben", "zoe", "tom")
        for city in ("rome", "bonn", "köln", "ulm", "bern")
    ]
    data = Dataset.from_rows(rows, Extraction())
    data.to("openai-chat", tmp_path / "spans.jsonl")
    return tmp_path / "spans.jsonl"


@pytest.fixture
def dpo(tmp_path: Path) -> Path:
    def said(text: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": text}]

    rows = [
        {
            "input": {"messages": [{"role": "user", "content": f"what is {n} and {n}?"}]},
            "preferred_output": said(f"it is {2 * n}, thanks"),
            "non_preferred_output": said("no app"),
        }
        for n in range(20)
    ]
    return written(tmp_path / "dpo.jsonl", rows)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.story, server.least_lines = ("succeeded",), 1
        Path("tunekit.toml").write_text(
            f'[backends.openai]\nbase_url = "{server.url}"\napi_key_env = ""\nsettle = 0.0\n'
        )
        yield server


# --- from a file ----------------------------------------------------------------------------------


def test_a_training_file_to_another_backend(sft: Path) -> None:
    found = tunekit.migrate(sft, Classification(), to="fake", epochs=2)
    assert list(found.models) == ["migrated", "rule"]
    assert found.test["rows"] == 8 and found.task == "classification"
    model = found.model("migrated")
    assert (model.kind, model.spec.name) == ("tuned", "fake")
    assert isinstance(model.task, Classification) and model.task.labels == ("lost", "praise")
    assert model.provenance["rows"] == 32
    assert model.provenance["hyperparameters"]["epochs"] == 2
    found.require("migrated.accuracy >= 0.9", "migrated.accuracy >= rule.accuracy")


@pytest.mark.parametrize("kind", ["spans", "dpo"])
def test_files_of_other_tasks(kind: str, request: pytest.FixtureRequest) -> None:
    task: Any = {"spans": Extraction(), "dpo": Preference()}[kind]
    found = tunekit.migrate(request.getfixturevalue(kind), task, to="fake")
    assert found.task == task.kind and found.models["migrated"].model.kind == "tuned"
    assert sum(found.difference("migrated", "rule").rows) == found.test["rows"] == 4


@pytest.mark.torch
@pytest.mark.parametrize(
    "kind",
    ["sft", *(pytest.param(one, marks=pytest.mark.soak) for one in ("spans", "dpo"))],
)
def test_to_this_machine(kind: str, request: pytest.FixtureRequest, tiny_encoder: Path) -> None:
    tasks: Mapping[str, Any] = {
        "sft": Classification(), "spans": Extraction(), "dpo": Preference(),
    }  # fmt: skip
    given: Mapping[str, dict[str, Any]] = {"sft": {"method": "head"}, "spans": {"epochs": 1}}
    settings = given.get(kind, {})
    found = tunekit.migrate(
        str(request.getfixturevalue(kind)), tasks[kind], to="local", model=tiny_encoder, **settings
    )
    model = found.model("migrated")
    assert (model.kind, model.spec.name) == ("tuned", "local")
    assert found.models["migrated"].cost is None


def test_what_is_held_out_hangs_on_the_seed(sft: Path) -> None:
    def held_out(seed: int) -> set[str]:
        found = tunekit.migrate(sft, Classification(), to="fake", test=0.5, seed=seed)
        return {case.input for case in found.rows}

    assert len(held_out(1)) == 20 and held_out(1) == held_out(1) != held_out(2)


# --- from what was run ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["id", "job"])
def test_from_a_run_of_ours(how: str) -> None:
    job = tunekit.submit(Dataset.from_rows(ROWS, Classification()), backend="fake")
    job.wait()
    source = f"run:{job.id}" if how == "id" else job
    found = tunekit.migrate(source, Classification(), to="fake", epochs=2)
    assert list(found.models) == ["migrated", "before", "rule"]
    assert found.model("before").provenance["run"] == job.id
    before = found.models["before"].measure("accuracy")
    assert before is not None and before.value == 1.0  # it was trained on these very rows


def test_from_a_job_at_a_provider(server: OpenAIServer, sft: Path, home: Path) -> None:
    data = Dataset.read(sft, Classification(), format="openai-chat")
    job = tunekit.submit(data, backend="openai")
    tuned = job.wait()
    (remote,) = server.jobs()
    found = tunekit.migrate(f"openai:{remote['id']}", Classification(), to="fake")
    assert list(found.models) == ["migrated", "before", "rule"]
    before = found.model("before")
    assert (before.ref.id, before.spec.name) == (tuned.ref.id, "openai")
    assert found.models["before"].report.to_dict()["accuracy"]["value"] == 1.0
    assert (home / "sources" / f"openai-{remote['id']}.jsonl").is_file()
    assert {case.row for case in found.rows} <= set(range(8))


def test_the_old_model_is_asked_in_the_words_that_it_was_trained_with(
    server: OpenAIServer, sft: Path
) -> None:
    """Somebody else wrote the file, with a system turn that isn't ours."""
    remote = _trained_by_hand(server, sft)
    found = tunekit.migrate(f"openai:{remote}", Classification(), to="fake")
    assert found.model("before").prompt.system == SYSTEM
    asked = [
        orjson.loads(one.body)["messages"][0]
        for one in server.requests
        if one.path.endswith("/chat/completions")
    ]
    assert asked and all(one == {"role": "system", "content": SYSTEM} for one in asked)
    (job,) = server.jobs()
    again = tunekit.migrate(
        sft, Classification(), to="fake", was=f"openai:{job['fine_tuned_model']}"
    )
    assert again.model("before").prompt.system == SYSTEM


def test_rows_with_several_system_turns_leave_the_tasks_own(
    server: OpenAIServer, tmp_path: Path
) -> None:
    rows = [chat(*one, f"{SYSTEM} {n % 2}") for n, one in enumerate(MESSAGES)]
    remote = _trained_by_hand(server, written(tmp_path / "mixed.jsonl", rows))
    found = tunekit.migrate(f"openai:{remote}", Classification(), to="fake")
    before = found.model("before")
    assert before.prompt == before.task.prompt()


def _trained_by_hand(server: OpenAIServer, path: Path) -> str:
    """A job that wasn't started by tunekit."""
    import openai

    with openai.OpenAI(base_url=server.url, api_key="none") as client:
        file = client.files.create(file=path, purpose="fine-tune")
        job = client.fine_tuning.jobs.create(training_file=file.id, model="gpt-4.1-mini-2025-04-14")
        assert client.fine_tuning.jobs.retrieve(job.id).status == "succeeded"
    return job.id


def test_was_names_the_old_model(sft: Path, tmp_path: Path) -> None:
    data = Dataset.read(sft, Classification(), format="openai-chat")
    rule = tunekit.baseline(data, backend="trivial")
    found = tunekit.migrate(sft, Classification(), to="fake", was=rule)
    assert found.model("before") is rule
    saved = str(rule.save(tmp_path / "saved"))
    found = tunekit.migrate(sft, Classification(), to="fake", was=saved)
    assert found.model("before").kind == "trivial"


# --- what isn't there any more --------------------------------------------------------------------


def test_a_model_that_no_longer_answers_is_left_out(
    server: OpenAIServer, sft: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remote = _trained_by_hand(server, sft)
    gone = Fault("refuse", status=404, message="The model has ended")
    server.script("POST /chat/completions", gone, always=True)
    with caplog.at_level(logging.WARNING, logger="tunekit"):
        found = tunekit.migrate(f"openai:{remote}", Classification(), to="fake")
    assert list(found.models) == ["migrated", "rule"]
    assert "doesn't answer any more" in caplog.text
    with pytest.raises(errors.NotFound):  # asked for by name it has to be there
        tunekit.migrate(sft, Classification(), to="fake", was="openai:ft:gone")


def test_a_job_without_a_model_has_its_rows(server: OpenAIServer, sft: Path) -> None:
    server.story = ("running", "failed")
    import openai

    with openai.OpenAI(base_url=server.url, api_key="none") as client:
        file = client.files.create(file=sft, purpose="fine-tune")
        job = client.fine_tuning.jobs.create(training_file=file.id, model="gpt-4.1-mini-2025-04-14")
    found = tunekit.migrate(f"openai:{job.id}", Classification(), to="fake")
    assert list(found.models) == ["migrated", "rule"]


def test_a_run_without_a_model_has_its_rows(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.story = ("failed",)
    job = tunekit.submit(Dataset.from_rows(ROWS, Classification()), backend="openai")
    with pytest.raises(errors.JobFailed):
        job.wait()
    with caplog.at_level(logging.WARNING, logger="tunekit"):
        found = tunekit.migrate(f"run:{job.id}", Classification(), to="fake")
    assert list(found.models) == ["migrated", "rule"]
    assert "has no model to compare with" in caplog.text


# --- what can't be moved --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("nowhere.jsonl", errors.TunekitError, "nowhere.jsonl"),
        ("run:nobody", errors.JobNotFound, "nobody"),
        ("cloud9:job-1", errors.ConfigError, "cloud9"),
        ("fake:job-1", errors.UnsupportedTask, "download the training file"),
        ("openai:ftjob-none", errors.NotFound, "ftjob-none"),
        (3, errors.InputError, "source is int"),
        (None, errors.InputError, "source is NoneType"),
        ("nul\0:x", errors.ConfigError, "nul"),
    ],
)
def test_sources_that_are_none(
    server: OpenAIServer, source: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as caught:
        tunekit.migrate(source, Classification(), to="fake")
    assert isinstance(caught.value, errors.TunekitError) and said in str(caught.value)
    assert tunekit.list_jobs() == []


def test_nothing_is_tuned_where_something_else_goes_wrong(sft: Path, dpo: Path) -> None:
    with pytest.raises(errors.InputError, match="task is str"):
        tunekit.migrate(sft, "classification", to="fake")  # type: ignore[arg-type]
    with pytest.raises(errors.DataError, match="20 of 20 records"):  # not this task
        tunekit.migrate(dpo, Classification(), to="fake")
    with pytest.raises(errors.UnsupportedTask, match="can't be compared"):
        tunekit.migrate(dpo, Preference(goal="answer"), to="fake")
    with pytest.raises(errors.ModelError, match="'nothing'"):
        tunekit.migrate(sft, Classification(), to="fake", was="nothing")
    with pytest.raises(errors.ConfigError, match="cloud9"):
        tunekit.migrate(sft, Classification(), to="cloud9")
    with pytest.raises(errors.HyperparameterError, match="lora"):
        tunekit.migrate(sft, Classification(), to="fake", lora=3)
    assert tunekit.list_jobs() == []
