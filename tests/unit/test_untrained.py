"""Baselines: pretrained models on scripted servers, with and without examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset, Extraction, Preference, errors
from tunekit.testing.anthropic import AnthropicServer
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.samples import SAMPLES

ROWS = [{"text": f"{word} number {n}", "label": word} for word in ("car", "pet") for n in range(9)]
DATA = Dataset.from_rows(ROWS, Classification(descriptions={"car": "of a car", "pet": "of a pet"}))


class Provider:
    """A scripted provider, and what it was asked."""

    def __init__(self, name: str, server: Any) -> None:
        self.name = name
        self._server = server
        self.backend = tunekit.backend(name, base_url=server.url, api_key_env="")

    @property
    def asked(self) -> list[tuple[str, str]]:
        """The turns of the last request, as (role, text)."""
        body = orjson.loads(self._server.requests[-1].body)
        system = body.get("system") or []
        blocks = [system] if isinstance(system, str) else [one["text"] for one in system]
        return [
            *(("system", text) for text in blocks),
            *((one["role"], _text(one["content"])) for one in body["messages"]),
        ]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(one["text"] for one in content)


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    server: Any = OpenAIServer() if request.param == "openai" else AnthropicServer()
    with server:
        yield Provider(request.param, server)


def test_without_shots_it_is_zero_shot_and_told_the_labels(provider: Provider) -> None:
    model = tunekit.baseline(DATA, backend=provider.backend)
    assert (model.kind, model.prompt) == ("zero-shot", DATA.task.prompt())
    model.predict(["car"], errors="return")
    (role, told), *rest = provider.asked
    assert role == "system" and "- car: of a car" in told and "- pet: of a pet" in told
    assert rest == [("user", "car")]


def test_shots_are_rows_in_the_stored_prompt_and_on_the_wire(
    provider: Provider, tmp_path: Path
) -> None:
    model = tunekit.baseline(DATA, backend=provider.backend, shots=4)
    assert model.kind == "prompted" and "prompted" in repr(model)
    assert model.provenance["shots"] == 4
    assert model.provenance["prompt"] == model.prompt.hash != DATA.task.prompt().hash
    there = {(row["text"], row["label"]) for row in ROWS}
    assert len(model.prompt.shots) == 4 and set(model.prompt.shots) <= there
    assert {label for _, label in model.prompt.shots} == {"car", "pet"}
    model.predict(["car number 100"], errors="return")
    shown = [
        turn
        for shot in model.prompt.shots
        for turn in zip(("user", "assistant"), shot, strict=True)
    ]
    assert provider.asked[1:] == [*shown, ("user", "car number 100")]
    loaded = tunekit.load(model.save(tmp_path / "model"))
    assert (loaded.kind, loaded.prompt) == ("prompted", model.prompt)


def test_the_same_rows_give_the_same_shots(provider: Provider) -> None:
    first, second = (tunekit.baseline(DATA, backend=provider.backend, shots=3) for _ in range(2))
    assert first.prompt.hash == second.prompt.hash
    more = tunekit.baseline(DATA, backend=provider.backend, shots=100)
    assert len(more.prompt.shots) == len(ROWS)


def test_the_context_of_a_row_stands_before_its_input(provider: Provider) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "Ann laughed", "context": "A novel.", "spans": [(0, 3, "NAME")]},
        {"text": "nobody did", "spans": []},
    ]
    data = Dataset.from_rows(rows, Extraction())
    model = tunekit.baseline(data, backend=provider.backend, shots=2)
    shots = {len(shot): shot for shot in model.prompt.shots}
    assert set(shots) == {2, 3}
    context, text, answer = shots[3]
    assert "A novel." in context and text == "Ann laughed" and '"NAME"' in answer
    model.predict({"text": "Ben", "context": "A play."}, errors="return")
    *_, before, last = [text for role, text in provider.asked if role == "user"]
    assert "A play." in before + last and "Ben" in last


@pytest.mark.parametrize("name", SAMPLES)
def test_every_task_that_chats_has_one(name: str, provider: Provider) -> None:
    sample = SAMPLES[name]
    data = Dataset.from_rows(sample.rows, sample.task)
    if isinstance(data.task, Preference) and data.task.goal == "answer":
        pytest.skip("learns from pairs of answers, and answers with a text: nothing to show")
    model = tunekit.baseline(data, backend=provider.backend, shots=1)
    assert model.kind == "prompted" and len(model.prompt.shots) == 1
    assert len(model.predict(data, errors="return")) == len(data)


def test_a_local_encoder_has_no_shots_and_says_who_has() -> None:
    with pytest.raises(errors.UnsupportedTask, match="2 shots on 'minilm'") as caught:
        tunekit.baseline(DATA, backend="local", shots=2)
    assert "backends that chat have all" in str(caught.value)


@pytest.mark.parametrize("shots", [-1, True, 1.0, "3", None])
def test_what_is_no_number_of_shots(shots: Any) -> None:
    with pytest.raises(errors.InputError, match=r"shots=.*from 0 on"):
        tunekit.baseline(DATA, backend="trivial", shots=shots)


def test_it_is_compared_with_what_was_tuned() -> None:
    with OpenAIServer() as server:
        server.story, server.least_lines = ("succeeded",), 1
        backend = tunekit.backend(
            "openai", base_url=server.url, api_key_env="", settle=0.0,
            price_per_million_input=1.0, price_per_million_output=2.0,
        )  # fmt: skip
        models = {
            "tuned": tunekit.tune(DATA, backend=backend),
            "prompted": tunekit.baseline(DATA, backend=backend, shots=2),
            "rule": tunekit.baseline(DATA, backend="trivial"),
        }
        found = tunekit.compare(DATA, models)
    # The scripted base model repeats what it is asked, which is no label.
    found.require("tuned.accuracy > prompted.accuracy", "tuned.accuracy > rule.accuracy")
    assert "outside" in (found.rows[0].answers["prompted"].failure or "")
    cost = found.models["tuned"].cost
    assert cost is not None and cost["amount"] > 0 and cost["price_date"] is None
    shown = found.models["prompted"].cost
    assert shown is not None and shown["amount"] > cost["amount"]  # shots are paid for each time
    assert found.models["rule"].cost is None
