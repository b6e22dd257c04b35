"""What is required of a comparison: how it is read, and when it is met."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Model
from tunekit.comparison import Comparison
from tunekit.comparison.requirement import Figure, Requirement, parse_requirement
from tunekit.errors import InputError, RequirementNotMet
from tunekit.shapes import Weights

MODELS = ("tuned", "pre-trained", "gpt-4.1 mini", "a", "a-1", "v.2", "x + y")
METRICS = ("macro_f1", "accuracy", "ece")
DATA = Dataset.from_rows([{"text": f"{n}", "label": "ab"[n % 2]} for n in range(200)],
                         Classification())  # fmt: skip


def read(text: str) -> Requirement:
    return parse_requirement(text, MODELS, METRICS)


@pytest.mark.parametrize(
    ("text", "left", "sign", "right", "margin"),
    [
        ("tuned.macro_f1 > a.macro_f1", "tuned", ">", "a", 0.0),
        ("tuned.macro_f1>a.macro_f1+.02", "tuned", ">", "a", 0.02),
        ("  tuned.macro_f1  >=  a.macro_f1 - 0.5  ", "tuned", ">=", "a", -0.5),
        ("pre-trained.macro_f1 <= a-1.macro_f1", "pre-trained", "<=", "a-1", 0.0),
        ("a-1.macro_f1 < pre-trained.macro_f1 - 1", "a-1", "<", "pre-trained", -1.0),
        ("gpt-4.1 mini.macro_f1 > v.2.macro_f1 + 0.01", "gpt-4.1 mini", ">", "v.2", 0.01),
        ("v.2.macro_f1 > gpt-4.1 mini.macro_f1", "v.2", ">", "gpt-4.1 mini", 0.0),
        ("x + y.macro_f1 > a.macro_f1", "x + y", ">", "a", 0.0),
        ("a.macro_f1 > x + y.macro_f1 + 0.1", "a", ">", "x + y", 0.1),
        ("tuned.macro_f1 > 0.8", "tuned", ">", None, 0.8),
        ("tuned.macro_f1 >= -.5", "tuned", ">=", None, -0.5),
        ("tuned.macro_f1 < 1", "tuned", "<", None, 1.0),
    ],
)
def test_it_is_read(text: str, left: str, sign: str, right: str | None, margin: float) -> None:
    found = read(text)
    assert found.left == Figure(left, "macro_f1")
    assert (found.sign, found.margin) == (sign, margin)
    assert found.right == (None if right is None else Figure(right, "macro_f1"))
    assert found.strict is ("=" not in sign) and found.higher is (">" in sign)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no requirement: write it as"),
        ("tuned.macro_f1", "is no requirement"),
        ("tuned.macro_f1 = 0.5", "is no requirement"),
        ("> 0.5", "is no requirement"),
        ("tuned.macro_f1 >", "is no requirement"),
        ("tuned.macro_f1 => 0.5", "no model 'tuned'|no figure 'macro_f1 ='"),
        ("tunde.macro_f1 > 0.5", "no model 'tunde'. Did you mean 'tuned'?"),
        ("macro_f1 > 0.5", "no model 'macro_f1'"),
        ("tuned.macrof1 > 0.5", "no figure 'macrof1'. Did you mean 'macro_f1'?"),
        ("tuned.macro_f1 > b.macro_f1", "no model 'b'"),
        ("tuned.macro_f1 > a.acc", "no figure 'acc'"),
        ("tuned.macro_f1 > a.accuracy", "compares macro_f1 with accuracy: take one of them"),
        ("tuned.macro_f1 > 80 %", "no model '80 %'"),
        ("tuned.macro_f1 > a.macro_f1 + much", "no figure 'macro_f1 + much'"),
        ("a.macro_f1 > tuned.macro_f1 > 0.5", "no model|no figure"),
    ],
)
def test_what_cant_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert any(one in str(caught.value) for one in message.split("|")), caught.value


# --- asked of a comparison ------------------------------------------------------------------------


def said(wrong: int, first: int = 0) -> dict[str, Any]:
    """Right answers but for that many rows, beginning with that one."""
    return {
        row.text: Weights((("ba"[n % 2] if first <= n < first + wrong else row.label, 1.0),))
        for n, row in enumerate(DATA)
    }


@pytest.fixture(scope="module")
def comparison(told: Callable[..., Model]) -> Comparison:
    """Accuracies of 0.95, 0.94 (on other rows), 0.80 and 0.80 again."""
    answers = {"best": said(10), "near": said(12, 50), "far": said(40, 100), "same": said(40, 100)}
    return tunekit.compare(DATA, {name: told(DATA.task, one) for name, one in answers.items()})


@pytest.mark.parametrize(
    "holds",
    [
        "best.accuracy > far.accuracy",
        "far.accuracy < best.accuracy",
        "far.macro_f1 < best.macro_f1",
        "best.accuracy >= near.accuracy",  # as the figures stand
        "near.accuracy <= best.accuracy",
        "same.accuracy >= far.accuracy",
        "far.accuracy <= same.accuracy",
        "best.accuracy > far.accuracy + 0.05",
        "best.accuracy >= far.accuracy + 0.15",
        "near.accuracy > best.accuracy - 0.1",  # no more than that much worse
        "best.accuracy < near.accuracy + 0.1",
        "same.accuracy > far.accuracy - 0.01",
        "best.accuracy > 0.9",  # the interval lies above
        "best.accuracy >= 0.95",
        "far.accuracy < 0.9",
        "far.accuracy <= 0.8",
        "best.log_loss < 10",
        "best.ece < 0.2",
        "best.ece <= far.ece",
    ],
)
def test_what_holds_is_met(comparison: Comparison, holds: str) -> None:
    assert comparison.require(holds) is comparison


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("best.accuracy > near.accuracy", "insufficient evidence"),
        ("near.accuracy < best.accuracy", "insufficient evidence"),
        ("same.accuracy > far.accuracy", "insufficient evidence"),
        ("far.accuracy > best.accuracy", "it isn't so"),
        ("near.accuracy >= best.accuracy", "it isn't so"),
        ("best.accuracy > far.accuracy + 0.14", "it isn't so"),  # the interval reaches below
        ("best.accuracy >= far.accuracy + 0.16", "it isn't so"),
        ("best.accuracy > near.accuracy + 0.001", "insufficient evidence"),
        ("near.accuracy < best.accuracy - 0.001", "insufficient evidence"),
        ("near.accuracy > best.accuracy - 0.001", "it isn't so"),
        ("best.accuracy > 0.949", "it isn't so"),
        ("best.accuracy >= 0.951", "it isn't so"),
        ("best.ece < 0.01", "it isn't so"),
    ],
)
def test_what_doesnt_hold_is_told_with_its_figures(
    comparison: Comparison, text: str, why: str
) -> None:
    with pytest.raises(RequirementNotMet, match=re.escape(f"{text}: {why} (")) as caught:
        comparison.require(text)
    assert isinstance(caught.value, AssertionError)
    assert re.search(r"\.(accuracy|ece) 0\.\d{3} \(0\.\d{3} to [01]\.\d{3}\)", str(caught.value))


def test_all_that_fail_are_named_and_no_other(comparison: Comparison) -> None:
    with pytest.raises(RequirementNotMet) as caught:
        comparison.require(
            "best.accuracy > far.accuracy", "far.accuracy > 0.9", "same.accuracy > far.accuracy"
        )
    told = str(caught.value)
    assert told.count("; ") == 1
    assert "far.accuracy > 0.9: it isn't so (far.accuracy 0.800" in told
    assert "difference +0.000 (+0.000 to +0.000), p = 1.000" in told
    assert "best.accuracy" not in told


def test_nothing_is_asked_before_all_was_read(comparison: Comparison) -> None:
    with pytest.raises(InputError, match="no model 'worst'"):
        comparison.require("far.accuracy > 0.9", "worst.accuracy > 0.1")
    assert comparison.require() is comparison


def test_figures_that_models_arent_compared_by(comparison: Comparison) -> None:
    with pytest.raises(InputError, match="models aren't compared by ece"):
        comparison.require("best.ece < far.ece")
    with pytest.raises(InputError, match="'best' and 'best' aren't compared"):
        comparison.require("best.accuracy > best.accuracy")


def test_a_figure_that_one_model_hasnt(told: Callable[..., Model]) -> None:
    from tunekit.shapes import Said

    plain = {text: Said(one.by_label[0][0]) for text, one in said(3).items()}
    found = tunekit.compare(DATA, {"a": told(DATA.task, said(3)), "b": told(DATA.task, plain)})
    assert found.require("a.ece < 0.5") is found
    with pytest.raises(InputError, match="b has no ece on these rows"):
        found.require("b.ece < 0.5")


def test_a_margin_lets_nothing_pass_that_nobody_can_tell(told: Callable[..., Model]) -> None:
    """Among many models the interval of one pair alone is too sure."""
    names = {f"m{n}": said(6, 20) for n in range(4)}
    answers = {"best": said(0), **names}
    found = tunekit.compare(DATA, {name: told(DATA.task, one) for name, one in answers.items()})
    difference = found.difference("best", "m0")
    assert difference.measure.low > 0.005 and difference.verdict == "insufficient evidence"
    for text in ("best.accuracy > m0.accuracy + 0.005", "m0.accuracy < best.accuracy - 0.005"):
        with pytest.raises(RequirementNotMet, match="insufficient evidence"):
            found.require(text)
    found.require("best.accuracy > m0.accuracy - 0.005")
