"""The report on choices between options, against scikit-learn and scipy."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from scipy.stats import kendalltau
from sklearn.metrics import accuracy_score
from sklearn.metrics import log_loss as reference_log_loss

import tunekit
from tunekit import Dataset
from tunekit.errors import DataError, InputError, UnsupportedTask
from tunekit.evaluation import evaluate
from tunekit.evaluation.preference_report import PreferenceReport
from tunekit.evaluation.ranking import rank_correlation
from tunekit.evaluation.reliability import calibration_error
from tunekit.shapes import Failure
from tunekit.tasks.preference import Choice, Preference, PreferenceRow

TASK = Preference()
OPTIONS = ("one", "two", "three")
FAILED = Failure("timeout", "no answer in 60 s")


def row(best: int = 0, options: tuple[str, ...] = OPTIONS) -> PreferenceRow:
    return PreferenceRow(question="Which?", options=options, best=best)


def ranked(*ranks: int) -> PreferenceRow:
    return PreferenceRow(question="Which?", options=OPTIONS[: len(ranks)], ranks=ranks)


def said(*probabilities: float) -> Choice:
    best = int(np.argmax(probabilities))
    return Choice(best, OPTIONS[best], probabilities)


def chose(index: int) -> Choice:
    return Choice(index, OPTIONS[index])


def report(rows: list[PreferenceRow], predictions: list[Choice | Failure]) -> PreferenceReport:
    found = evaluate(TASK, rows, predictions)
    assert isinstance(found, PreferenceReport)
    return found


def plain(found: object) -> str:
    """The report as text, spaces and line breaks made one."""
    return " ".join(str(found).split())


# --- against references -------------------------------------------------------------------------


def test_accuracy_and_log_loss_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    best = random.integers(0, 3, 300)
    probabilities = random.dirichlet([1, 1, 1], 300)
    found = report([row(int(b)) for b in best], [said(*map(float, p)) for p in probabilities])
    answers = probabilities.argmax(axis=1)
    assert found.accuracy.value == pytest.approx(accuracy_score(best, answers))
    assert found.log_loss is not None
    assert found.log_loss.value == pytest.approx(reference_log_loss(best, probabilities))
    assert found.ece == calibration_error(probabilities.max(axis=1), answers == best)
    for measure in (found.accuracy, found.log_loss, found.ece):
        assert measure.low < measure.value < measure.high
    assert (
        found.to_dict()
        == report([row(int(b)) for b in best], [said(*p) for p in probabilities]).to_dict()
    )


@settings(deadline=None, max_examples=150)
@given(
    st.integers(2, 7).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(0, 3), min_size=n, max_size=n),
            st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), min_size=n, max_size=n),
        )
    )
)
def test_the_rank_correlation_is_scipys(drawn: tuple[list[int], list[float]]) -> None:
    ranks, scores = drawn
    found = rank_correlation(ranks, scores)
    if len(set(ranks)) == 1 or len(set(scores)) == 1:
        assert found == 0.0, "scipy has none here"
    else:
        expected = kendalltau([-rank for rank in ranks], scores, variant="b").statistic
        assert found == pytest.approx(expected)


# --- figures ------------------------------------------------------------------------------------


def test_one_of_the_best_is_right() -> None:
    tie = ranked(0, 0, 1)
    found = report([tie, tie, tie], [chose(0), chose(1), chose(2)])
    assert found.accuracy.value == pytest.approx(2 / 3)
    assert [wrong.best for wrong in found.wrong] == [(0, 1)]
    assert found.chance == pytest.approx(2 / 3)
    assert "one (or 1 more)" in plain(found)


def test_the_lowest_rank_is_best_wherever_ranks_begin() -> None:
    assert report([ranked(3, 1, 2)], [chose(1)]).accuracy.value == 1.0


def test_chance_is_the_mean_over_rows() -> None:
    rows = [row(options=("a", "b")), row(), ranked(0, 0, 1)]
    predictions = [Choice(0, "a"), chose(0), chose(0)]
    assert report(rows, predictions).chance == pytest.approx((1 / 2 + 1 / 3 + 2 / 3) / 3)


def test_a_figure_that_may_be_luck_is_said_to_be() -> None:
    few = report([row()] * 4, [chose(0), chose(0), chose(1), chose(2)])
    assert "no better than choosing blindly" in plain(few)
    many = report([row()] * 400, [chose(0)] * 300 + [chose(1)] * 100)
    assert "no better than choosing blindly" not in plain(many)
    assert "choosing blindly would have 0.333" in plain(many)


def test_rows_in_which_all_options_are_tied_are_told() -> None:
    found = report([ranked(0, 0), row(1)], [chose(1), chose(1)])
    assert (found.accuracy.value, found.all_tied) == (1.0, 1)
    assert found.chance == pytest.approx((1 + 1 / 3) / 2)
    assert "any choice is right: 1 row." in plain(found)


def test_a_row_without_an_answer_counts_as_wrong_and_is_shown() -> None:
    found = report([row(), row()], [said(0.8, 0.1, 0.1), FAILED])
    assert found.accuracy.value == 0.5
    assert found.wrong == ()
    assert [(f.row, f.options, f.best, f.code, f.detail) for f in found.failures] == [
        (1, OPTIONS, (0,), *FAILED)
    ]
    assert found.ece is not None, "the rows that have an answer have probabilities"
    assert found.judged_rows == 1
    text = plain(found)
    assert "counted as wrong: 1 row." in text
    assert "timeout: no answer in 60 s" in text
    assert "1 row with an answer and one best option" in text


def test_nothing_but_failures() -> None:
    found = report([row()], [FAILED])
    assert found.accuracy == (0.0, 0.0, 0.0)
    assert (found.ece, found.log_loss, found.rank_correlation) == (None, None, None)
    assert "No ECE: no row has an answer and one best option." in plain(found)


def test_probabilities_are_judged_where_one_option_is_best() -> None:
    """Of two best options each may have half of the probability, and be right every time."""
    tied, single = ranked(0, 0, 1), row(0)
    found = report([tied, single], [said(0.5, 0.5, 0.0), said(0.25, 0.5, 0.25)])
    alone = report([single], [said(0.25, 0.5, 0.25)])
    assert found.judged_rows == 1
    assert found.log_loss == alone.log_loss
    assert found.log_loss is not None
    assert found.log_loss.value == pytest.approx(-np.log(0.25)), "of the best, not of the chosen"
    assert found.ece == alone.ece


def test_without_probabilities_there_is_no_calibration() -> None:
    found = report([row(), row()], [said(0.8, 0.1, 0.1), chose(0)])
    assert (found.ece, found.log_loss) == (None, None)
    assert found.ece_missing == "1 of 2 choices come without probabilities"
    assert "No ECE: 1 of 2" in plain(found)


def test_rankings_are_compared_where_there_are_some() -> None:
    rows = [ranked(0, 1, 2), ranked(2, 1, 0), row(0), ranked(0, 1, 1)]
    found = report(rows, [said(0.5, 0.3, 0.2)] * 4)
    assert found.ranked_rows == 2
    assert found.rank_correlation is not None
    assert found.rank_correlation == (0.0, -1.0, 1.0), "one row as it should be, one reversed"
    assert "2 rows with a ranking" in plain(found)


def test_without_probabilities_there_is_no_ranking() -> None:
    found = report([ranked(0, 1, 2)] * 2, [said(0.5, 0.3, 0.2), chose(0)])
    assert (found.ranked_rows, found.rank_correlation) == (2, None)
    assert "rank correlation" not in str(found)


def test_wrong_rows_most_confident_first() -> None:
    rows = [PreferenceRow(question=f"Number {n}?", options=OPTIONS, best=0) for n in range(4)]
    found = report(
        rows, [said(0.2, 0.5, 0.3), said(0.9, 0.1, 0.0), said(0.05, 0.05, 0.9), chose(1)]
    )
    assert [
        (w.row, w.question, w.options, w.best, w.chosen, w.probability) for w in found.wrong
    ] == [
        (2, "Number 2?", OPTIONS, (0,), 2, 0.9),
        (0, "Number 0?", OPTIONS, (0,), 1, 0.5),
        (3, "Number 3?", OPTIONS, (0,), 1, None),
    ]
    assert found.wrong[0].id == rows[2].id


# --- edges --------------------------------------------------------------------------------------


def test_free_answers_have_no_evaluation_yet() -> None:
    with pytest.raises(UnsupportedTask, match=r"goal='answer'.*one for: .*goal='choose'"):
        evaluate(Preference("answer"), [row()], ["one"])


def test_no_rows_different_numbers_and_what_is_no_prediction() -> None:
    with pytest.raises(DataError, match="no rows"):
        evaluate(TASK, [], [])
    for rows, predictions in ((1, 2), (2, 1)):
        with pytest.raises(InputError, match=f"{rows} rows and {predictions} predictions"):
            evaluate(TASK, [row()] * rows, [chose(0)] * predictions)
    with pytest.raises(InputError, match="prediction 1: expected Choice"):
        evaluate(TASK, [row()] * 2, [chose(0), "one"])
    with pytest.raises(InputError, match="row 0: expected PreferenceRow"):
        evaluate(TASK, ["a"], [chose(0)])  # type: ignore[list-item]


@pytest.mark.parametrize("wrong", [Choice(3, "four"), Choice(-1, "three"), Choice(1, "one")])
def test_choices_of_other_rows_are_refused(wrong: Choice) -> None:
    with pytest.raises(InputError, match=r"prediction 1: .*in the order of the rows"):
        evaluate(TASK, [row()] * 2, [chose(0), wrong])


def test_a_probability_too_many_is_refused() -> None:
    with pytest.raises(InputError, match="prediction 0: 2 probabilities for 3 options"):
        evaluate(TASK, [row()], [Choice(0, "one", (0.5, 0.5))])


@pytest.mark.parametrize(
    "unclear",
    [
        PreferenceRow(question="?", options=OPTIONS),
        PreferenceRow(question="?", options=OPTIONS, best=3),
        PreferenceRow(question="?", options=OPTIONS, best=-1),
        PreferenceRow(question="?", options=OPTIONS, ranks=(0, 1)),
        PreferenceRow(question="?", options=(), best=0),
    ],
)
def test_a_row_that_does_not_say_what_is_best_is_named(unclear: PreferenceRow) -> None:
    with pytest.raises(DataError, match=r"row 1: .*data\.filter"):
        evaluate(TASK, [row(), unclear], [chose(0), chose(0)])


# --- as JSON and for people ---------------------------------------------------------------------


def test_to_dict_is_json_with_everything_in_it() -> None:
    numbers = Choice(1, "two", tuple(np.array([0.25, 0.75, 0.0], dtype=np.float32)))
    rows = [row(), row(), ranked(0, 1, 2)]
    found = evaluate(TASK, rows, [numbers, FAILED, said(0.5, 0.3, 0.2)], model_kind="zero-shot")
    there = found.to_dict()
    assert json.loads(json.dumps(there, allow_nan=False)) == there
    assert set(there) == {field.name for field in dataclasses.fields(found)} | {"task"}
    for name in ("accuracy", "log_loss", "rank_correlation"):
        assert set(there[name]) == {"value", "low", "high"}
    assert set(there["ece"]) == {"value", "low", "high", "floor"}
    assert there["wrong"] == [
        {
            "row": 0,
            "id": rows[0].id,
            "question": "Which?",
            "options": list(OPTIONS),
            "best": [0],
            "chosen": 1,
            "probability": 0.75,
        }
    ]
    assert there["failures"][0]["code"] == "timeout"
    assert "zero-shot model" in plain(found)
    assert len(repr(found)) < 800


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_text_breaks_the_rendering(width: int) -> None:
    nasty = [
        "[red]not red[/red] [/] [link=x]",
        "\x1b[31mescape\x1b[0m \x07 \u202eright to left",
        "Familie 👨‍👩‍👧 and 漢字漢字",
        "x" * 100_000,
        "\ud800 lone surrogate",
    ]
    rows = [
        PreferenceRow.model_construct(
            question=text,
            options=(text, text + "!"),
            best=0,
            ranks=None,
            context=None,
            meta=(),
            given_id="x",
        )
        for text in nasty
    ]
    answers = [Choice(1, text + "!", (0.1, 0.9)) for text in nasty[1:]]
    found = evaluate(TASK, rows, [Failure("code", nasty[0]), *answers])
    console = Console(width=width, color_system="truecolor", force_terminal=True)
    with console.capture() as captured:
        console.print(found)
    raw = captured.get()
    raw.encode()  # no lone surrogate
    assert "\x07" not in raw
    assert "\u202e" not in raw
    assert "\x1b[31mescape" not in raw
    assert max(cell_len(line) for line in Text.from_ansi(raw).plain.splitlines()) <= width
    text = str(found)
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= 100
    assert len(text) < 20_000


def test_a_tuned_model_evaluates(home: Path) -> None:
    rows = [
        {"question": "Which is kinder?", "options": ["Go away.", "Please wait."], "best": 1},
        {"question": "Rank them", "options": ["good", "fair", "poor"], "ranks": [0, 1, 2]},
    ]
    data = Dataset.from_rows(rows, Preference())
    found = tunekit.tune(data, backend="fake", method="rank").evaluate(data).to_dict()
    assert found["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["chance"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert (found["rows"], found["model_kind"]) == (2, "tuned")
