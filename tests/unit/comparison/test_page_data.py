"""A comparison as plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset, Model
from tunekit.comparison import Comparison
from tunekit.comparison.comparison import Answer, Case
from tunekit.comparison.page_data import MOST_ROWS
from tunekit.shapes import Failure, Weights

ROWS = [{"text": f"{n}", "label": "ab"[n % 2], "lang": "de" if n % 3 else "en"} for n in range(30)]
DATA = Dataset.from_rows(ROWS, Classification())


def answers(wrong: int, said: str = "c") -> dict[str, Any]:
    return {
        row.text: Weights(((said if n < wrong else row.label, 0.9), ("d", 0.1)))
        for n, row in enumerate(DATA)
    }


@pytest.fixture
def comparison(told: Callable[..., Model]) -> Comparison:
    second = answers(5, "e") | {"29": Failure("timeout", "too late")}
    return tunekit.compare(
        DATA, {"first": told(DATA.task, answers(4)), "second": told(DATA.task, second, priced=True)}
    )


def test_it_has_all_of_a_comparison(comparison: Comparison) -> None:
    plain = comparison.to_dict()
    assert set(plain) == {
        "task", "created", "tunekit", "test", "metrics", "confidence", "correction", "method",
        "models", "differences", "slices", "rows", "rows_left_out", "findings",
    }  # fmt: skip
    assert plain["task"] == "classification" and plain["created"] == date.today().isoformat()
    assert plain["test"] == {"name": "rows", "rows": 30, "fingerprint": DATA.fingerprint}
    assert plain["metrics"] == ["accuracy", "macro_f1"]
    first, second = plain["models"]
    assert (first["name"], first["kind"], first["backend"]) == ("first", "tuned", "told")
    assert first["report"]["accuracy"]["value"] == pytest.approx(26 / 30)
    assert "wrong" not in first["report"]
    assert first["latency"]["inputs"] == 30 and first["latency"]["seconds_per_input"] > 0
    assert first["prompt"]["hash"] == DATA.task.prompt().hash
    assert len(first["reliability"]) == 15 and sum(first["scores"]["wrong"]) == 4
    assert first["cost_per_1000"]["note"] == "no price is known"
    assert second["cost_per_1000"]["amount"] == 10.0
    accuracy, _ = plain["differences"]
    assert (accuracy["metric"], accuracy["a"], accuracy["b"]) == ("accuracy", "first", "second")
    assert accuracy["value"] == pytest.approx(2 / 30) and accuracy["low"] <= accuracy["high"]
    assert accuracy["rows"] == {"won": 2, "lost": 0, "both_right": 24, "both_wrong": 4}
    assert {(one["column"], one["value"]) for one in plain["slices"]} >= {("meta:lang", "en")}
    assert set(plain["slices"][0]["measures"]["first"]) == {"accuracy"}


def test_rows_that_tell_something_are_kept(comparison: Comparison) -> None:
    plain = comparison.to_dict()
    # Those that both get wrong, that one gets wrong, and that has no answer.
    assert [row["row"] for row in plain["rows"]] == [0, 1, 2, 3, 4, 29]
    assert plain["rows_left_out"] == 0
    last = plain["rows"][-1]
    assert last["truth"] == "b" and last["input"] == "29" and last["meta"] == {"lang": "de"}
    assert last["answers"]["first"] == {
        "text": "b", "right": True, "probability": 0.9, "failure": None,
    }  # fmt: skip
    assert last["answers"]["second"] == {
        "text": "", "right": False, "probability": None, "failure": "timeout: too late",
    }  # fmt: skip


def test_it_is_json(comparison: Comparison) -> None:
    plain = comparison.to_dict()
    assert orjson.loads(orjson.dumps(plain)) == plain


def test_too_many_rows_are_left_out_and_counted(comparison: Comparison) -> None:
    wrong = {"first": Answer("c", False), "second": Answer("c", False)}
    alike = {"first": Answer("a", True), "second": Answer("a", True)}
    cases = [
        Case(n, str(n), "x", "a", {}, alike if n % 2 else wrong) for n in range(2 * MOST_ROWS + 14)
    ]
    plain = replace(comparison, rows=tuple(cases)).to_dict()
    assert [row["row"] for row in plain["rows"]] == list(range(0, 2 * MOST_ROWS, 2))
    assert plain["rows_left_out"] == 7


def test_findings_of_the_test_rows_are_told(told: Callable[..., Model]) -> None:
    rows = [{"text": "same", "label": "a"}, {"text": "same", "label": "b"}] * 2
    data = Dataset.from_rows(rows, Classification())
    found = tunekit.compare(data, {"one": told(data.task, {"same": "a"})}).to_dict()["findings"]
    assert "conflicting-answers" in {one["code"] for one in found}
    assert set(found[0]) == {"code", "severity", "row", "message", "suggestion"}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ([1, ["x"]], [1, ["x"]]),
        (None, None),
        (1.5, 1.5),
        (float("nan"), None),
        (2**60, str(2**60)),
        (True, True),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
        (date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_columns_of_any_kind_go_through_json(
    told: Callable[..., Model], value: Any, plain: Any
) -> None:
    rows = [{"text": f"{n}", "label": "ab"[n % 2], "odd": value} for n in range(6)]
    data = Dataset.from_rows(rows, Classification())
    model = told(data.task, {f"{n}": "c" for n in range(6)})
    found = tunekit.compare(data, {"one": model}).to_dict()
    assert orjson.loads(orjson.dumps(found)) == found
    assert [row["meta"]["odd"] for row in found["rows"]] == [plain] * 6


def test_an_answer_with_half_a_character_goes_through_json(comparison: Comparison) -> None:
    case = Case(0, "0", "x", "a", {}, {"first": Answer("ü\ud800", False)})
    plain = replace(comparison, rows=(case,)).to_dict()
    assert orjson.loads(orjson.dumps(plain))["rows"][0]["answers"]["first"]["text"] == "ü?"
