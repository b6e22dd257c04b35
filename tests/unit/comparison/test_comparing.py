"""Comparisons of all four tasks, from rows and models to verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset, Extraction, Model, Preference, Transformation
from tunekit.errors import DataError, InputError, ServerFailed, UnsupportedTask
from tunekit.shapes import Failure, Marks, Order, Said, Span, Weights

Told = Callable[..., Model]
FAILED = Failure("timeout", "no answer in 60 s")
COLOURS = [{"text": f"row {n}", "label": "red" if n % 3 else "blue"} for n in range(60)]
DATA = Dataset.from_rows(COLOURS, Classification())


def right(except_for: Any = (), of: Any = "blue") -> dict[str, Any]:
    """The right answers, but for those rows."""
    return {
        row["text"]: of if number in except_for else row["label"]
        for number, row in enumerate(COLOURS)
    }


# --- the four tasks, on backends that are there ---------------------------------------------------

SETS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "classification": (Classification(), [{"text": f"{w} {n}", "label": w} for n in range(8)
                                          for w in ("yes", "no", "yes maybe")]),
    "extraction": (Extraction(), [{"text": f"{w} is {n} years old", "spans": [(0, len(w), "NAME")]}
                                  for n in range(8) for w in ("Ann", "Zoë", "Ben")]),
    "transformation": (Transformation(), [{"input": f"a {n}", "output": f"b {n}"}
                                          for n in range(24)]),
    "preference": (Preference(), [{"question": f"q {n}?", "options": ["no", f"yes {n}", "oh"],
                                   "best": 1} for n in range(24)]),
}  # fmt: skip
#: What the trivial rule gets there: the majority; all names again; nothing; the best look.
MAIN = {
    "classification": ("accuracy", 1 / 3),
    "extraction": ("span_f1", 1.0),
    "transformation": ("exact_match", 0.0),
    "preference": ("accuracy", 1.0),
}


@pytest.mark.parametrize("kind", SETS)
def test_a_tuned_model_and_a_rule_are_compared(kind: str) -> None:
    task, rows = SETS[kind]
    data = Dataset.from_rows(rows, task)
    tuned = tunekit.tune(data, backend="fake")
    rule = tunekit.baseline(data, backend="trivial")
    found = tunekit.compare(data, {"tuned": tuned, "rule": rule})
    metric, of_rule = MAIN[kind]
    assert (found.task, found.metrics[0]) == (kind, metric)
    assert found.model("rule") is rule and rule.kind == "trivial"
    for name, model in (("tuned", tuned), ("rule", rule)):
        measure = found.models[name].measure(metric)
        assert measure is not None
        assert measure.value == getattr(model.evaluate(data), metric).value
    one = found.models["rule"].measure(metric)
    assert one is not None and one.value == pytest.approx(of_rule)
    difference = found.difference("tuned", "rule")
    assert difference.verdict == ("tuned" if of_rule < 1 else "insufficient evidence")
    counted = difference.rows
    assert sum(counted) == len(rows)
    for text in (str(found), found.to_markdown()):
        assert "tuned" in text and "rule" in text
    # Curves, prompts, provenance and rows go through JSON as they are.
    plain = found.to_dict()
    assert orjson.loads(orjson.dumps(plain)) == plain


def test_failures_among_answers_count_as_wrong(told: Told) -> None:
    data = Dataset.from_rows(
        [{"question": n, "options": ["x", "y"], "ranks": [0, 0]} for n in "abcd"], Preference()
    )
    choice = Order((0.9, 0.1))
    some = {"a": FAILED, "b": FAILED, "c": choice, "d": choice}
    found = tunekit.compare(
        data,
        {
            "some": told(Preference(), some),
            "all": told(Preference(), dict.fromkeys("abcd", choice)),
        },
    )
    assert found.difference("some", "all").measure.value == -0.5
    assert found.difference("some", "all").rows == (0, 2, 2, 0)
    answer = found.rows[0].answers["some"]
    assert not answer.right and answer.failure == "timeout: no answer in 60 s"
    assert "timeout" in str(found)
    # Both say the same of a tie, and any of the best options is right.
    assert found.rows[2].answers["some"].right and found.rows[2].truth == "x or y"


def test_nothing_but_failures_is_0(told: Told) -> None:
    models = {
        "none": told(DATA.task, dict.fromkeys(right(), FAILED)),
        "all": told(DATA.task, right()),
    }
    found = tunekit.compare(DATA, models)
    assert found.difference("all", "none").measure.value == 1.0
    assert found.difference("all", "none", "macro_f1").verdict == "all"
    assert found.models["none"].reliability == () and found.models["none"].scores is None


def test_texts_without_an_answer_and_empty_outputs(told: Told) -> None:
    task = Transformation()
    data = Dataset.from_rows([{"input": "a", "output": "b"}, {"input": "c", "output": "c"}], task)
    models = {
        "failing": told(task, {"a": FAILED, "c": FAILED}),
        "silent": told(task, {"a": Said(""), "c": Said("c")}),
    }
    found = tunekit.compare(data, models)
    assert found.difference("silent", "failing").measure.value == 0.5
    assert found.rows[0].answers["silent"].text == ""
    values = [one.report.to_dict()["chrf"]["value"] for one in found.models.values()]
    # No n-gram is wrong, and of two letters one is there: (1 + β²) P R / (β² P + R), β = 2.
    assert values == [0.0, pytest.approx(5 * 0.5 / 4.5)]


def test_spans_are_right_where_all_are_and_no_other(told: Told) -> None:
    task = Extraction()
    row = {"text": "Ann met Ben", "spans": [(0, 3, "NAME"), (8, 11, "NAME")]}
    data = Dataset.from_rows([row], task)
    half = Marks((Span(0, 3, "NAME"),))
    whole = Marks((Span(8, 11, "NAME"), Span(0, 3, "NAME")))
    found = tunekit.compare(
        data, {"half": told(task, {row["text"]: half}), "whole": told(task, {row["text"]: whole})}
    )
    (case,) = found.rows
    assert case.truth == "NAME: “Ann” · NAME: “Ben”"
    assert [one.right for one in case.answers.values()] == [False, True]
    assert case.answers["half"].text == "NAME: “Ann”"
    assert found.difference("half", "whole").measure.value == pytest.approx(2 / 3 - 1)


# --- verdicts -------------------------------------------------------------------------------------


def test_equal_models_are_no_different(told: Told) -> None:
    one, other = told(DATA.task, right({1, 2})), told(DATA.task, right({1, 2}))
    for difference in tunekit.compare(DATA, {"one": one, "other": other}).differences:
        assert difference.measure == (0.0, 0.0, 0.0)
        assert (difference.p, difference.verdict) == (1.0, "insufficient evidence")


def test_one_row_is_no_evidence(told: Told) -> None:
    data = DATA[:1]
    models = {"good": told(data.task, right()), "bad": told(data.task, right({0}, "red"))}
    found = tunekit.compare(data, models)
    assert found.difference("good", "bad").measure.value == 1.0
    assert found.difference("good", "bad").p == pytest.approx(0.5, abs=0.01)
    assert found.difference("good", "bad").verdict == "insufficient evidence"


def test_a_difference_is_mirrored(told: Told) -> None:
    wrong = [1, 2, 4, 5, 7, 8, 10, 11]
    models = {"a": told(DATA.task, right(wrong)), "b": told(DATA.task, right({13}))}
    found = tunekit.compare(DATA, models)
    there, back = found.difference("a", "b"), found.difference("b", "a")
    assert back.measure == pytest.approx(
        tuple(-end for end in (there.measure[0], *there.measure[:0:-1]))
    )
    assert (back.p, back.verdict) == (there.p, there.verdict) == (there.p, "b")
    assert (there.rows.won, there.rows.lost) == (back.rows.lost, back.rows.won) == (1, 8)
    assert (back.a, back.b) == ("b", "a")
    assert found.difference("a", "b", "macro_f1").metric == "macro_f1"
    for wrongly in (("a", "a"), ("a", "c"), ("a", "b", "chrf")):
        with pytest.raises(InputError, match="aren't compared by"):
            found.difference(*wrongly)
    with pytest.raises(InputError, match="no model 'c' here: there are a, b"):
        found.model("c")


def test_of_three_models_p_is_adjusted(told: Told) -> None:
    wrong = {"a": set[int](), "b": {*range(14)}, "c": {*range(14)}}
    models = {name: told(DATA.task, right(rows)) for name, rows in wrong.items()}
    two = tunekit.compare(DATA, {name: models[name] for name in "ab"})
    three = tunekit.compare(DATA, models)
    alone = two.difference("a", "b").p
    # Three pairs: the least p counts three times, its equal neighbour no less.
    assert three.difference("a", "b").p == pytest.approx(3 * alone)
    assert three.difference("a", "c").p == three.difference("a", "b").p
    assert three.difference("b", "c").p == 1.0
    assert [found.difference("a", "b").verdict for found in (two, three)] == ["a", "a"]
    assert len(three.differences) == 3 * len(three.metrics)


def test_what_holds_for_two_models_may_not_among_ten(told: Told) -> None:
    worse = right({1, 2, 4, 5, 7, 8})
    few = {"best": told(DATA.task, right()), "m0": told(DATA.task, worse)}
    many = few | {f"m{n}": told(DATA.task, worse) for n in range(1, 4)}
    assert tunekit.compare(DATA, few).difference("best", "m0").verdict == "best"
    assert tunekit.compare(DATA, many).difference("best", "m0").verdict == "insufficient evidence"


def test_a_label_that_one_model_alone_answers(told: Told) -> None:
    models = {"sane": told(DATA.task, right()), "odd": told(DATA.task, right(range(40), "purple"))}
    found = tunekit.compare(DATA, models).difference("sane", "odd", "macro_f1")
    assert found.verdict == "sane" and found.p < 0.01


# --- what else is told of a model -----------------------------------------------------------------


def test_probabilities_are_told_where_all_answers_have_one(told: Told) -> None:
    sure = {text: Weights(((label, 0.75), ("green", 0.25))) for text, label in right({0}).items()}
    sure["row 0"] = Weights((("red", 0.62), ("blue", 0.38)))
    found = tunekit.compare(DATA, {"one": told(DATA.task, sure)}).models["one"]
    assert sum(one["rows"] for one in found.reliability) == 60
    (bin_of_75,) = [one for one in found.reliability if one["low"] <= 0.75 < one["high"]]
    assert (bin_of_75["rows"], bin_of_75["confidence"], bin_of_75["accuracy"]) == (59, 0.75, 1.0)
    assert found.scores is not None
    assert sum(found.scores["right"]) == 59 and found.scores["wrong"][12] == 1


def test_bins_are_those_of_the_reports_calibration_error(told: Told) -> None:
    ranks = [[0, 1], [0, 0], [1, 0]] * 8
    rows = [
        {"question": f"{n}", "options": ["x", "y"], "ranks": one} for n, one in enumerate(ranks)
    ]
    data = Dataset.from_rows(rows, Preference())
    said = {f"{n}": Order((n, 24 - n), ((n + 1) / 26, (25 - n) / 26)) for n in range(24)}
    one = tunekit.compare(data, {"one": told(data.task, said)}).models["one"]
    report = one.report.to_dict()
    assert sum(part["rows"] for part in one.reliability) == report["judged_rows"] == 16
    gaps = [part["rows"] * abs(part["accuracy"] - part["confidence"]) for part in one.reliability]
    assert sum(gaps) / 16 == pytest.approx(report["ece"]["value"])


def test_without_probabilities_nothing_is_told_of_them(told: Told) -> None:
    said = {text: Said(label) for text, label in right().items()}
    found = tunekit.compare(DATA, {"one": told(DATA.task, said)})
    assert found.models["one"].reliability == () and found.models["one"].scores is None
    assert found.rows[0].answers["one"].probability is None
    with pytest.raises(InputError, match="no figure 'ece'"):
        found.require("one.ece < 0.1")


def test_prices_are_told(told: Told) -> None:
    models = {
        "dear": told(DATA.task, right({0}, FAILED), priced=True),
        "untold": told(DATA.task, right()),
        "here": tunekit.baseline(DATA, backend="trivial"),
    }
    found = tunekit.compare(DATA, models)
    assert found.models["dear"].cost == {
        "amount": 10.0, "currency": "USD", "price_date": "2026-05-01",
        "note": "60 asked, 59 answered",
    }  # fmt: skip
    assert found.models["untold"].cost == {
        "amount": None, "currency": "USD", "price_date": None, "note": "no price is known",
    }  # fmt: skip
    assert found.models["here"].cost is None
    assert "nothing but this machine" in found.to_markdown()
    assert "10 USD (price of 2026-05-01)" in found.to_markdown()


def test_it_is_the_same_each_time(told: Told) -> None:
    models = {"a": told(DATA.task, right({3, 4, 50})), "b": told(DATA.task, right({6}))}

    def plain() -> dict[str, Any]:
        found = tunekit.compare(DATA, models)
        still = {name: replace(one, seconds=1.0) for name, one in found.models.items()}
        return replace(found, models=still).to_dict()

    assert orjson.dumps(plain()) == orjson.dumps(plain())


def test_the_steps_of_a_training_are_told() -> None:
    tuned = tunekit.tune(DATA, backend="fake")
    assert tunekit.compare(DATA, {"tuned": tuned}).models["tuned"].curve == ()  # it has no losses


# --- what can't be compared -----------------------------------------------------------------------


@pytest.mark.parametrize("models", [{}, [], None, "tuned"])
def test_models_come_by_name(models: Any) -> None:
    with pytest.raises(InputError, match="takes models by name"):
        tunekit.compare(DATA, models)


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a ", "a<b", "a=b", "a>b", "a\nb", "a\tb", "a\x1b", 3, None,
             "insufficient evidence"]
)  # fmt: skip
def test_a_name_that_no_requirement_could_say(told: Told, name: Any) -> None:
    with pytest.raises(InputError, match="is no name for a model"):
        tunekit.compare(DATA, {name: told(DATA.task, right())})


def test_what_is_no_model_or_of_another_task(told: Told) -> None:
    with pytest.raises(InputError, match="a: str is no model"):
        tunekit.compare(DATA, {"a": "run:1"})  # type: ignore[dict-item]
    other = told(Transformation(), {})
    with pytest.raises(InputError, match="a is <Model tuned transf"):
        tunekit.compare(DATA, {"a": other})
    with pytest.raises(InputError, match="test is list, not a Dataset"):
        tunekit.compare(COLOURS, {"a": other})  # type: ignore[arg-type]


def test_answers_that_cant_be_right_or_wrong(told: Told) -> None:
    rows = [{"question": "q", "options": ["x", "y"], "best": 0}]
    data = Dataset.from_rows(rows, Preference())
    choosing = told(Preference(), {"q": Order((1.0, 0.0))})
    with pytest.raises(UnsupportedTask, match="goal='choose'"):
        tunekit.compare(data, {"a": choosing, "b": told(Preference(goal="answer"), {})})


@pytest.mark.parametrize("row", [{"best": 2}, {"best": -1}, {"ranks": [0]}, {"ranks": [0, 1, 2]}])
def test_rows_that_dont_say_what_is_right_are_told_before_a_model_is_asked(
    told: Told, row: dict[str, Any]
) -> None:
    data = Dataset.from_rows([{"question": "q", "options": ["x", "y"], **row}], Preference())
    with pytest.raises(DataError, match="row 0: "):
        tunekit.compare(data, {"a": told(Preference(), None)})


def test_no_rows_and_no_server(told: Told) -> None:
    with pytest.raises(DataError, match="no rows to compare on"):
        tunekit.compare(DATA[:0], {"a": told(DATA.task, right())})
    with pytest.raises(ServerFailed, match="gone"):
        tunekit.compare(DATA, {"a": told(DATA.task, None)})


@pytest.mark.parametrize("names", [("tuned", "trivial"), ("b", "a"), ("a", "b")])
def test_the_page_says_what_the_verdict_says(names: tuple[str, str], tmp_path: Path) -> None:
    good, bad = names
    models = {
        bad: tunekit.baseline(DATA, backend="trivial"),
        good: tunekit.tune(DATA, backend="fake"),
    }
    found = tunekit.compare(DATA, models)
    assert found.difference(good, bad).verdict == good
    page = found.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"Yes: “{good}” is better than “{bad}”." in page
