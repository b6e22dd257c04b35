"""Models that answer what they are told to: a backend from outside, as anybody could write one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from tunekit.backends.abilities import Price
from tunekit.backends.base import ModelRef
from tunekit.errors import ServerFailed
from tunekit.model import Kind, Model
from tunekit.planning import BackendSpec, Estimate, Route, Setup
from tunekit.shapes import Input, Outcome, Passage, Question, Shape, Weights
from tunekit.tasks.base import Task

#: A task, what is answered to each text or question, and what else there is to the model.
Told = Callable[..., Model]


class ToldBackend:
    """Answers what it was told for each text."""

    type = "told"
    default_model = "told-1"

    def __init__(self, answers: Mapping[str, Outcome] | None, name: str) -> None:
        self.name = name
        self._answers = answers

    @property
    def options(self) -> Mapping[str, Any]:
        return {}

    def routes(self, model: str) -> Sequence[Route]:
        return ()

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return given

    def prepare(self, setup: Setup) -> Estimate:
        return Estimate(note="")

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        if self._answers is None:
            raise ServerFailed("gone", backend=self.name)
        return [self._answers[_asked(one)] for one in inputs]


class PricedBackend(ToldBackend):
    """One whose answers cost a cent each, whatever is asked."""

    def price_of(self, ref: ModelRef, inputs: Sequence[Input], said: Sequence[str]) -> Price:
        return Price(10.0, "USD", "2026-05-01", f"{len(inputs)} asked, {len(said)} answered")


def _asked(asked: Input) -> str:
    assert isinstance(asked, Passage | Question)
    return asked.text if isinstance(asked, Passage) else asked.question


SHAPES = {
    "classification": Shape.LABELLED,
    "extraction": Shape.SPANNED,
    "transformation": Shape.TEXT_TO_TEXT,
    "preference": Shape.RANKED,
}


@pytest.fixture(scope="session")
def told() -> Told:
    def make(
        task: Task,
        answers: Mapping[str, Any] | None,
        *,
        kind: Kind = "tuned",
        backend: str = "told",
        priced: bool = False,
    ) -> Model:
        outcomes = answers and {
            asked: Weights(((said, 1.0),)) if isinstance(said, str) else said
            for asked, said in answers.items()
        }
        built = (PricedBackend if priced else ToldBackend)(outcomes, backend)
        return Model(
            task=task,
            kind=kind,
            ref=ModelRef(backend, "told-1"),
            prompt=task.prompt(),
            shape=SHAPES[task.kind],
            base="told-1",
            spec=BackendSpec(backend, "told", {}),
            backend=built,
        )

    return make
