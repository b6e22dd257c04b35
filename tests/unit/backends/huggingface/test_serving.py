from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tunekit import errors
from tunekit.backends.huggingface.serving import Served
from tunekit.shapes import (
    Failure,
    Marks,
    Passage,
    Question,
    Said,
    Shape,
    Span,
    Turn,
    Turns,
    Weights,
)
from tunekit.testing.server import Fault
from tunekit.training.recipe import Writing

from .endpoint import Endpoint

TOKEN, OTHERS = "hf_of_the_endpoint", "hf_of_a_login"
LABELS = ("card", "refund")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("ENDPOINT_TOKEN", TOKEN)
    monkeypatch.setenv("HF_TOKEN", OTHERS)
    with Endpoint() as server:
        yield server


def served(server: Endpoint, token_env: str | None = None, **more: Any) -> Served:
    one = Served("mine", server.origin, token_env, **{"timeout": 0.5, "retries": 2, **more})
    one._hub.first_wait = 0.01
    return one


def ask(
    one: Served, shape: Shape, *inputs: Any, labels: Any = LABELS, writing: Writing | None = None
) -> list[Any]:
    return asyncio.run(one.predict(shape, labels, inputs, writing or Writing()))


def test_labels_come_with_their_probabilities_in_the_order_of_the_task(server: Endpoint) -> None:
    server.answer = [[{"label": "refund", "score": 0.7}, {"label": "card", "score": 0.3}]]
    (outcome,) = ask(served(server), Shape.LABELLED, Passage("money back"))
    assert outcome == Weights((("card", 0.3), ("refund", 0.7)))
    assert server.heard == [
        {
            "inputs": "money back",
            "parameters": {"function_to_apply": "softmax", "top_k": 2},
        }
    ]


def test_numbered_labels_are_those_of_the_model_and_others_are_a_failure(server: Endpoint) -> None:
    server.answer = [[{"label": "LABEL_1", "score": 0.9}, {"label": "LABEL_0", "score": 0.1}]]
    one = served(server)
    assert ask(one, Shape.LABELLED, Passage("x")) == [Weights((("card", 0.1), ("refund", 0.9)))]
    server.answer = [[{"label": "POSITIVE", "score": 1.0}]]
    (outcome,) = ask(one, Shape.LABELLED, Passage("x"))
    assert isinstance(outcome, Failure)
    assert outcome.code == "unknown-label"


def test_spans_are_marks(server: Endpoint) -> None:
    def word(start: int, end: int, group: str) -> dict[str, Any]:
        return {"entity_group": group, "score": 0.9, "word": "w", "start": start, "end": end}

    server.answer = [word(6, 7, "card"), word(0, 5, "refund")]
    (outcome,) = ask(served(server), Shape.SPANNED, Passage("Ärger 🙂 Haus"))
    assert outcome == Marks((Span(0, 5, "refund"), Span(6, 7, "card")))
    server.answer = [word(8, 14, "refund")]
    with pytest.raises(errors.MalformedAnswer, match="8 to 14"):
        ask(served(server), Shape.SPANNED, Passage("Ärger 🙂 Haus"))


def test_turns_are_asked_as_they_were_trained(server: Endpoint) -> None:
    message = {"role": "assistant", "content": " card \n"}
    server.answer = {
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "created": 1,
        "id": "1",
        "model": "m",
        "system_fingerprint": "f",
        "usage": {"completion_tokens": 1, "prompt_tokens": 1, "total_tokens": 2},
    }
    asked = Turns((Turn("system", "Sort."), Turn("user", "lost")), choices=LABELS)
    one = served(server)
    assert ask(one, Shape.CHAT, asked) == [Said("card")]
    drawn = Writing(temperature=0.5, top_p=0.9, seed=3, max_tokens=7)
    ask(one, Shape.CHAT, asked, writing=drawn)
    first, second = server.heard
    assert first["messages"] == [
        {"role": "system", "content": "Sort."},
        {"role": "user", "content": "lost"},
    ]
    assert "temperature" not in first
    settings = {"temperature": 0.5, "top_p": 0.9, "seed": 3, "max_tokens": 7}
    assert settings.items() <= second.items()
    server.answer["choices"][0]["finish_reason"] = "length"
    (outcome,) = ask(one, Shape.CHAT, asked)
    assert isinstance(outcome, Failure)
    assert outcome.code == "cut-short"


def test_one_bad_input_costs_no_other_and_order_holds(server: Endpoint) -> None:
    server.answer = lambda body: [[{"label": "card", "score": len(body["inputs"]) / 10}]]
    inputs = [Passage("a"), Passage("b\ud800"), Question("q", ("x",)), Passage("dddd")]
    outcomes = ask(served(server), Shape.LABELLED, *inputs)
    assert outcomes[0] == Weights((("card", 0.1),))
    assert isinstance(outcomes[1], Failure)
    assert isinstance(outcomes[2], Failure)
    assert outcomes[3] == Weights((("card", 0.4),))


def test_only_the_token_that_is_meant_for_it_is_sent(server: Endpoint) -> None:
    server.answer = [[{"label": "card", "score": 1.0}]]
    ask(served(server), Shape.LABELLED, Passage("x"))
    ask(served(server, "ENDPOINT_TOKEN"), Shape.LABELLED, Passage("x"))
    sent = [one.headers["authorization"] for one in server.requests]
    assert sent == ["Bearer none", f"Bearer {TOKEN}"]
    with pytest.raises(errors.AuthenticationFailed, match="NO_SUCH"):
        ask(served(server, "NO_SUCH"), Shape.LABELLED, Passage("x"))
    assert TOKEN not in repr(vars(served(server, "ENDPOINT_TOKEN")))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", status=401), errors.AuthenticationFailed),
        (Fault("refuse", status=404), errors.NotFound),
        (Fault("refuse", status=422), errors.InvalidRequest),
        (Fault("refuse", status=503), errors.ServerFailed),
        (Fault("hang"), errors.BackendTimeout),
        (Fault("cut"), errors.ConnectionFailed),
        (Fault("garble"), errors.MalformedAnswer),
        (Fault("reshape"), errors.MalformedAnswer),
    ],
)
def test_what_goes_wrong_is_our_error(
    server: Endpoint, fault: Fault, expected: type[errors.BackendError]
) -> None:
    server.answer = [[{"label": "card", "score": 1.0}]]
    server.script("POST /", fault, always=True)
    with pytest.raises(expected) as caught:
        ask(served(server, "ENDPOINT_TOKEN", retries=0), Shape.LABELLED, Passage("x"))
    assert type(caught.value) is expected
    assert TOKEN not in str(caught.value)


def test_what_may_pass_is_asked_again(server: Endpoint) -> None:
    server.answer = [[{"label": "card", "score": 1.0}]]
    server.script("POST /", Fault("refuse", status=503), Fault("cut"))
    assert ask(served(server), Shape.LABELLED, Passage("x")) == [Weights((("card", 1.0),))]


def test_a_shape_that_no_stock_server_has_is_refused_at_once(server: Endpoint) -> None:
    with pytest.raises(errors.UnsupportedTask, match="answers_url"):
        ask(served(server), Shape.RANKED, Question("q", ("x",)))
    assert server.requests == []
