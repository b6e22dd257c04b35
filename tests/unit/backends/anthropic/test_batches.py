"""Predictions as a batch: in order, whole, found again, and never sent twice by guess."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset, Failure, errors
from tunekit.backends.base import Batches
from tunekit.testing.anthropic import AnthropicServer, Fault

WORDS = ("car", "home", "pet")
ROWS = [{"text": f"{word} number {n}", "label": word} for word in WORDS for n in range(8)]
TEXTS = [str(row["text"]) for row in ROWS]
KEY = "sk-batches-0123456789"


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    with AnthropicServer(key=KEY) as server:
        yield server


@pytest.fixture
def model(server: AnthropicServer, monkeypatch: pytest.MonkeyPatch) -> tunekit.Model:
    monkeypatch.setenv("BATCH_KEY", KEY)
    backend = tunekit.backend(
        "anthropic",
        base_url=server.url,
        api_key_env="BATCH_KEY",
        settle=0.0,
        timeout=2.0,
        retries=1,
    )
    data = Dataset.from_rows(ROWS, Classification())
    return tunekit.tune(data, backend=backend, shots=3, nearest=2)


def test_answers_are_those_of_predict(server: AnthropicServer, model: tunekit.Model) -> None:
    job = model.submit_predictions(TEXTS)
    assert job.wait(timeout=20) == model.predict(TEXTS)
    created = next(one for one in server.requests if one.path == "/v1/messages/batches")
    requests = orjson.loads(created.body)["requests"]
    assert [one["custom_id"] for one in requests] == [f"{job.id}-0-{n}" for n in range(len(TEXTS))]
    single = [orjson.loads(one.body) for one in server.requests if one.path == "/v1/messages"]
    assert sorted(map(orjson.dumps, single)) == sorted(
        orjson.dumps(one["params"]) for one in requests
    )


def test_another_process_finds_it_again(server: AnthropicServer, model: tunekit.Model) -> None:
    job = model.submit_predictions(TEXTS)
    assert tunekit.attach_predictions(job.id).wait(timeout=20) == model.predict(TEXTS)
    server._state.batches.clear()  # kept here: what the provider forgets is no loss
    again = tunekit.attach_predictions(job.id)
    assert (again.status, again.results()) == ("succeeded", model.predict(TEXTS))
    kept = b"".join(path.read_bytes() for path in job.folder.rglob("*") if path.is_file())
    assert KEY.encode() not in kept


@pytest.mark.parametrize("fault", ["hang", "cut", "garble"])
def test_a_lost_answer_starts_no_second_batch(
    server: AnthropicServer, model: tunekit.Model, fault: Literal["hang", "cut", "garble"]
) -> None:
    server.script("POST /messages/batches", Fault(fault, worked=True))
    job = model.submit_predictions(TEXTS)  # on disk, whatever became of it there
    (batch,) = server.batches()
    # While it is at work nobody can know whose it is, and nothing is sent.
    with pytest.raises(errors.Conflict, match=f"{batch['id']} may be it"):
        job.start()
    server._state.batches[batch["id"]].story = ["ended"]
    assert isinstance(model.backend, Batches)
    model.backend.poll_batch(batch["id"])  # somebody looks: it ends
    assert tunekit.attach_predictions(job.id).wait(timeout=20) == model.predict(TEXTS)
    assert len(server.batches()) == 1


def test_what_was_not_done_is_sent_again(server: AnthropicServer, model: tunekit.Model) -> None:
    server.script("POST /messages/batches", Fault("refuse", status=500))
    job = model.submit_predictions(TEXTS)
    assert server.batches() == []
    assert job.wait(timeout=20) == model.predict(TEXTS)
    assert len(server.batches()) == 1


def test_a_batch_of_somebody_else_is_not_taken_for_ours(
    server: AnthropicServer, model: tunekit.Model
) -> None:
    server.batch_story = ("ended",)
    other = model.submit_predictions(TEXTS)  # as many requests, at the same time
    other.wait(timeout=20)
    server.script("POST /messages/batches", Fault("hang"))  # and this one was never done
    job = model.submit_predictions(TEXTS[::-1])
    assert job.wait(timeout=20) == model.predict(TEXTS[::-1])
    assert len(server.batches()) == 2


def test_large_sets_are_several_batches(
    server: AnthropicServer, model: tunekit.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.backends.anthropic.batches.MOST_LINES", 7)
    assert model.submit_predictions(TEXTS).wait(timeout=20) == model.predict(TEXTS)
    assert len(server.batches()) == 4


def test_one_bad_input_costs_no_other(model: tunekit.Model) -> None:
    texts = [TEXTS[0], "no\0thing", "half \ud800", " ", TEXTS[9]]
    answers = model.submit_predictions(texts).wait(timeout=20, errors="return")
    assert [isinstance(one, Failure) for one in answers] == [False, True, True, True, False]
    assert answers[1].code == "refused-invalid_request_error"


def test_what_expired_has_the_answers_that_came(
    server: AnthropicServer, model: tunekit.Model
) -> None:
    server.batch_expires = True
    answers = model.submit_predictions(TEXTS).wait(timeout=20, errors="return")
    lost = [one for one in answers if isinstance(one, Failure)]
    assert len(lost) == len(TEXTS) // 2
    assert "expired" in lost[0].detail


def test_results_that_are_gone_are_no_answers(
    server: AnthropicServer, model: tunekit.Model
) -> None:
    job = model.submit_predictions(TEXTS)
    (batch,) = server.batches()
    server.script(f"GET /messages/batches/{batch['id']}/results", Fault("refuse", status=404))
    answers = job.wait(timeout=20, errors="return")
    assert all(isinstance(one, Failure) and one.code == "no-answer" for one in answers)


def test_it_can_be_cancelled(server: AnthropicServer, model: tunekit.Model) -> None:
    server.batch_story = ("in_progress",) * 9
    job = model.submit_predictions(TEXTS)
    with pytest.raises(errors.WaitTimeout, match=job.id):
        job.wait(timeout=0.3)
    job.cancel()
    assert job.refresh().status == "cancelled"
    assert job.cancel().status == "cancelled"
    assert all(isinstance(one, Failure) for one in job.results(errors="return"))


def test_what_ended_meanwhile_stays_so(server: AnthropicServer, model: tunekit.Model) -> None:
    server.batch_story = ("in_progress", "ended")
    job = model.submit_predictions(TEXTS)
    (batch,) = server.batches()
    assert isinstance(model.backend, Batches)
    while model.backend.poll_batch(batch["id"]).state != "succeeded":
        pass
    assert job.cancel().status == "succeeded"


def test_no_inputs_have_no_batch(server: AnthropicServer, model: tunekit.Model) -> None:
    assert model.submit_predictions([]).wait(timeout=5) == []
    assert server.batches() == []


@pytest.mark.parametrize("status", [400, 500])
def test_cancelling_makes_no_batch(
    server: AnthropicServer, model: tunekit.Model, status: int, home: Path
) -> None:
    server.script("POST /messages/batches", *[Fault("refuse", status=status)] * 3)
    with contextlib.suppress(errors.BackendError):
        model.submit_predictions(TEXTS)
    (folder,) = (home / "predictions").iterdir()
    job = tunekit.attach_predictions(folder.name).cancel()
    assert (job.status, server.batches()) == ("cancelled", [])


def test_parts_of_one_job_aren_t_taken_for_each_other(
    server: AnthropicServer, model: tunekit.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.backends.anthropic.batches.MOST_LINES", len(TEXTS) // 2)
    # Of the second part nobody saw the answer, and it wasn't done; the first is still at work.
    server.script("POST /messages/batches", Fault(), Fault("refuse", status=500))
    job = model.submit_predictions(TEXTS)
    assert tunekit.attach_predictions(job.id).wait(timeout=20) == model.predict(TEXTS)
    assert len(server.batches()) == 2
