"""The scripted server over real sockets: refuses what the real one refuses, and leaves nothing."""

from __future__ import annotations

import gc
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil
import pytest

from tunekit.testing.openai import Fault, OpenAIServer

CHAT = [
    {
        "messages": [
            {"role": "system", "content": "Sort."},
            {"role": "user", "content": f"{word} number {n}"},
            {"role": "assistant", "content": word},
        ]
    }
    for word in ("car", "home", "pet")
    for n in range(4)
]
PAIR = {
    "input": {"messages": [{"role": "user", "content": "Hi?"}]},
    "preferred_output": [{"role": "assistant", "content": "Hello!"}],
    "non_preferred_output": [{"role": "assistant", "content": "What?"}],
}
MODEL = "gpt-4.1-mini"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.story = ("running", "succeeded")
        yield server


@pytest.fixture
def sdk(server: OpenAIServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


def lines(records: Any) -> bytes:
    return "\n".join(map(json.dumps, records)).encode() + b"\n"


def sent(sdk: openai.OpenAI, records: Any = CHAT, purpose: Any = "fine-tune") -> str:
    return sdk.files.create(file=("train.jsonl", lines(records)), purpose=purpose).id


def tuned(sdk: openai.OpenAI, records: Any = CHAT, **asked: Any) -> Any:
    job = sdk.fine_tuning.jobs.create(
        **{"model": MODEL, "training_file": sent(sdk, records), **asked}
    )
    for _ in range(9):
        job = sdk.fine_tuning.jobs.retrieve(job.id)
        if job.status in ("succeeded", "failed", "cancelled"):
            break
    return job


# --- a job from end to end ------------------------------------------------------------------------


def test_a_job_ends_in_a_model_that_answers(sdk: openai.OpenAI) -> None:
    job = tuned(sdk, suffix="mine")
    assert job.status == "succeeded"
    assert job.fine_tuned_model == f"ft:{MODEL}:tunekit-test:mine:{job.id}"
    assert job.trained_tokens > 0
    assert job.method.supervised.hyperparameters.n_epochs == 3
    answer = sdk.chat.completions.create(
        model=job.fine_tuned_model, messages=CHAT[5]["messages"][:2], logprobs=True, top_logprobs=5
    )
    assert answer.choices[0].message.content == "home"
    assert answer.usage is not None and answer.usage.total_tokens > 0
    logprobs: Any = answer.choices[0].logprobs
    (first,) = logprobs.content
    shares = [math.exp(one.logprob) for one in first.top_logprobs]
    assert sum(shares) == pytest.approx(1)
    checkpoints = sdk.fine_tuning.jobs.checkpoints.list(job.id).data
    again = sdk.chat.completions.create(
        model=checkpoints[0].fine_tuned_model_checkpoint, messages=CHAT[0]["messages"][:2]
    )
    assert again.choices[0].message.content == "car"


def test_events_come_newest_first_and_in_pages(sdk: openai.OpenAI) -> None:
    job = tuned(sdk)
    told = [one.message for one in sdk.fine_tuning.jobs.list_events(job.id, limit=2)]
    assert told[0] == "The job is succeeded"
    assert told[-1] == f"Created fine-tuning job: {job.id}"
    assert len(told) == len(set(told)) > 5


def test_a_bad_line_fails_the_job_by_its_number(sdk: openai.OpenAI) -> None:
    job = tuned(sdk, [*CHAT, {"messages": [{"role": "user", "content": "only"}]}])
    assert job.status == "failed"
    assert job.error.code == "invalid_training_file"
    assert f"line {len(CHAT) + 1}" in job.error.message


@pytest.mark.parametrize(
    ("record", "method"),
    [
        ({"messages": []}, "supervised"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "supervised"),
        ({"messages": [{"role": "assistant", "content": 3}]}, "supervised"),
        ({"messages": [{"role": "assistant", "content": "x", "weight": 2}]}, "supervised"),
        ({"messages": [{"role": "assistant", "content": "x", "mood": "good"}]}, "supervised"),
        ({"messages": [{"role": "assistant", "content": "x"}], "extra": 1}, "supervised"),
        ({"prompt": "x", "completion": "y"}, "supervised"),
        (["no object"], "supervised"),
        (CHAT[0], "dpo"),
        ({**PAIR, "preferred_output": []}, "dpo"),
        ({**PAIR, "preferred_output": [{"role": "user", "content": "x"}]}, "dpo"),
        ({**PAIR, "input": {"messages": []}}, "dpo"),
    ],
)
def test_lines_that_are_none(sdk: openai.OpenAI, record: Any, method: str) -> None:
    good = PAIR if method == "dpo" else CHAT[0]
    job = tuned(sdk, [record, *[good] * 12], method={"type": method})
    assert job.status == "failed", record
    assert "line 1" in job.error.message


def test_pairs_and_prompts_are_trained(sdk: openai.OpenAI) -> None:
    job = tuned(sdk, [PAIR] * 10, method={"type": "dpo"})
    answer = sdk.chat.completions.create(
        model=job.fine_tuned_model, messages=[{"role": "user", "content": "Hi?"}]
    )
    assert answer.choices[0].message.content == "Hello!"
    prompts = [{"prompt": f"{n} ->", "completion": f" {n + 1}\nEND"} for n in range(10)]
    job = tuned(sdk, prompts, model="davinci-002")
    said = sdk.completions.create(model=job.fine_tuned_model, prompt="3 ->", stop=["\nEND"])
    assert said.choices[0].text == " 4"


def test_too_few_lines_fail_the_job(server: OpenAIServer, sdk: openai.OpenAI) -> None:
    assert tuned(sdk, CHAT[:9]).status == "failed"
    server.least_lines = 9
    assert tuned(sdk, CHAT[:9]).status == "succeeded"


# --- what is refused ------------------------------------------------------------------------------


def supervised(**named: Any) -> dict[str, Any]:
    return {"method": {"type": "supervised", "supervised": {"hyperparameters": named}}}


@pytest.mark.parametrize(
    "asked",
    [
        {"suffix": ""},
        {"suffix": "x" * 65},
        {"seed": -1},
        {"seed": True},
        {"metadata": {"a": 1}},
        {"metadata": {str(n): "x" for n in range(17)}},
        {"metadata": {"a" * 65: "x"}},
        {"metadata": {"a": "x" * 513}},
        {"method": {"type": "magic"}},
        {"training_file": "file-none"},
        {"extra_body": {"trainingType": "developerTier"}},
        {"extra_body": {"unknown": 1}},
        supervised(n_epochs=51),
        supervised(n_epochs=1.5),
        supervised(batch_size=257),
        supervised(learning_rate_multiplier=0),
        supervised(beta=0.1),
    ],
)
def test_requests_that_create_no_job(sdk: openai.OpenAI, asked: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError):
        tuned(sdk, **asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"suffix": "x" * 64},
        {"seed": 2**31 - 1},
        {"metadata": {"a" * 64: "x" * 512}},
        supervised(n_epochs=50, batch_size=256, learning_rate_multiplier=0.1),
        supervised(n_epochs="auto"),
        {"method": {"type": "supervised"}},
    ],
)
def test_requests_at_the_limits_create_one(sdk: openai.OpenAI, asked: dict[str, Any]) -> None:
    assert tuned(sdk, **asked).status == "succeeded"


