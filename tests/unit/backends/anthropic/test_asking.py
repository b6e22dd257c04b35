"""Predictions through the API: what goes over the wire, and whole answers however it behaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import respx
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

import tunekit
from tunekit import Classification, Dataset, Extraction, Failure, Preference, Transformation, errors
from tunekit.backends.anthropic import AnthropicBackend
from tunekit.backends.base import ModelRef
from tunekit.shapes import Said, Turn, Turns
from tunekit.testing.anthropic import AnthropicServer, Fault
from tunekit.testing.samples import (
    CHOICE,
    CLASSIFICATION,
    EXTRACTION,
    TRANSFORMATION,
    Sample,
)

WORDS = ("car", "home", "pet")
ROWS = [{"text": f"{word} number {n}", "label": word} for word in WORDS for n in range(20)]
DATA = Dataset.from_rows(ROWS, Classification())
KINDS = ("refuse", "cut", "hang", "garble")


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    with AnthropicServer() as server:
        yield server


def over(server: AnthropicServer, **options: Any) -> AnthropicBackend:
    built = tunekit.backend("anthropic", base_url=server.url, api_key_env="", **options)
    assert isinstance(built, AnthropicBackend)
    return built


def tuned(server: AnthropicServer, data: Dataset = DATA, **options: Any) -> tunekit.Model:
    return tunekit.tune(data, backend=over(server, **options), shots=6, nearest=2)


def sent(server: AnthropicServer) -> list[dict[str, Any]]:
    return [orjson.loads(one.body) for one in server.requests if one.path == "/v1/messages"]


def blocks(body: dict[str, Any]) -> list[dict[str, Any]]:
    """All blocks of a request, in order."""
    messages = [block for message in body["messages"] for block in message["content"]]
    return [*body.get("system", ()), *messages]


# --- what is sent ---------------------------------------------------------------------------------


def test_what_never_changes_stands_first_and_is_marked(server: AnthropicServer) -> None:
    tuned(server).predict(["car number 3", "an ape"])
    first, second = map(blocks, sent(server))
    marked = [place for place, block in enumerate(first) if "cache_control" in block]
    assert marked == [12]  # the system turn, then six examples of two turns
    assert first[12]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert first[:13] == second[:13]
    assert first[-1]["text"] == "car number 3" or second[-1]["text"] == "car number 3"
    assert len(first) == len(second) == 13 + 2 * 2 + 1


def test_the_second_call_reads_what_the_first_has_written(
    server: AnthropicServer,
) -> None:
    model = tuned(server)
    model.predict("car number 3")
    model.predict("an ape")
    first, second = server.usages
    assert first["cache_creation_input_tokens"] > 0 == first["cache_read_input_tokens"]
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"]
    assert second["cache_creation_input_tokens"] == 0


@pytest.mark.parametrize(("ttl", "expected"), [("1h", ["1h"]), (None, [])])
def test_the_cache_is_an_option(
    server: AnthropicServer, ttl: str | None, expected: list[str]
) -> None:
    tuned(server, cache_ttl=ttl).predict("car")
    marks = [one["cache_control"]["ttl"] for one in blocks(sent(server)[0]) if len(one) > 2]
    assert marks == expected


def test_one_version_of_the_api_and_no_temperature(server: AnthropicServer) -> None:
    tuned(server).predict("car")
    tuned(server, temperature=0.0).predict("car")
    versions = [one.headers["anthropic-version"] for one in server.requests]
    assert versions == ["2026-10-21", "2023-06-01"]
    assert [one.get("temperature") for one in sent(server)] == [None, 0.0]


@pytest.mark.parametrize(
    ("data", "value", "expected"),
    [
        (DATA, "car", 16 + 4),
        (
            Dataset.from_rows([{"input": "a", "output": "b"}], Transformation("Do.")),
            "x",
            1_024,
        ),
        (
            Dataset.from_rows([{"input": "a", "output": "b"}], Transformation("Do.")),
            "x" * 4_000,
            4_000,
        ),
    ],
)
def test_an_answer_has_room_and_an_end(
    server: AnthropicServer, data: Dataset, value: str, expected: int
) -> None:
    model = tuned(server, data)
    model.predict(value)
    assert sent(server)[-1]["max_tokens"] == expected
    tuned(server, data, max_tokens=77).predict(value)
    assert sent(server)[-1]["max_tokens"] == 77


def test_answers_are_held_to_their_schema_in_an_object(server: AnthropicServer) -> None:
    data = Dataset.from_rows(EXTRACTION.rows, EXTRACTION.task)
    model = tuned(server, data)
    for row, answer in zip(data, model.predict(data), strict=True):
        assert EXTRACTION.agrees(row, answer)
    body = sent(server)[0]
    schema = body["output_config"]["format"]["schema"]
    assert (schema["type"], schema["properties"]["answer"]["type"]) == ("object", "array")
    shown = [one["content"][0]["text"] for one in body["messages"] if one["role"] == "assistant"]
    assert shown and all(list(orjson.loads(text)) == ["answer"] for text in shown)


def test_a_server_without_schemas_is_asked_without(server: AnthropicServer) -> None:
    data = Dataset.from_rows(EXTRACTION.rows, EXTRACTION.task)
    model = tuned(server, data, structured=False)
    for row, answer in zip(data, model.predict(data), strict=True):
        assert EXTRACTION.agrees(row, answer)
    assert not any("output_config" in one for one in sent(server))


def test_a_choice_is_a_number_of_a_closed_set(server: AnthropicServer) -> None:
    rows = [
        {"question": f"Which {n}?", "options": (f"good {n}", f"bad {n}"), "best": 0}
        for n in range(8)
    ]
    model = tuned(server, Dataset.from_rows(rows, Preference()))
    chosen = model.predict("Which 3?", options=["good 3", "bad 3"])
    assert (chosen.option, chosen.probabilities) == ("good 3", None)


def test_free_answers_to_preferences_are_not_offered(server: AnthropicServer) -> None:
    rows = [{"question": "Why?", "options": ("good", "bad"), "best": 0}]
    with pytest.raises(errors.UnsupportedTask, match="offers pair"):
        tuned(server, Dataset.from_rows(rows, Preference("answer")))


@pytest.mark.parametrize("sample", [CLASSIFICATION, TRANSFORMATION, EXTRACTION, CHOICE])
def test_the_sdk_s_own_types_take_what_is_sent(server: AnthropicServer, sample: Sample) -> None:
    data = Dataset.from_rows(sample.rows, sample.task).filter(
        lambda row: not {"ties", "ranking"} & {*sample.task.needs(row)}
    )
    model = tuned(server, data)
    model.predict(data)
    wire = TypeAdapter(MessageCreateParamsNonStreaming)
    for body in sent(server):
        read: Any = wire.validate_python(body)
        # What is iterable is checked as it is read.
        assert list(read["system"]) == body["system"]
        for message, given in zip(read["messages"], body["messages"], strict=True):
            assert list(message["content"]) == given["content"]


# --- what comes back ------------------------------------------------------------------------------


def test_labels_have_no_probabilities(server: AnthropicServer) -> None:
    label = tuned(server).predict("car number 3")
    assert (label.label, label.probability, label.probabilities) == ("car", None, None)


def test_hundreds_of_answers_under_faults(server: AnthropicServer) -> None:
    model = tuned(server, timeout=0.5, retries=12)
    texts = [ROWS[n % len(ROWS)]["text"] for n in range(300)]
    server.random_faults(0.2, seed=7, kinds=KINDS)
    answers = model.predict(texts)
    assert [one.label for one in answers] == [text.split()[0] for text in texts]
    assert len(server.requests) > 330  # the faults were there


def test_it_waits_as_long_as_it_is_told(server: AnthropicServer) -> None:
    model = tuned(server, retries=2)
    server.script("POST /messages", Fault("refuse", status=429, retry_after=0.02))
    server.script("POST /messages", Fault("refuse", status=529))
    assert model.predict("car number 3").label == "car"
    assert len(server.requests) == 3


def test_one_bad_input_costs_no_other(server: AnthropicServer) -> None:
    texts = ["car number 1", "no\0thing", "half \ud800", " \n", "pet 2"]
    answers = tuned(server).predict(texts, errors="return")
    failed = [isinstance(one, Failure) for one in answers]
    assert failed == [False, True, True, True, False]
    assert [answers[2].code, answers[3].code] == ["invalid-input", "invalid-input"]


def test_a_wrong_key_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKING_KEY", "sk-wrong-0123456789")
    with AnthropicServer(key="sk-right-0123456789") as server:
        backend = tunekit.backend(
            "anthropic", base_url=server.url, api_key_env="ASKING_KEY", concurrency=2
        )
        model = tunekit.tune(DATA, backend=backend)
        with pytest.raises(errors.AuthenticationFailed, match="ASKING_KEY") as raised:
            model.predict([f"text {n}" for n in range(100)])
        assert len(server.requests) <= 4
    assert raised.value.code == "authentication_error"
    assert raised.value.request_id
    assert "sk-wrong" not in repr(vars(raised.value)) + str(raised.value)


def test_a_model_that_isn_t_there(server: AnthropicServer) -> None:
    server.models = ("claude-haiku-4-5",)
    assert tuned(server).predict("car number 1").label == "car"
    with pytest.raises(errors.NotFound, match="claude-none"):
        tuned(server, model="claude-none").predict("car number 1")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"stop_reason": "max_tokens", "content": [{"type": "text", "text": "ca"}]}, "cut-short"),
        ({"stop_reason": "model_context_window_exceeded", "content": []}, "cut-short"),
        ({"stop_reason": "refusal", "content": []}, "refused"),
        (
            {"stop_reason": "end_turn", "content": [{"type": "text", "text": "a label of nobody"}]},
            "label-outside-set",
        ),
        (
            {"stop_reason": "end_turn", "content": [{"type": "text", "text": " car\n"}]},
            None,
        ),
        (
            {
                "stop_reason": "end_turn",
                "content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "car"}],
            },
            None,
        ),
    ],
)
def test_what_is_no_answer_is_a_failure(
    said: dict[str, Any], code: str | None, home: Path, httpx2_mock: respx.MockRouter
) -> None:
    httpx2_mock.post("https://api.example.org/v1/messages").respond(json={"id": "x", **said})
    backend = tunekit.backend("anthropic", base_url="https://api.example.org", api_key_env="")
    answer = tunekit.tune(DATA, backend=backend).predict("car", errors="return")
    if code is None:
        assert answer.label == "car"
    else:
        assert isinstance(answer, Failure) and answer.code == code


def test_an_answer_without_words_is_malformed(home: Path, httpx2_mock: respx.MockRouter) -> None:
    httpx2_mock.post("https://api.example.org/v1/messages").respond(
        json={"stop_reason": "end_turn", "content": []}
    )
    backend = tunekit.backend(
        "anthropic", base_url="https://api.example.org", api_key_env="", retries=0
    )
    with pytest.raises(errors.MalformedAnswer, match="says nothing"):
        tunekit.tune(DATA, backend=backend).predict("car")


def test_what_begins_with_another_prompt_is_a_failure(server: AnthropicServer) -> None:
    model = tuned(server)
    asked = Turns((Turn("system", "Something else."), Turn("user", "car number 1")))
    (other,) = asyncio.run(over(server).predict(model.ref, [asked]))
    assert isinstance(other, Failure) and other.code == "other-prompt"
    (plain,) = asyncio.run(over(server).predict(ModelRef("anthropic", "claude-x"), [asked]))
    assert plain == Said("car number 1")  # a model's own name has no compiled prompt


# --- what the environment says --------------------------------------------------------------------


def test_the_environment_says_neither_key_nor_headers(
    server: AnthropicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-elsewhere-0123456789")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-elsewhere-0123456789")
    monkeypatch.setenv(
        "ANTHROPIC_CUSTOM_HEADERS",
        "X-Secret: elsewhere\nAuthorization: Bearer elsewhere\nAnthropic-Version: 2023-01-01",
    )
    assert tuned(server).predict("car number 1").label == "car"
    for one in server.requests:
        assert "elsewhere" not in str(one.headers)
        assert one.headers["anthropic-version"] == "2026-10-21"


def test_the_address_of_the_environment_is_taken_when_it_is_built(
    server: AnthropicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    backend = tunekit.backend("anthropic", api_key_env="")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert backend.options["base_url"] == server.url
    assert tunekit.tune(DATA, backend=backend).predict("car number 1").label == "car"


def test_options_are_checked(home: Path) -> None:
    for option in ({"concurrency": 0}, {"retries": -1}, {"timeout": 0}, {"cache_ttl": "2h"}):
        with pytest.raises(errors.ConfigError, match=next(iter(option))):
            tunekit.backend("anthropic", **option)
    with pytest.raises(errors.ConfigError, match="secret"):
        tunekit.backend("anthropic", api_key="sk-ant-0123456789")


def test_extraction_needs_no_labels_to_be_asked(server: AnthropicServer) -> None:
    model = tunekit.load("anthropic:claude-haiku-4-5", task=Extraction(["person"]))
    assert model.kind == "zero-shot"


def test_answers_as_long_as_the_rows_show_have_room(server: AnthropicServer) -> None:
    rows = [{"input": f"article {n}", "output": f"{n} " + "word " * 1_500} for n in range(12)]
    model = tuned(server, Dataset.from_rows(rows, Transformation()))
    assert model.predict("article 3") == rows[3]["output"]
    assert sent(server)[-1]["max_tokens"] > 7_500


@pytest.mark.parametrize("error", [{"type": 5, "message": "no"}, {"type": "x", "message": [1]}, 7])
def test_errors_of_odd_make_are_errors_of_ours(
    error: Any, home: Path, httpx2_mock: respx.MockRouter
) -> None:
    httpx2_mock.post("https://api.example.org/v1/messages").respond(400, json={"error": error})
    backend = AnthropicBackend(home=home, base_url="https://api.example.org", api_key_env="")
    model = tunekit.baseline(DATA, backend=backend)
    with pytest.raises(errors.InvalidRequest) as raised:
        model.predict("car number 3")
    assert raised.value.status == 400
