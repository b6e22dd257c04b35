"""Predictions as a job at the provider: in order, whole, and found again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Failure, errors
from tunekit.testing.openai import Fault, OpenAIServer

WORDS = ("car", "home", "pet")
ROWS = [{"text": f"{word} number {n}", "label": word} for word in WORDS for n in range(8)]
TEXTS = [str(row["text"]) for row in ROWS]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(key="sk-batches-0123456789") as server:
        server.story = ("running", "succeeded")
        yield server


@pytest.fixture
def model(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> tunekit.Model:
    monkeypatch.setenv("BATCH_KEY", "sk-batches-0123456789")
    backend = tunekit.backend(
        "openai",
        base_url=server.url,
        api_key_env="BATCH_KEY",
        settle=0.0,
        timeout=2.0,
        retries=1,
    )
    return tunekit.tune(Dataset.from_rows(ROWS, Classification()), backend=backend)


def test_answers_are_those_of_predict(model: tunekit.Model) -> None:
    job = model.submit_predictions(TEXTS)
    assert len(job) == len(TEXTS)
    assert job.wait(timeout=20) == model.predict(TEXTS)
    data = Dataset.from_rows(ROWS, model.task)
    again = model.submit_predictions(data)
    assert [one.label for one in again.wait(timeout=20)] == [row["label"] for row in ROWS]


def test_another_process_finds_it_again(server: OpenAIServer, model: tunekit.Model) -> None:
    job = model.submit_predictions(TEXTS)
    found = tunekit.attach_predictions(job.id)
    assert found.wait(timeout=20) == model.predict(TEXTS)
    # Kept here as they came: what the provider deletes later is no loss.
    server._state.batches.clear()
    again = tunekit.attach_predictions(job.id)
    assert (again.status, again.results()) == ("succeeded", model.predict(TEXTS))
    kept = b"".join(path.read_bytes() for path in job.folder.rglob("*") if path.is_file())
    assert server._state.key.encode() not in kept


def test_a_lost_answer_starts_no_second_batch(server: OpenAIServer, model: tunekit.Model) -> None:
    server.script("POST /batches", Fault("hang", worked=True))
    job = model.submit_predictions(TEXTS)  # on disk, whatever became of it there
    assert tunekit.attach_predictions(job.id).wait(timeout=20) == model.predict(TEXTS)
    assert len(server.batches()) == 1


def test_what_was_cancelled_before_it_was_sent_is_never_sent(
    server: OpenAIServer, model: tunekit.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.backends.openai.batches.MOST_LINES", 8)
    server.script("POST /batches", Fault(), Fault("refuse", status=429), Fault())
    job = model.submit_predictions(TEXTS)
    assert len(server.batches()) == 1
    job.cancel()
    answers = job.wait(timeout=20, errors="return")
    assert len(answers) == len(TEXTS)
    assert len(server.batches()) == 1  # the one that was refused was looked for, and not made
    assert tunekit.attach_predictions(job.id).status == "cancelled"


def test_files_that_are_gone_cost_no_other_part(
    server: OpenAIServer, model: tunekit.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.backends.openai.batches.MOST_LINES", 12)
    job = model.submit_predictions(TEXTS)
    first = server._state.batches[server.batches()[0]["id"]]
    first["story"], first["status"], first["output_file_id"] = [], "completed", "file-gone"
    answers = job.wait(timeout=20, errors="return")
    failed = [isinstance(one, Failure) for one in answers]
    assert failed == [True] * 12 + [False] * 12


def test_the_time_that_is_given_is_kept_though_the_server_fails(
    server: OpenAIServer, model: tunekit.Model
) -> None:
    job = model.submit_predictions(TEXTS)
    server.script("GET /batches/", Fault("refuse", status=500), always=True)
    with pytest.raises(errors.WaitTimeout, match=job.id):
        job.wait(timeout=0.5)


def test_large_sets_are_several_batches(
    server: OpenAIServer, model: tunekit.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.backends.openai.batches.MOST_LINES", 7)
    assert model.submit_predictions(TEXTS).wait(timeout=20) == model.predict(TEXTS)
    assert len(server.batches()) == 4
    assert len({one["metadata"]["tunekit_run"] for one in server.batches()}) == 4


def test_one_bad_input_costs_no_other(model: tunekit.Model) -> None:
    texts = [TEXTS[0], "no\0thing", "half \ud800", TEXTS[9]]
    job = model.submit_predictions(texts)
    answers = job.wait(timeout=20, errors="return")
    assert [isinstance(one, Failure) for one in answers] == [False, True, True, False]
    with pytest.raises(errors.PredictionError) as raised:
        job.results()
    assert sorted(raised.value.failures) == [1, 2]


def test_what_expired_has_the_answers_that_came(server: OpenAIServer, model: tunekit.Model) -> None:
    server.batch_story = ("in_progress", "expired")
    answers = model.submit_predictions(TEXTS).wait(timeout=20, errors="return")
    lost = [one for one in answers if isinstance(one, Failure)]
    assert len(lost) == len(TEXTS) // 2
    assert "expired" in lost[0].detail


def test_a_failed_batch_says_why(server: OpenAIServer, model: tunekit.Model) -> None:
    server.batch_story = ("failed",)
    job = model.submit_predictions(TEXTS)
    answers = job.wait(timeout=20, errors="return")
    assert all(isinstance(one, Failure) for one in answers)
    assert job.status == "failed"


def test_it_can_be_cancelled(server: OpenAIServer, model: tunekit.Model) -> None:
    server.batch_story = ("in_progress",) * 9
    job = model.submit_predictions(TEXTS)
    with pytest.raises(errors.WaitTimeout, match=job.id):
        job.wait(timeout=0.3)
    job.cancel()
    assert job.refresh().status == "cancelled"


def test_no_inputs_have_no_batch(server: OpenAIServer, model: tunekit.Model) -> None:
    assert model.submit_predictions([]).wait(timeout=5) == []
    assert server.batches() == []


@pytest.mark.parametrize("given", ["one text", {"text": "x"}, 3])
def test_a_single_input_is_for_predict(model: tunekit.Model, given: Any) -> None:
    with pytest.raises(tunekit.InputError, match="several inputs"):
        model.submit_predictions(given)


def test_a_backend_without_batches_says_so() -> None:
    fake = tunekit.tune(Dataset.from_rows(ROWS, Classification()), backend="fake")
    with pytest.raises(tunekit.UnsupportedTask, match="no batches"):
        fake.submit_predictions(TEXTS)


def test_predictions_that_arent_there() -> None:
    with pytest.raises(errors.JobNotFound, match="TUNEKIT_HOME"):
        tunekit.attach_predictions("no-such-id")
    wrong: Any = 3
    with pytest.raises(tunekit.InputError):
        tunekit.attach_predictions(wrong)
