"""Every method on every kind of device, with an encoder that knows nothing.

On the CPU these run everywhere; with a CUDA device `make gpu` runs them there, too. What a GPU
learns and answers is held against what the CPU does with the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from tunekit import Classification, Dataset, Extraction, Preference
from tunekit.backends.trainer.methods import ROUTES
from tunekit.backends.trainer.recipes import Machine, recipe
from tunekit.data.render import render
from tunekit.planning import Route
from tunekit.shapes import Marks, Order, Shape, Target, Weights
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Settings
from tunekit.weights import read_folder

pytestmark = pytest.mark.torch

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
WORDS = ("my", "card", "is", "lost", "i", "want", "money", "back", "thanks", "great", "the", "app")


def _texts(count: int) -> list[str]:
    return [" ".join(WORDS[(n * k) % 12] for k in range(1, 4 + n % 9)) for n in range(count)]


def _labelled(number: int, text: str) -> dict[str, Any]:
    ending, label = (("thanks great", "yes"), ("card lost", "no"))[number % 2]
    return {"text": f"{text} {ending}", "label": label}


def _spanned(number: int, text: str) -> dict[str, Any]:
    start = len(text) + 1
    span = [start, start + len(str(number)), "number"]
    return {"text": f"{text} {number} days", "spans": [span]}


def _ranked(number: int, text: str) -> dict[str, Any]:
    return {"question": text, "options": ["the card is lost", "thanks great app"], "best": 1}


DATA = {
    shape: Dataset.from_rows([row(n, text) for n, text in enumerate(_texts(40))], task)
    for shape, row, task in (
        (Shape.LABELLED, _labelled, Classification()),
        (Shape.SPANNED, _spanned, Extraction()),
        (Shape.RANKED, _ranked, Preference()),
    )
}


@pytest.fixture
def learn(
    tmp_path: Path, tiny_encoder: Path
) -> Callable[..., tuple[Mapping[str, Any], list[Target]]]:
    """Train by a route on a device; gives what was said of it, and answers to the rows."""

    def learn(route: Route, device: str, precision: Any) -> tuple[Mapping[str, Any], list[Target]]:
        from tunekit.training.runtime import load
        from tunekit.training.worker import train

        data = DATA[route.shape]
        run = RunFolder(tmp_path / f"{device}-{precision}")
        run.train.parent.mkdir(parents=True)
        prompt = data.task.prompt()
        lines = render(data, data.task, route.shape, route.format, prompt)
        run.train.write_bytes(b"".join(lines))
        told = recipe(
            route.method,  # type: ignore[arg-type]
            route.shape,
            backend="local",
            task=data.task,
            weights=read_folder(tiny_encoder, name="tiny"),
            settings=Settings() if route.method == "head" else Settings(epochs=3),
            machine=Machine(device, 1, precision, None),
        )
        run.recipe.write_text(told.model_dump_json())
        result = train(run)
        runtime = load(run.artifact, tiny_encoder, device=device)
        asked = [data.task.input(data.task.asked(row), route.shape, prompt) for row in data]
        return {**result, "steps": _steps(run)}, list(runtime.predict(asked))

    return learn


def _steps(run: RunFolder) -> list[dict[str, Any]]:
    if not run.metrics.exists():
        return []
    return [orjson.loads(line) for line in run.metrics.read_bytes().splitlines()]


def _numbers(answer: Target) -> dict[Any, float]:
    match answer:
        case Weights(by_label):
            return dict(by_label)
        case Order(_, probabilities):
            return dict(enumerate(probabilities))
        case Marks(spans):
            return dict.fromkeys(spans, 1.0)
    raise AssertionError(answer)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("route", ROUTES["encoder"], ids=lambda one: f"{one.shape}-{one.method}")
def test_every_method_learns_on_the_device(
    learn: Callable[..., Any], route: Route, device: str
) -> None:
    result, answers = learn(route, device, "auto")
    assert len(answers) == 40
    for answer in answers:
        numbers = _numbers(answer)
        if not isinstance(answer, Marks):
            assert sum(numbers.values()) == pytest.approx(1, abs=1e-3)
    assert all(math.isfinite(step["loss"]) for step in result["steps"])
    assert (result["steps"] == []) == (route.method == "head")


@pytest.mark.gpu
@pytest.mark.parametrize("route", ROUTES["encoder"], ids=lambda one: f"{one.shape}-{one.method}")
def test_a_gpu_learns_what_the_cpu_does(learn: Callable[..., Any], route: Route) -> None:
    here, answers = learn(route, "cpu", "fp32")
    there, others = learn(route, "cuda", "fp32")
    if here["steps"]:  # dropout differs by device, the first loss before any step hardly
        assert there["steps"][0]["loss"] == pytest.approx(here["steps"][0]["loss"], rel=0.2)
    if route.method == "head":
        for one, other in zip(answers, others, strict=True):
            assert _numbers(other) == pytest.approx(_numbers(one), abs=1e-3)
