"""Decisions of a pretrained model: what is asked, and what is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import respx

import tunekit
from tunekit import Classification, Dataset, Extraction, errors
from tunekit.backends.abilities import Prices
from tunekit.backends.openai.decisions import DEFAULT_MODEL, body_of
from tunekit.shapes import Failure, Turn, Turns
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.openai.decisions import DECLINES
from tunekit.testing.server import Fault

ROWS = [{"text": f"my {word} {n}", "label": word} for word in ("car", "pet") for n in range(5)]
TASK = Classification(["car", "pet"], descriptions={"pet": "an animal"})
DATA = Dataset.from_rows(ROWS, TASK)
ROUTE = "POST /decisions"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def over(url: str, **options: Any) -> Any:
    given = {"base_url": url, "api_key_env": "", "endpoint": "decisions", **options}
    return tunekit.backend("openai", **given)


def decides(server: OpenAIServer, **options: Any) -> tunekit.Model:
    return tunekit.baseline(DATA, backend=over(server.url, **options))


def test_what_goes_over_the_wire(server: OpenAIServer) -> None:
    model = decides(server)
    assert (model.kind, model.base, model.ref.id) == ("zero-shot", DEFAULT_MODEL, DEFAULT_MODEL)
    answer = model.predict("My CAR, and not a dog ü🙂")
    (request,) = server.requests
    assert request.path == "/v1/decisions"
    assert orjson.loads(request.body) == {
        "model": "gpt-6-luna",
        "input": "My CAR, and not a dog ü🙂",
        "questions": [
            {
                "type": "choice",
                "name": "label",
                "choices": [{"value": "car"}, {"value": "pet"}],
                "instructions": TASK.prompt().system,
            }
        ],
    }
    assert answer.label == "car"
    assert set(answer.probabilities) == {"car", "pet"}
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.probability == answer.probabilities["car"] > 0.5


def test_many_in_order_and_a_refusal_costs_no_other(server: OpenAIServer) -> None:
    answers = decides(server).predict(
        ["my pet", f"my car {DECLINES}", "half \ud800", "my car"], errors="return"
    )
    assert [getattr(one, "label", None) for one in answers] == ["pet", None, None, "car"]
    assert [one.code for one in answers[1:3]] == ["refused", "invalid-input"]


def test_it_is_kept_with_its_endpoint(server: OpenAIServer, tmp_path: Path) -> None:
    loaded = tunekit.load(decides(server).save(tmp_path / "model"))
    assert loaded.predict("my pet").label == "pet"
    assert server.requests[-1].path == "/v1/decisions"


def test_examples_cant_be_shown(server: OpenAIServer) -> None:
    model = tunekit.baseline(DATA, backend=over(server.url), shots=2)
    (failure,) = model.predict(["my car"], errors="return")
    assert failure.code == "shots" and "endpoint='chat'" in failure.detail
    assert server.requests == []


@pytest.mark.parametrize(("labels", "asked"), [(1, False), (2, True), (255, True), (256, False)])
def test_how_many_labels_there_may_be(server: OpenAIServer, labels: int, asked: bool) -> None:
    names = [f"label {n}" for n in range(labels)]
    data = Dataset.from_rows([{"text": "x", "label": names[0]}], Classification(names))
    model = tunekit.baseline(data, backend=over(server.url))
    (answer,) = model.predict(["label 0"], errors="return")
    assert isinstance(answer, Failure) is not asked
    if not asked:
        assert answer.code == "no-choices"
        assert f"here are {labels}" in answer.detail and "endpoint='chat'" in answer.detail
        assert server.requests == []


def test_what_is_no_choice_isnt_asked(server: OpenAIServer) -> None:
    data = Dataset.from_rows([{"text": "Ann", "spans": [(0, 3, "NAME")]}], Extraction())
    model = tunekit.baseline(data, backend=over(server.url))
    (failure,) = model.predict(["Ann"], errors="return")
    assert failure.code == "no-choices" and server.requests == []


def test_a_conversation_is_no_question() -> None:
    turns = (Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"))
    found = body_of(DEFAULT_MODEL, Turns(turns, choices=("x", "y")))
    assert isinstance(found, Failure) and found.code == "shots"
    context = Turns((Turn("user", "before"), Turn("user", "c")), choices=("x", "y"))
    body = body_of(DEFAULT_MODEL, context)
    assert isinstance(body, dict)
    assert (body["input"], body["questions"][0]["instructions"]) == ("c", "before")
    bare = body_of(DEFAULT_MODEL, Turns((Turn("user", "c"),), choices=("x", "y")))
    assert isinstance(bare, dict) and "instructions" not in bare["questions"][0]


# --- answers as servers have them -----------------------------------------------------------------


@pytest.fixture
def answered(httpx2_mock: respx.MockRouter) -> Callable[..., Any]:
    """What is made of one answer of the API to ``my car``."""

    def ask(**answer: Any) -> Any:
        httpx2_mock.post("http://localhost:9/v1/decisions").respond(json=answer)
        model = tunekit.baseline(DATA, backend=over("http://localhost:9/v1", retries=0))
        return model.predict(["my car"], errors="return")[0]

    return ask


def choice(label: Any, *told: tuple[Any, Any]) -> dict[str, Any]:
    odds = [{"value": value, "probability": share} for value, share in told]
    return {"answers": [{"type": "choice", "choice": label, "probabilities": odds}]}


def test_probabilities_are_made_to_sum_to_one(answered: Callable[..., Any]) -> None:
    found = answered(**choice("car", ("car", 0.6), ("pet", 0.6)))
    assert found.probabilities == {"car": 0.5, "pet": 0.5}


@pytest.mark.parametrize(
    "told",
    [
        [("car", 0.9)],  # not of all labels
        [("car", 0.9), ("dog", 0.1)],
        [("car", -0.1), ("pet", 1.1)],
        [("car", "much"), ("pet", 0.1)],
        [("car", 0.0), ("pet", 0.0)],
        [("car", None), ("pet", 0.1)],
        [],
    ],
)
def test_probabilities_that_are_none_are_left_out(
    answered: Callable[..., Any], told: list[tuple[Any, Any]]
) -> None:
    found = answered(**choice("car", *told))
    assert (found.label, found.probability) == ("car", None)


def test_an_answer_without_probabilities(answered: Callable[..., Any]) -> None:
    found = answered(answers=[{"type": "choice", "choice": "pet", "name": "label"}])
    assert (found.label, found.probability) == ("pet", None)


def test_an_unknown_answer_is_a_failure(answered: Callable[..., Any]) -> None:
    found = answered(**choice("dog", ("car", 0.5), ("pet", 0.5)))
    assert isinstance(found, Failure) and found.code == "label-outside-set"


def test_a_refusal_is_a_failure(answered: Callable[..., Any]) -> None:
    found = answered(answers=[{"type": "refusal", "name": "label"}])
    assert isinstance(found, Failure) and found.code == "refused"


@pytest.mark.parametrize(
    "answer",
    [{}, {"answers": []}, {"answers": None}, {"answers": [{"type": "choice", "choice": 3}]},
     {"answers": [{"type": "choice", "choice": "car"}] * 2}, {"answers": "car"}],
)  # fmt: skip
def test_what_is_no_answer_is_malformed(
    answered: Callable[..., Any], answer: dict[str, Any]
) -> None:
    with pytest.raises(errors.MalformedAnswer, match="no decision"):
        answered(**answer)


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.InvalidRequest),
        (401, errors.AuthenticationFailed),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (429, errors.RateLimited),
        (500, errors.ServerFailed),
    ],
)
def test_refusals_are_those_of_a_chat(
    server: OpenAIServer, status: int, error: type[errors.BackendError]
) -> None:
    model = decides(server, retries=0)
    server.script(ROUTE, Fault("refuse", status=status, message="scripted"), always=True)
    with pytest.raises(error) as caught:
        model.predict(["my car"], errors="return")
    assert (caught.value.backend, caught.value.status) == ("openai", status)


def test_what_passes_is_tried_again(server: OpenAIServer) -> None:
    model = decides(server, timeout=2.0, retries=3)
    server.script(
        ROUTE, Fault("refuse", status=429, retry_after=0.01), Fault("cut"), Fault("garble")
    )
    assert model.predict("my pet").label == "pet"
    assert len(server.requests) == 4


# --- prices, and what is tuned --------------------------------------------------------------------


def test_what_it_costs(server: OpenAIServer) -> None:
    models = {
        "own": decides(server, price_per_million_input=5.0, price_per_million_output=0.0),
        "unknown": decides(server),  # a server that isn't OpenAI's
        "openai": tunekit.baseline(DATA, backend=over("https://api.openai.com/v1")),
    }
    asked = {name: model.rendered(["my car"]) for name, model in models.items()}
    prices = {}
    for name, model in models.items():
        assert isinstance(model.backend, Prices)
        prices[name] = model.backend.price_of(model.ref, asked[name], ["car"])
    assert prices["own"].amount is not None and prices["own"].amount > 0
    assert prices["unknown"].amount is None and prices["unknown"].note == "no price is known"
    assert prices["openai"].amount is not None and prices["openai"].price_date is not None


def test_a_tuned_model_is_asked_as_it_was_trained(server: OpenAIServer) -> None:
    server.story, server.least_lines = ("succeeded",), 1
    model = tunekit.tune(DATA, backend=over(server.url, settle=0.0), model="gpt-4.1-mini")
    assert model.predict("my pet 1").label == "pet"
    assert server.requests[-1].path == "/v1/chat/completions"


def test_an_endpoint_that_isnt_there() -> None:
    with pytest.raises(errors.ConfigError, match="endpoint"):
        over("http://localhost:9/v1", endpoint="decision")
