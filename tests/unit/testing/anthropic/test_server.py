"""The scripted server: strict as the real one, and asked as any client would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from tunekit.testing.anthropic import AnthropicServer, Fault

HEADERS = {"x-api-key": "any", "anthropic-version": "2026-10-21"}


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    with AnthropicServer() as server:
        yield server


def said(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text, **more}]}


def body(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "claude-x", "max_tokens": 20, "messages": list(messages), **more}


def post(server: AnthropicServer, body: Any, path: str = "", **headers: str) -> httpx2.Response:
    url = f"{server.url}/v1/messages{path}"
    return httpx2.post(url, json=body, headers={**HEADERS, **headers})


SHOTS = (
    said("user", "my car was hit"), said("assistant", "car"),
    said("user", "there is water in the cellar"), said("assistant", "home"),
)  # fmt: skip


def test_it_answers_from_the_examples_it_is_shown(server: AnthropicServer) -> None:
    for asked, expected in (("my car was hit", "car"), ("water in my cellar", "home")):
        answer = post(server, body(*SHOTS, said("user", asked), system="Sort.")).json()
        assert answer["content"] == [{"type": "text", "text": expected}]
        assert (answer["role"], answer["stop_reason"]) == ("assistant", "end_turn")


def test_the_sdk_understands_it(server: AnthropicServer) -> None:
    with anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0) as client:
        answer = client.messages.create(
            model="claude-x", max_tokens=9, messages=[{"role": "user", "content": "hello"}]
        )
        assert answer.content[0].type == "text" and answer.content[0].text == "hello"
        request: Any = {
            "custom_id": "a",
            "params": body(said("user", "hello")),
        }
        batch = client.messages.batches.create(requests=[request])
        while client.messages.batches.retrieve(batch.id).processing_status != "ended":
            pass
        (result,) = client.messages.batches.results(batch.id)
        assert (result.custom_id, result.result.type) == ("a", "succeeded")
        assert [one.id for one in client.messages.batches.list()] == [batch.id]
        with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
            client.messages.create(model="m", max_tokens=0, messages=[])


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"messages": []}, "at least one"),
        ({"messages": [said("assistant", "a")]}, "first message"),
        ({"messages": [said("user", "a"), said("assistant", "b")]}, "end with a user"),
        ({"messages": [said("system", "a")]}, "role"),
        ({"messages": [said("user", " ")]}, "non-whitespace"),
        ({"messages": [{"role": "user"}]}, "content"),
        ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "name"),
        ({"messages": [said("user", "a", color="red")]}, "block"),
        ({"messages": [said("user", "a", cache_control={"type": "forever"})]}, "ephemeral"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"model": 3}, "model"),
        ({"temperature": 0.0}, "temperature: Extra inputs"),
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"stream": True}, "stream"),
        ({"output_config": {"format": {"type": "json"}}}, "json_schema"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "array"}}}},
            "root",
        ),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            "additionalProperties",
        ),
    ],
)
def test_what_the_api_refuses(server: AnthropicServer, wrong: dict[str, Any], match: str) -> None:
    answer = post(server, {**body(said("user", "a")), **wrong})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error" and match in error["message"]
    assert answer.headers["request-id"]


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
def test_what_the_api_demands(server: AnthropicServer, missing: str) -> None:
    given = {name: one for name, one in body(said("user", "a")).items() if name != missing}
    assert f"{missing}: Field required" in post(server, given).json()["error"]["message"]


def test_more_marks_than_four_are_refused(server: AnthropicServer) -> None:
    mark = {"type": "ephemeral"}
    many = [
        one
        for n in range(5)
        for one in (said("user", f"{n}", cache_control=mark), said("assistant", "a"))
    ]
    assert "Found 5" in post(server, body(*many, said("user", "a"))).json()["error"]["message"]
    assert post(server, body(*many[2:], said("user", "a"))).status_code == 200


def test_an_older_version_takes_a_temperature(server: AnthropicServer) -> None:
    given = body(said("user", "a"), temperature=0.5)
    assert post(server, given, **{"anthropic-version": "2023-06-01"}).status_code == 200
    assert post(server, given, **{"anthropic-version": "1999-01-01"}).status_code == 400


def test_strangers_are_refused() -> None:
    with AnthropicServer(key="sk-right") as server:
        given = body(said("user", "a"))
        assert post(server, given, **{"x-api-key": "sk-wrong"}).status_code == 401
        assert post(server, given, **{"x-api-key": "sk-right"}).status_code == 200
        bearer = {"x-api-key": "", "authorization": "Bearer sk-right"}
        assert post(server, given, **bearer).status_code == 200


# --- the cache ------------------------------------------------------------------------------------


def usage(server: AnthropicServer, *messages: dict[str, Any], **more: Any) -> tuple[int, int]:
    used = post(server, body(*messages, **more)).json()["usage"]
    return used["cache_creation_input_tokens"], used["cache_read_input_tokens"]


def test_a_marked_prefix_is_read_again_and_no_other(server: AnthropicServer) -> None:
    marked = (*SHOTS[:-1], said("assistant", "home", cache_control={"type": "ephemeral"}))
    written, read = usage(server, *marked, said("user", "a"))
    assert written > 0 == read
    assert usage(server, *marked, said("user", "something else")) == (0, written)
    assert usage(server, *marked, said("user", "a"), model="claude-y") == (written, 0)
    assert usage(server, *marked, said("user", "a"), system="Sort.")[1] == 0
    assert usage(server, *SHOTS, said("user", "a")) == (0, 0)
    changed = (said("user", "my bike was hit"), *marked[1:])
    assert usage(server, *changed, said("user", "a"))[1] == 0


def test_what_grows_reads_what_it_has_written(server: AnthropicServer) -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    first, _ = usage(server, said("user", "one", cache_control=mark))
    more = (said("user", "one"), said("assistant", "two"), said("user", "six", cache_control=mark))
    written, read = usage(server, *more)
    assert read == first and written > 0


def test_a_short_prefix_isn_t_kept(server: AnthropicServer) -> None:
    server.least_cached = 1_000
    marked = said("user", "short", cache_control={"type": "ephemeral"})
    assert usage(server, marked) == usage(server, marked) == (0, 0)


# --- batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [{"custom_id": "a b", "params": {}}],
        [{"custom_id": "a", "params": {}}] * 2,
        [{"custom_id": "a"}],
        [{"custom_id": "a" * 65, "params": {}}],
        "requests",
    ],
)
def test_batches_that_the_api_refuses(server: AnthropicServer, requests: Any) -> None:
    assert post(server, {"requests": requests}, "/batches").status_code == 400
    assert server.batches() == []


def test_a_batch_goes_its_way(server: AnthropicServer) -> None:
    requests = [
        {"custom_id": "good", "params": body(said("user", "hello"))},
        {"custom_id": "bad", "params": {"model": "m"}},
    ]
    id = post(server, {"requests": requests}, "/batches").json()["id"]
    url = f"{server.url}/v1/messages/batches/{id}"
    assert httpx2.get(f"{url}/results", headers=HEADERS).status_code == 404
    states = [httpx2.get(url, headers=HEADERS).json()["processing_status"] for _ in range(3)]
    assert states == ["in_progress", "ended", "ended"]
    counts = httpx2.get(url, headers=HEADERS).json()["request_counts"]
    assert (counts["succeeded"], counts["errored"], counts["processing"]) == (1, 1, 0)
    assert len(httpx2.get(f"{url}/results", headers=HEADERS).content.splitlines()) == 2
    assert post(server, {}, f"/batches/{id}/cancel").status_code == 400
    assert httpx2.get(f"{url}x", headers=HEADERS).status_code == 404


def test_lists_have_pages_newest_first(server: AnthropicServer) -> None:
    requests = [{"custom_id": "a", "params": {}}]
    ids = [post(server, {"requests": requests}, "/batches").json()["id"] for _ in range(5)]
    url = f"{server.url}/v1/messages/batches"
    first = httpx2.get(url, params={"limit": "2"}, headers=HEADERS).json()
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (ids[:2:-1], True)
    rest = httpx2.get(url, params={"after_id": first["last_id"]}, headers=HEADERS).json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (ids[2::-1], False)
    assert httpx2.get(url, params={"after_id": "x"}, headers=HEADERS).status_code == 400


# --- faults and life ------------------------------------------------------------------------------


def test_it_fails_on_command(server: AnthropicServer) -> None:
    server.script("POST /messages", Fault("refuse", status=529, retry_after=0.5, message="busy"))
    answer = post(server, body(said("user", "a")))
    assert (answer.status_code, answer.headers["retry-after"]) == (529, "0.5")
    assert answer.json()["error"] == {"type": "overloaded_error", "message": "busy"}
    assert post(server, body(said("user", "a"))).status_code == 200


def test_what_it_can_t_do_is_an_error(server: AnthropicServer) -> None:
    with pytest.raises(AttributeError, match="batch_story"):
        server.stories = ()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        server.stories  # noqa: B018  # type: ignore[attr-defined]


def test_as_a_command_it_serves_until_it_is_told() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tunekit.testing.anthropic", "--key-env", "SERVED_KEY"],
        stdout=subprocess.PIPE,
        env={**os.environ, "SERVED_KEY": "sk-served"},
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    headers = {**HEADERS, "x-api-key": "sk-served"}
    answer = httpx2.post(f"{url}/v1/messages", json=body(said("user", "hi")), headers=headers)
    assert answer.json()["content"][0]["text"] == "hi"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    process.stdout.close()
