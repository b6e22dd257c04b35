from __future__ import annotations

from typing import Any

import pytest

from tunekit.comparison.page.headline import Headline, headline, quoted


def model(name: str, kind: str, accuracy: float) -> dict[str, Any]:
    measure = {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02}
    return {"name": name, "kind": kind, "report": {"accuracy": measure}}


def difference(a: str, b: str, verdict: str, value: float = 0.1) -> dict[str, Any]:
    rows = {"won": 30, "lost": 10, "both_right": 50, "both_wrong": 10}
    return {
        "metric": "accuracy", "a": a, "b": b, "value": value, "low": value - 0.05,
        "high": value + 0.06, "p": 0.01, "verdict": verdict, "rows": rows,
    }  # fmt: skip


def said(models: list[dict[str, Any]], *differences: dict[str, Any], findings: int = 0) -> Headline:
    comparison: Any = {
        "metrics": ["accuracy"],
        "models": models,
        "differences": list(differences),
        "confidence": 0.95,
        "correction": "Holm",
        "test": {"rows": 100},
        "findings": [{"severity": "error"}] * findings,
    }
    return headline(comparison)


TUNED, SHOTS, ZERO = (
    model("tuned", "tuned", 0.9),
    model("shots", "prompted", 0.8),
    model("zero", "zero-shot", 0.5),
)
OPEN = "insufficient evidence"


def test_yes_where_all_are_beaten() -> None:
    found = said(
        [ZERO, TUNED, SHOTS], difference("tuned", "shots", "a"), difference("zero", "tuned", "b")
    )

    assert found.question == "Did it help?"
    assert found.answer == "Yes: “tuned” is better than “shots” and “zero”."


def test_the_strongest_of_the_others_is_told() -> None:
    found = said([ZERO, TUNED, SHOTS], difference("shots", "tuned", "b", -0.1))

    # Seen from the tuned one, although it was tested the other way round.
    assert "“shots” 0.800: a difference of +0.100" in found.grounds[0]
    assert "+0.040 to +0.150; p = 0.010, correction: Holm" in found.grounds[0]
    assert "first alone has 10 right, the second alone 30" in found.grounds[0]


def test_a_higher_figure_without_a_verdict_is_no_yes() -> None:
    found = said([TUNED, SHOTS], difference("tuned", "shots", OPEN))

    assert found.answer == (
        "Insufficient evidence: the rows don't tell “tuned” apart from “shots”."
    )
    assert "isn't evidence that they are equal" in found.grounds[1]


def test_beating_the_weak_alone_is_a_part() -> None:
    found = said(
        [TUNED, SHOTS, ZERO], difference("tuned", "shots", OPEN), difference("tuned", "zero", "a")
    )

    assert found.answer == (
        "In part: “tuned” is better than “zero”, but can't be told apart from “shots”."
    )


def test_being_worse_than_one_is_a_no() -> None:
    worse = model("tuned", "tuned", 0.6)
    found = said(
        [worse, SHOTS, ZERO], difference("tuned", "shots", "b"), difference("tuned", "zero", "a")
    )

    assert found.answer == "No: “tuned” is worse than “shots”."


def test_what_was_not_tested_stays_unknown() -> None:
    assert said([TUNED, ZERO]).answer.startswith("Unknown:")


def test_models_of_one_kind_are_asked_which_is_better() -> None:
    pair = [TUNED, model("other", "tuned", 0.8)]

    clear = said(pair, difference("tuned", "other", "a"))
    assert (clear.question, clear.answer) == ("Which is better?", "“tuned” is better than “other”.")
    assert "whether tuning helped stays open" in clear.grounds[-1]
    assert said(pair, difference("tuned", "other", OPEN)).answer.startswith("Insufficient evidence")


def test_one_model_has_nothing_to_be_better_than() -> None:
    found = said([TUNED])

    assert found.answer == "“tuned” has accuracy 0.900; there is nothing to compare it with."
    assert found.grounds == ("95 % interval 0.880 to 0.920.",)


def test_errors_in_the_data_are_a_caution() -> None:
    found = said([TUNED, SHOTS], difference("tuned", "shots", "a"), findings=2)

    assert found.grounds[-1] == "Mind the data: 2 findings of severity error, see below."


@pytest.mark.parametrize(
    ("name", "expected"),
    [("plain", "“plain”"), ("מודל", "“\u2068מודל\u2069”"), ("a\u202eb", "“a⟨RLO⟩b”")],
)
def test_names_do_not_turn_the_sentence_around(name: str, expected: str) -> None:
    assert quoted(name) == expected
