"""What a comparison is in plain JSON values: what the page reads, key by key.

A report stands in it as its task's ``to_dict()`` gives it, so its keys depend on the task; the page
looks for those that it knows how to show.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

__all__ = [
    "AnswerDict",
    "BinDict",
    "ComparisonDict",
    "CostDict",
    "DifferenceDict",
    "FindingDict",
    "LatencyDict",
    "MeasureDict",
    "ModelDict",
    "PromptDict",
    "RowDict",
    "ScoresDict",
    "SliceDict",
    "StepDict",
    "TestDict",
]


class MeasureDict(TypedDict):
    """A figure with the ends of its interval."""

    value: float
    low: float
    high: float


class TestDict(TypedDict):
    """The rows that all models answered."""

    name: str
    rows: int
    fingerprint: str


class LatencyDict(TypedDict):
    """How long answers took."""

    seconds_per_input: float
    inputs: int


class CostDict(TypedDict):
    """What a thousand inputs cost; ``amount`` is None where nobody knows."""

    amount: float | None
    currency: str
    price_date: str | None
    note: str


class StepDict(TypedDict):
    """What training logged at one step."""

    step: int
    epoch: float | None
    train_loss: float | None
    validation_loss: float | None
    validation_metric: float | None


class PromptDict(TypedDict):
    """What a model is told before the input; a shot is a user's and an assistant's turn."""

    system: str
    shots: list[list[str]]
    hash: str


class BinDict(TypedDict):
    """The rows whose probability lies in one bin: what it says on average, and what came true."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


class ScoresDict(TypedDict):
    """How often the top probability fell into each of equal bins, for right and wrong answers."""

    right: list[int]
    wrong: list[int]


class ModelDict(TypedDict):
    """One model, and how it did."""

    name: str
    kind: str
    ref: str
    backend: str
    base: str
    report: dict[str, Any]
    latency: LatencyDict | None
    cost_per_1000: CostDict | None
    curve: list[StepDict]
    prompt: PromptDict | None
    reliability: list[BinDict]
    scores: ScoresDict | None
    provenance: dict[str, Any]


class OutcomesDict(TypedDict):
    """Rows by who was right; ``won`` and ``lost`` are seen from ``a``."""

    won: int
    lost: int
    both_right: int
    both_wrong: int


class DifferenceDict(TypedDict):
    """What ``a`` is above ``b`` in one metric; the verdict is the side that is better."""

    metric: str
    a: str
    b: str
    value: float
    low: float
    high: float
    p: float
    verdict: Literal["a", "b", "insufficient evidence"]
    rows: OutcomesDict


class SliceDict(TypedDict):
    """A part of the rows: measures by model and metric."""

    column: str
    value: str
    rows: int
    measures: dict[str, dict[str, MeasureDict]]


class AnswerDict(TypedDict):
    """What one model answered to one row; ``failure`` says why there is no answer."""

    text: str
    right: bool
    probability: float | None
    failure: str | None


class RowDict(TypedDict):
    """A row with the answers of all models, by name."""

    row: int
    id: str
    input: str
    truth: str
    meta: dict[str, Any]
    answers: dict[str, AnswerDict]


class FindingDict(TypedDict):
    """One thing that is wrong, or odd, about the data."""

    code: str
    severity: str
    row: int | None
    message: str
    suggestion: str | None


class ComparisonDict(TypedDict):
    """A whole comparison. ``metrics`` has the main one first; in all of them higher is better."""

    task: str
    created: str
    tunekit: str
    test: TestDict
    metrics: list[str]
    confidence: float
    correction: str
    method: str
    models: list[ModelDict]
    differences: list[DifferenceDict]
    slices: list[SliceDict]
    rows: list[RowDict]
    rows_left_out: int
    findings: list[FindingDict]
