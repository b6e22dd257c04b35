"""Predictions through the API: in order, enforced, and whole however the server behaves."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psutil
import pytest
import respx

import tunekit
from tunekit import Classification, Dataset, Extraction, Transformation, errors
from tunekit.backends.base import ModelRef
from tunekit.backends.openai import OpenAIBackend
from tunekit.backends.openai.asking import _said
from tunekit.shapes import Failure, Input, Said, Turn, Turns
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.server import Fault

WORDS = ("car", "home", "pet")
ROWS = [{"text": f"{word} number {n}", "label": word} for word in WORDS for n in range(20)]
#: Faults of one prediction, as networks and providers have them.
KINDS = ("refuse", "cut", "hang", "garble")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.story = ("running", "succeeded")
        yield server


def over(server: OpenAIServer, **options: Any) -> OpenAIBackend:
    built = tunekit.backend("openai", base_url=server.url, api_key_env="", settle=0.0, **options)
    assert isinstance(built, OpenAIBackend)
    return built


@pytest.fixture
def model(server: OpenAIServer) -> tunekit.Model:
    return tunekit.tune(
        Dataset.from_rows(ROWS, Classification()), backend=over(server, timeout=5.0)
    )


def test_labels_have_probabilities_from_the_tokens(model: tunekit.Model) -> None:
    label = model.predict("car number 3")
    assert label.label == "car"
    assert set(label.probabilities) == set(WORDS)
    assert sum(label.probabilities.values()) == pytest.approx(1)
    assert label.probability == max(label.probabilities.values())


def test_a_server_without_logprobs_is_asked_without(
    server: OpenAIServer, model: tunekit.Model
) -> None:
    server.script(
        "POST /chat/completions",
        Fault("refuse", status=400, message="logprobs are not supported with this model"),
    )
    first, second = model.predict(["car number 3", "pet number 1"])
    assert (first.label, second.label) == ("car", "pet")


@pytest.mark.soak
def test_a_thousand_answers_under_faults(server: OpenAIServer, home: Path) -> None:
    backend = over(server, timeout=0.5, retries=12)
    model = tunekit.tune(Dataset.from_rows(ROWS, Classification()), backend=backend)
    texts = [ROWS[n % len(ROWS)]["text"] for n in range(1_000)]
    model.predict(texts[0])
    threads = set(threading.enumerate())
    server.random_faults(0.2, seed=7, kinds=KINDS)
    answers = model.predict(texts)
    assert [one.label for one in answers] == [text.split()[0] for text in texts]
    assert len(server.requests) > 1_100  # the faults were there
    # The event loop keeps a few threads that look addresses up, however many inputs there were.
    left_over = [one.name for one in threading.enumerate() if one not in threads]
    assert not [name for name in left_over if not name.startswith("asyncio_")]
    assert len(left_over) <= (os.cpu_count() or 1) + 4
    port = int(server.url.rsplit(":", 1)[1].split("/")[0])
    left = [
        one
        for one in psutil.Process().net_connections("tcp")
        if one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED
    ]
    assert left == []


def test_one_bad_input_costs_no_other(model: tunekit.Model) -> None:
    answers = model.predict(["car number 1", "no\0thing", "half \ud800", "pet 2"], errors="return")
    assert [isinstance(one, Failure) for one in answers] == [False, True, True, False]
    assert answers[2].code == "invalid-input"


def test_a_wrong_key_stops_at_once(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = over(server, concurrency=2)
    server.script("POST /chat/completions", Fault("refuse", status=401), always=True)
    inputs: list[Input] = [Turns((Turn("user", f"text {n}"),)) for n in range(100)]
    with pytest.raises(errors.AuthenticationFailed):
        asyncio.run(backend.predict(ModelRef("openai", "gpt-4.1-mini"), inputs))
    assert len(server.requests) <= 4


def test_answers_that_came_are_kept_when_the_key_goes(
    server: OpenAIServer, model: tunekit.Model
) -> None:
    backend = over(server, concurrency=1)
    server.script("POST /chat/completions", Fault(), Fault("refuse", status=401))
    inputs = model.rendered(["car number 1", "home number 1", "pet number 1"])
    first, second, third = asyncio.run(backend.predict(model.ref, inputs))
    assert isinstance(first, Said)
    assert isinstance(second, Failure) and second.code == "AuthenticationFailed"
    assert isinstance(third, Failure) and third.code == "not-asked"


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ({"finish_reason": "length", "message": {"content": "ca"}}, "cut-short"),
        ({"finish_reason": "content_filter", "message": {"content": None}}, "filtered"),
        ({"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}, "refused"),
        (
            {"finish_reason": "stop", "message": {"content": "a label of nobody"}},
            "label-outside-set",
        ),
    ],
)
def test_what_is_no_answer_is_a_failure(
    choice: dict[str, Any], code: str, home: Path, httpx2_mock: respx.MockRouter
) -> None:
    httpx2_mock.post("https://api.example.org/v1/chat/completions").respond(
        json={"id": "x", "choices": [{"index": 0, **choice}]}
    )
    backend = OpenAIBackend(home=home, base_url="https://api.example.org/v1", api_key_env="")
    task = Classification(labels=["car", "pet"])
    model = tunekit.Model(
        task=task,
        kind="tuned",
        ref=ModelRef("openai", "ft:x"),
        prompt=task.prompt(),
        shape=task.offers[-1] if str(task.offers[-1]) == "chat" else task.offers[0],
        base="x",
        spec=tunekit.planning.BackendSpec("openai", "openai", {}),
        backend=backend,
    )
    (answer,) = model.predict(["my car"], errors="return")
    assert isinstance(answer, Failure)
    assert answer.code == code


@pytest.mark.parametrize("odd", [5, [{"token": "no"}], [{"token": "no", "logprob": None}], None])
def test_odd_logprobs_cost_no_answer(odd: Any) -> None:
    token = {"token": "yes", "logprob": 1000, "top_logprobs": odd}
    asked = Turns((Turn("user", "?"),), ("no", "yes"))
    assert _said(asked, "yes", {"content": [token]}).text == "yes"


@pytest.mark.parametrize("spelt", [["yes", "<|im_end|>"], ["think", "yes"], ["", "yes."], [""]])
def test_tokens_that_spell_something_else_make_no_label(spelt: list[str]) -> None:
    content = [
        {"token": one, "logprob": -0.1, "top_logprobs": [{"token": "no", "logprob": -3.0}]}
        for one in spelt
    ]
    asked = Turns((Turn("user", "?"),), ("no", "yes"))
    assert _said(asked, "yes", {"content": content}).text == "yes"


def test_an_injected_client_is_used(home: Path, httpx2_mock: respx.MockRouter) -> None:
    route = httpx2_mock.get("https://api.example.org/v1/fine_tuning/jobs/ftjob-1").respond(
        json={"id": "ftjob-1", "status": "pondering"}
    )
    with httpx2.Client(headers={"x-ours": "1"}) as client:
        backend = OpenAIBackend(
            home=home, base_url="https://api.example.org/v1", api_key_env="", http_client=client
        )
        status = backend.poll("ftjob-1")
        assert not client.is_closed
    assert (status.state, status.raw) == ("unknown", "pondering")
    assert route.calls.last.request.headers["x-ours"] == "1"


def test_quotes_are_found_again_in_the_text(server: OpenAIServer) -> None:
    rows = [
        {"text": f"Anna met Ben in Bonn, room {n}", "spans": [[0, 4, "person"], [16, 20, "place"]]}
        for n in range(12)
    ]
    model = tunekit.tune(Dataset.from_rows(rows, Extraction()), backend=over(server))
    found = model.predict("Anna met Ben in Bonn, room 3")
    assert [(span.start, span.end, span.label) for span in found.spans] == [
        (0, 4, "person"),
        (16, 20, "place"),
    ]


def test_models_that_complete_are_asked_to_complete(server: OpenAIServer) -> None:
    rows = [{"input": f"teh number {n}", "output": f"the number {n}"} for n in range(12)]
    data = Dataset.from_rows(rows, Transformation("Correct it."))
    model = tunekit.tune(data, backend=over(server, max_tokens=50), model="davinci-002")
    assert model.predict("teh number 7") == "the number 7"
    assert any(one.path.endswith("/v1/completions") for one in server.requests)


@pytest.mark.parametrize(
    ("said", "read"), [(" yes\n", "yes"), ("yes", "yes"), (" no", " no"), ("Yes", "Yes")]
)
def test_white_space_around_a_label_is_no_other_label(said: str, read: str) -> None:
    asked = Turns((Turn("user", "?"),), (" no", "yes"))
    assert _said(asked, said, None).text == read


@pytest.mark.parametrize(("text", "kept"), [("the temperature of a pet", True), ("a pet", False)])
def test_a_setting_goes_only_where_the_server_names_it(
    text: str, kept: bool, home: Path, httpx2_mock: respx.MockRouter
) -> None:
    said = {"error": {"message": f"can't do this: temperature ({text})", "code": None}}
    answered = {"choices": [{"finish_reason": "stop", "message": {"content": "pet"}}]}
    route = httpx2_mock.post("https://api.example.org/v1/chat/completions").mock(
        side_effect=[respx.MockResponse(400, json=said), respx.MockResponse(200, json=answered)]
    )
    backend = OpenAIBackend(home=home, base_url="https://api.example.org/v1", api_key_env="")
    rows = [{"text": "a car", "label": "car"}, {"text": "my pet", "label": "pet"}]
    data = Dataset.from_rows(rows, Classification())
    model = tunekit.baseline(data, backend=backend)
    if kept:
        with pytest.raises(errors.InvalidRequest):
            model.predict(text)
    else:
        model.predict(text)
        assert "temperature" not in orjson.loads(route.calls.last.request.content)


@pytest.mark.parametrize("body", [{"error": "plain words"}, {"detail": [{"msg": "plain words"}]}])
def test_what_was_wrong_is_said_however_the_server_words_it(
    body: Any, home: Path, httpx2_mock: respx.MockRouter
) -> None:
    httpx2_mock.post("https://api.example.org/v1/chat/completions").respond(422, json=body)
    backend = OpenAIBackend(home=home, base_url="https://api.example.org/v1", api_key_env="")
    rows = [{"text": "a car", "label": "car"}, {"text": "my pet", "label": "pet"}]
    data = Dataset.from_rows(rows, Classification())
    with pytest.raises(errors.InvalidRequest, match="plain words"):
        tunekit.baseline(data, backend=backend).predict("a pet")