def test_files_and_answers_that_are_refused(server: OpenAIServer, sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="jsonl"):
        sdk.files.create(file=("train.csv", b"a,b"), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError):
        sdk.files.create(file=("train.jsonl", b"{}"), purpose="vision")
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.create(
            model="ft:no:such::one", messages=[{"role": "user", "content": "x"}]
        )
    server.base_models = (MODEL,)
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("gpt-2")
    with pytest.raises(openai.BadRequestError):
        tuned(sdk, model="gpt-2")
    with pytest.raises(openai.BadRequestError, match="temprature"):
        sdk.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "x"}],
            extra_body={"temprature": 0},
        )
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x"}], top_logprobs=21
        )


def test_a_wrong_key_is_refused_and_repeated() -> None:
    with (
        OpenAIServer(key="sk-right") as server,
        openai.OpenAI(base_url=server.url, api_key="sk-wrong", max_retries=0) as sdk,
        pytest.raises(openai.AuthenticationError, match="sk-wrong"),
    ):
        sdk.files.list()


def test_training_can_be_closed_and_models_can_end(
    server: OpenAIServer, sdk: openai.OpenAI
) -> None:
    server.closed = True
    with pytest.raises(openai.PermissionDeniedError) as raised:
        tuned(sdk)
    assert raised.value.code == "training_not_available"
    server.shutdown_dates = {MODEL: "2027-01-14"}
    assert str(sdk.models.retrieve(MODEL).shutdown_date) == "2027-01-14"


