"""Jobs at the provider: started once, found again, cleaned up, and what came of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Preference, errors
from tunekit.backends.base import ModelRef
from tunekit.backends.openai import OpenAIBackend
from tunekit.backends.openai.hosts import OPENAI_URL
from tunekit.backends.openai.results import figures_in
from tunekit.shapes import Turn, Turns
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.server import Fault

WORDS = ("car", "home", "pet")
ROWS = [{"text": f"{word} number {n}", "label": word} for word in WORDS for n in range(8)]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.story = ("running", "succeeded")
        yield server


def over(server: OpenAIServer, **options: Any) -> OpenAIBackend:
    settings = {"api_key_env": "", "settle": 0.0, "timeout": 2.0, "retries": 1, **options}
    built = tunekit.backend("openai", base_url=server.url, **settings)
    assert isinstance(built, OpenAIBackend)
    return built


def data(count: int = 24) -> Dataset:
    return Dataset.from_rows(ROWS[:count], Classification())


def bodies(server: OpenAIServer, method: str, path: str) -> list[Any]:
    found = [one for one in server.requests if one.method == method and one.path.endswith(path)]
    return [json.loads(one.body) for one in found]


def sent_files(server: OpenAIServer) -> int:
    return sum(
        one.method == "POST" and one.path.endswith("/files") for one in list(server.requests)
    )


def test_what_is_asked_for_is_sent(server: OpenAIServer) -> None:
    job = tunekit.submit(
        data(), backend=over(server), validation=data(6), epochs=2, suffix="mine", seed=5
    )
    (body,) = bodies(server, "POST", "/fine_tuning/jobs")
    assert body["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 2}},
    }
    assert (body["suffix"], body["seed"]) == ("mine", 5)
    assert body["metadata"] == {"tunekit_run": job.id}
    assert body["validation_file"] != body["training_file"]
    model = job.wait(timeout=20)
    applied = model.provenance["hyperparameters"]
    assert applied["epochs"] == 2
    assert isinstance(applied["batch_size"], int)  # what "auto" became


@pytest.mark.parametrize("encoded", [False, True])
def test_figures_of_the_training_come_along(server: OpenAIServer, encoded: bool) -> None:
    server.base64_results = encoded
    job = tunekit.submit(data(), backend=over(server))
    model = job.wait(timeout=20)
    metrics = model.provenance["metrics"]
    assert metrics["trained_tokens"] > 0
    assert metrics["step"] >= 1 and metrics["train_loss"] >= 0
    assert all(one["model"].startswith("ft:") for one in metrics["checkpoints"])
    kinds = {event.kind for event in job.events()}
    assert {"metric", "log"} <= kinds
    numbers = [event.data for event in job.events() if event.kind == "metric"]
    assert all("step" in one and "train_loss" in one for one in numbers)


def test_files_are_found_by_their_content(server: OpenAIServer) -> None:
    tunekit.tune(data(), backend=over(server))
    tunekit.tune(data(), backend=over(server), epochs=5)
    assert sent_files(server) == 1
    assert len(server.jobs()) == 2


def test_a_large_file_goes_in_parts(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunekit.backends.openai.files.PART", 500)
    model = tunekit.tune(data(), backend=over(server, largest_file=1_000))
    assert model.predict("pet number 3").label == "pet"
    assert sent_files(server) == 0
    parts = [one for one in server.requests if one.path.endswith("/parts")]
    assert len(parts) > 3
    tunekit.tune(data(), backend=over(server, largest_file=1_000), epochs=5)
    again = [one for one in server.requests if one.path.endswith("/parts")]
    assert len(again) == len(parts)


def test_a_server_that_ignores_the_filter_starts_no_second_job(server: OpenAIServer) -> None:
    tunekit.tune(data(), backend=over(server))
    server.ignores_filter = True
    server.script("POST /fine_tuning/jobs", Fault("hang", worked=True))
    with pytest.raises(errors.BackendTimeout):
        tunekit.submit(data(), backend=over(server), epochs=4)
    job = tunekit.submit(data(), backend=over(server), epochs=4)
    assert len(server.jobs()) == 2
    assert job.record.ref == server.jobs()[-1]["id"]


def test_a_server_that_drops_metadata_starts_no_second_job(server: OpenAIServer) -> None:
    server.keeps_metadata = False
    server.script("POST /fine_tuning/jobs", Fault("hang", worked=True))
    with pytest.raises(errors.BackendTimeout):
        tunekit.submit(data(), backend=over(server))
    job = tunekit.submit(data(), backend=over(server))
    assert len(server.jobs()) == 1
    job.wait(timeout=20)


def test_training_that_is_closed_says_where_else(server: OpenAIServer) -> None:
    server.closed = True
    with pytest.raises(errors.PermissionDenied) as raised:
        tunekit.submit(data(), backend=over(server))
    said = str(raised.value)
    assert raised.value.code == "training_not_available"
    assert "backend 'local'" in said and "base_url" in said
    assert "fake" not in said
    assert server.files() == []  # what was sent for it is gone
    (job,) = tunekit.list_jobs()
    assert job.status == "failed"


def test_a_file_that_another_job_uses_stays(server: OpenAIServer) -> None:
    server.story = ("running",) * 9
    tunekit.submit(data(), backend=over(server))
    server.script("POST /fine_tuning/jobs", Fault("refuse", status=400, message="no"))
    with pytest.raises(errors.InvalidRequest):
        tunekit.submit(data(), backend=over(server), epochs=5)
    assert len(server.files()) == 1


def test_a_failed_job_says_what_the_provider_says(server: OpenAIServer) -> None:
    server.story = ("validating_files", "failed")
    with pytest.raises(tunekit.JobFailed) as raised:
        tunekit.tune(data(), backend=over(server))
    assert "[" in str(raised.value)


def test_pause_and_resume(server: OpenAIServer) -> None:
    server.story = ("running", "running", "succeeded")
    job = tunekit.submit(data(), backend=over(server))
    assert job.pause().status == "paused"
    assert job.refresh().status == "paused"
    assert job.resume().status != "paused"
    job.wait(timeout=20)
    with pytest.raises(tunekit.JobError, match="already"):
        job.pause()


@pytest.mark.parametrize("step", ["cancel", "pause", "resume"])
def test_what_answers_garbage_was_asked_all_the_same(server: OpenAIServer, step: str) -> None:
    server.story = ("running",) * 9
    job = tunekit.submit(data(), backend=over(server))
    if step == "resume":
        job.pause()
    server.script(f"POST /fine_tuning/jobs/{job.record.ref}/{step}", Fault("garble", worked=True))
    getattr(job, step)()
    expected = {"cancel": "cancelled", "pause": "paused", "resume": "running"}
    assert job.refresh().status == expected[step]


def test_a_backend_without_pause_says_so() -> None:
    job = tunekit.submit(data(), backend="fake")
    with pytest.raises(tunekit.UnsupportedTask, match="can't pause"):
        job.pause()


def test_pairs_are_trained_by_dpo(server: OpenAIServer) -> None:
    rows = [
        {
            "question": f"Where is room {n}?",
            "options": ["Go away.", f"Turn left at {n}."],
            "best": 1,
        }
        for n in range(12)
    ]
    pairs = Dataset.from_rows(rows, Preference("answer"))
    model = tunekit.tune(pairs, backend=over(server), beta=0.2)
    (body,) = bodies(server, "POST", "/fine_tuning/jobs")
    assert body["method"]["dpo"]["hyperparameters"] == {"beta": 0.2}
    assert model.predict("Where is room 3?") == "Turn left at 3."


def test_a_tuned_model_is_loaded_by_its_id(server: OpenAIServer, monkeypatch: Any) -> None:
    model = tunekit.tune(data(), backend=over(server))
    monkeypatch.setenv("TUNEKIT_BACKENDS__OPENAI__BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    loaded = tunekit.load(f"openai:{model.ref.id}", task=model.task)
    assert loaded.predict("home number 2").label == "home"


def test_azure_names_the_step_that_is_missing(home: Any, httpx2_mock: Any) -> None:
    url = "https://mine.openai.azure.com/openai/v1"
    httpx2_mock.post(f"{url}/chat/completions").respond(
        404, json={"error": {"code": "DeploymentNotFound", "message": "no deployment"}}
    )
    backend = OpenAIBackend(home=home, name="azure", base_url=url, api_key_env="")
    with pytest.raises(errors.NotFound, match=r"deployment = .*\[backends.azure\]"):
        asyncio.run(backend.predict(ModelRef("azure", "ft:x"), [Turns((Turn("user", "hi"),))]))


def test_azure_is_told_the_training_type(server: OpenAIServer) -> None:
    server.azure = True
    tunekit.tune(data(), backend=over(server, training_type="GlobalStandard"))
    (body,) = bodies(server, "POST", "/fine_tuning/jobs")
    assert body["trainingType"] == "GlobalStandard"


@pytest.mark.usefixtures("training_is_open")
def test_openais_own_base_is_looked_at_first(home: Any, httpx2_mock: Any, caplog: Any) -> None:
    url = "https://api.openai.com/v1"
    httpx2_mock.get(f"{url}/models/gpt-4.1-mini-2025-04-14").respond(
        404, json={"error": {"code": "model_not_found", "message": "gone"}}
    )
    jobs = httpx2_mock.get(f"{url}/fine_tuning/jobs").respond(json={"data": [], "has_more": False})
    backend = OpenAIBackend(home=home, api_key_env="")
    with pytest.raises(errors.NotFound):
        tunekit.submit(data(), backend=backend)
    assert jobs.called  # was there such a job already?
    assert {call.request.method for call in httpx2_mock.calls} == {"GET"}


# --- whatever a server may answer -----------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"a,b\r1,2\rx", b"\xef\xbb\xbfstep,loss\n1,nan\n", b"\0,\0", b""]
)
def test_odd_figures_are_no_reason_to_lose_a_model(server: OpenAIServer, content: bytes) -> None:
    job = tunekit.submit(data(), backend=over(server))
    while job.refresh().status != "succeeded":
        pass
    (result,) = server.jobs()[0]["result_files"]
    server._state.path(result).write_bytes(content)
    model = job.wait(timeout=20)
    assert model.predict("pet number 3").label == "pet"
    figures = model.provenance["metrics"]
    assert all(one == one for one in figures.values())  # none that is no number


def test_figures_with_a_byte_order_mark_are_read() -> None:
    assert figures_in("\ufeffstep,loss\n1,0.5\n".encode()) == [{"step": 1.0, "loss": 0.5}]


def test_a_resume_goes_on_though_the_provider_forgot(server: OpenAIServer) -> None:
    server.story = ("failed",)
    with pytest.raises(tunekit.JobFailed):
        tunekit.tune(data(), backend=over(server))
    server._state.jobs.clear()
    server.story = ("succeeded",)
    assert tunekit.tune(data(), backend=over(server), resume=True).kind == "tuned"


def test_another_runs_job_is_not_taken_for_ours(server: OpenAIServer) -> None:
    server.keeps_metadata = False
    first = tunekit.submit(data(), backend=over(server), epochs=3)
    server.script("POST /fine_tuning/jobs", Fault("cut"))  # never arrives
    with pytest.raises(errors.ConnectionFailed):
        tunekit.submit(data(), backend=over(server), epochs=9)
    second = tunekit.submit(data(), backend=over(server), epochs=9)
    assert first.record.ref != second.record.ref
    assert len(server.jobs()) == 2


def test_the_address_is_kept_whatever_the_environment_says_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tunekit.backend("openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example/v1")
    assert OpenAIBackend(home=home, **built.options).options["base_url"] == OPENAI_URL


def test_whose_calls_they_are_is_said_to_openai_alone(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    over(server).find("no-run")
    assert "openai-organization" not in server.requests[-1].headers
    assert tunekit.backend("openai").options["organization"] == "org-mine"
    over(server, organization="org-named").find("no-run")
    assert server.requests[-1].headers["openai-organization"] == "org-named"


def test_a_list_without_an_end_is_an_error(home: Path, httpx2_mock: Any) -> None:
    url = "https://api.example.org/v1"
    page = {"data": [{"id": "ftjob-1"}], "has_more": True}
    httpx2_mock.get(f"{url}/fine_tuning/jobs").respond(json=page)
    backend = OpenAIBackend(home=home, base_url=url, api_key_env="")
    with pytest.raises(errors.MalformedAnswer, match="no end"):
        backend.find("run-1")


def test_the_key_in_a_providers_words_is_hidden(
    home: Path, httpx2_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, key = "https://api.example.org/v1", "sk-told-0123456789"
    monkeypatch.setenv("A_KEY", key)
    said = {
        "id": "ftjob-1",
        "status": "failed",
        "error": {"message": f"bad key {key}", "code": key},
    }
    httpx2_mock.get(f"{url}/fine_tuning/jobs/ftjob-1").respond(json=said)
    backend = OpenAIBackend(home=home, base_url=url, api_key_env="A_KEY")
    assert key not in str(backend.poll("ftjob-1"))


@pytest.mark.parametrize(
    "options", [{"timeout": -1}, {"settle": -1}, {"organization": "Möller"}, {"retries": -1}]
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(tunekit.ConfigError):
        tunekit.backend("openai", **options)


@pytest.mark.usefixtures("training_is_open")
def test_a_key_that_may_not_read_models_may_train(home: Path, httpx2_mock: Any) -> None:
    url = "https://api.openai.com/v1"
    httpx2_mock.get(f"{url}/fine_tuning/jobs").respond(json={"data": []})
    models = httpx2_mock.get(f"{url}/models/gpt-4.1-mini-2025-04-14").respond(403)
    files = httpx2_mock.get(f"{url}/files").respond(401)
    with pytest.raises(errors.AuthenticationFailed):  # the step after it
        tunekit.submit(data(), backend=OpenAIBackend(home=home, api_key_env=""))
    assert models.called and files.called