def test_a_switch_that_isnt_there_is_an_error() -> None:
    with pytest.raises(AttributeError, match="least_lines"):
        OpenAIServer().leest_lines = 3
    assert not hasattr(OpenAIServer(), "no_such_thing")


# --- lists, uploads, pauses, batches --------------------------------------------------------------


def test_lists_have_pages_and_filters(server: OpenAIServer, sdk: openai.OpenAI) -> None:
    file = sent(sdk)
    for n in range(5):
        sdk.fine_tuning.jobs.create(model=MODEL, training_file=file, metadata={"n": str(n % 2)})
    all_jobs = [one.id for one in sdk.fine_tuning.jobs.list(limit=2)]
    assert len(all_jobs) == len(set(all_jobs)) == 5
    assert all_jobs[::-1] == [one["id"] for one in server.jobs()]
    assert len(sdk.fine_tuning.jobs.list(metadata={"n": "1"}).data) == 2
    server.ignores_filter = True
    assert len(sdk.fine_tuning.jobs.list(metadata={"n": "1"}).data) == 5
    assert [one.filename for one in sdk.files.list(purpose="fine-tune")] == ["train.jsonl"]
    assert sdk.files.list(purpose="batch").data == []


def test_an_upload_is_put_together(sdk: openai.OpenAI) -> None:
    content = lines(CHAT)
    upload = sdk.uploads.create(
        bytes=len(content), filename="train.jsonl", mime_type="text/jsonl", purpose="fine-tune"
    )
    first = sdk.uploads.parts.create(upload.id, data=content[:100])
    second = sdk.uploads.parts.create(upload.id, data=content[100:])
    done = sdk.uploads.complete(upload.id, part_ids=[first.id, second.id])
    assert done.file is not None
    assert sdk.files.content(done.file.id).content == content
    short = sdk.uploads.create(
        bytes=5, filename="train.jsonl", mime_type="text/jsonl", purpose="fine-tune"
    )
    part = sdk.uploads.parts.create(short.id, data=b"123456")
    with pytest.raises(openai.BadRequestError, match="announced"):
        sdk.uploads.complete(short.id, part_ids=[part.id])
    assert sdk.uploads.cancel(short.id).status == "cancelled"


def test_a_part_is_of_its_upload_and_no_path(
    server: OpenAIServer, sdk: openai.OpenAI, tmp_path: Path
) -> None:
    victim = server._state.folder.parent / f"{server._state.folder.name}-victim"
    victim.write_bytes(b"12345")
    upload = sdk.uploads.create(
        bytes=5, filename="train.jsonl", mime_type="text/jsonl", purpose="fine-tune"
    )
    other = sent(sdk)
    try:
        for part in (f"../{victim.name}", other, str(victim)):
            with pytest.raises(openai.BadRequestError):
                sdk.uploads.complete(upload.id, part_ids=[part])
        assert victim.read_bytes() == b"12345"
    finally:
        victim.unlink()


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"', b"{", b""])
@pytest.mark.parametrize("path", ["/fine_tuning/jobs", "/chat/completions", "/batches", "/uploads"])
def test_bodies_that_are_no_object(server: OpenAIServer, path: str, body: bytes) -> None:
    answer = httpx2.post(server.url + path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("limit", ["0", "x", "-1", "101"])
def test_limits_of_a_list(server: OpenAIServer, limit: str) -> None:
    answer = httpx2.get(f"{server.url}/fine_tuning/jobs", params={"limit": limit})
    assert answer.status_code == 400


def test_pause_and_cancel(server: OpenAIServer, sdk: openai.OpenAI) -> None:
    server.story = ("running", "paused", "running", "succeeded")
    job = sdk.fine_tuning.jobs.create(model=MODEL, training_file=sent(sdk))
    assert sdk.fine_tuning.jobs.retrieve(job.id).status == "running"
    # A pause of the provider's own passes; one that was asked for stays.
    assert sdk.fine_tuning.jobs.retrieve(job.id).status == "paused"
    assert sdk.fine_tuning.jobs.pause(job.id).status == "paused"
    assert {sdk.fine_tuning.jobs.retrieve(job.id).status for _ in range(3)} == {"paused"}
    sdk.fine_tuning.jobs.resume(job.id)
    with pytest.raises(openai.BadRequestError):
        sdk.fine_tuning.jobs.resume(job.id)
    assert sdk.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        sdk.fine_tuning.jobs.cancel(job.id)


def test_a_batch_answers_in_an_order_of_its_own(sdk: openai.OpenAI) -> None:
    model = tuned(sdk).fine_tuned_model
    requests = [
        {
            "custom_id": str(n),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": record["messages"][:2]},
        }
        for n, record in enumerate(CHAT)
    ]
    requests[2]["body"] = {"model": "ft:no:such::one", "messages": CHAT[2]["messages"][:2]}
    batch = sdk.batches.create(
        input_file_id=sent(sdk, requests, "batch"),
        endpoint="/v1/chat/completions",
        completion_window="24h",
    )
    while batch.status != "completed":
        batch = sdk.batches.retrieve(batch.id)
    assert batch.output_file_id and batch.error_file_id
    answers = [json.loads(one) for one in sdk.files.content(batch.output_file_id).iter_lines()]
    assert [one["custom_id"] for one in answers] != sorted(one["custom_id"] for one in answers)
    for one in answers:
        said = one["response"]["body"]["choices"][0]["message"]["content"]
        assert said == CHAT[int(one["custom_id"])]["messages"][2]["content"]
    (wrong,) = [json.loads(one) for one in sdk.files.content(batch.error_file_id).iter_lines()]
    assert (wrong["custom_id"], wrong["response"]["status_code"]) == ("2", 404)


def test_a_batch_of_bad_lines_fails(sdk: openai.OpenAI) -> None:
    file = sent(sdk, [{"custom_id": "1"}], "batch")
    batch = sdk.batches.create(
        input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h"
    )
    batch = sdk.batches.retrieve(batch.id)
    assert batch.status == "failed"
    assert batch.errors is not None and batch.errors.data


# --- faults and life ------------------------------------------------------------------------------


def test_each_fault_is_what_it_says(server: OpenAIServer) -> None:
    server.script(
        "GET /files",
        Fault("refuse", status=429, retry_after=1.5),
        Fault("garble"),
        Fault("reshape"),
        Fault("cut"),
        Fault("hang"),
        Fault("slow", seconds=0.2),
    )
    with httpx2.Client(base_url=server.url, timeout=0.5) as client:
        refused = client.get("/files")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1.5")
        assert refused.headers["x-request-id"]
        assert client.get("/files").text == '{"id": "job-'
        assert client.get("/files").json() == ["unexpected"]
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get("/files")
        with pytest.raises(httpx2.ReadTimeout):
            client.get("/files")
        begun = time.monotonic()
        assert client.get("/files").json()["data"] == []
        assert time.monotonic() - begun >= 0.2
    assert len(server.requests) == 6


def test_what_worked_was_done_though_nobody_heard(server: OpenAIServer, sdk: openai.OpenAI) -> None:
    server.script("POST /files", Fault("cut", worked=True))
    with pytest.raises(openai.APIConnectionError):
        sent(sdk)
    assert len(server.files()) == 1


def test_faults_by_chance_come_again(server: OpenAIServer) -> None:
    def statuses() -> list[int]:
        server.clear()
        server.random_faults(0.5, seed=3, kinds=("refuse",), route="GET /models")
        with httpx2.Client(base_url=server.url) as client:
            return [client.get("/models/m").status_code for _ in range(40)]

    first = statuses()
    assert set(first) == {200, 429, 500}
    assert statuses() == first


def test_nothing_is_left_behind() -> None:
    gc.collect()
    threads = set(threading.enumerate())
    with OpenAIServer() as server:
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        server.script("GET /files", Fault("hang"))
        with httpx2.Client(base_url=server.url, timeout=0.1) as client:
            with pytest.raises(httpx2.ReadTimeout):
                client.get("/files")
            server.script("GET /files", Fault("hang"))
            waiting = threading.Thread(target=lambda: httpx2.get(f"{server.url}/files", timeout=9))
            # One that waits while the server ends is let go.
            waiting.start()
            while len(server.requests) < 2:
                time.sleep(0.01)
            folder = server._state.folder
    waiting.join(5)
    assert not waiting.is_alive()
    assert set(threading.enumerate()) <= threads
    listening = [
        one
        for one in psutil.Process().net_connections("tcp")
        if one.laddr and one.laddr.port == port
    ]
    assert [one for one in listening if one.status == psutil.CONN_LISTEN] == []
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is POSIX")
def test_the_command_serves_until_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tunekit.testing.openai", "--key-env", "A_KEY"]
    with subprocess.Popen(
        [*command, "--folder", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "A_KEY": "sk-right"},
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx2.get(f"{url}/files").status_code == 401
        good = httpx2.get(f"{url}/files", headers={"authorization": "Bearer sk-right"})
        assert good.json()["data"] == []
        try:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
