"""Figures as sums over rows: against plain loops, scikit-learn, scipy, and the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score

from tunekit.comparison import judge_of
from tunekit.evaluation import evaluate, tally
from tunekit.evaluation.tally import Tally, label_f1, mean, per_row, share_f1
from tunekit.evaluation.tally_intervals import bootstrap_weights, interval_of, share_interval
from tunekit.shapes import Failure, Span
from tunekit.tasks.base import Task
from tunekit.tasks.classification import Classification, ClassificationRow, Label
from tunekit.tasks.extraction import Extracted, Extraction, ExtractionRow
from tunekit.tasks.preference import Choice, Preference, PreferenceRow
from tunekit.tasks.transformation import Transformation, TransformationRow

FAILED = Failure("timeout", "no answer in 60 s")
labels = st.sampled_from("abcdé")
#: What is true, and what was answered; "z" is never true, None is no answer.
answered = st.lists(
    st.tuples(labels, st.one_of(labels, st.just("z"), st.none())), min_size=1, max_size=40
)
spans = st.lists(
    st.builds(lambda at, size, label: Span(at, at + size, label), st.integers(0, 9),
              st.integers(1, 3), st.sampled_from("XY")),
    max_size=4, unique_by=lambda one: one.start,
)  # fmt: skip
TEXT = "abcdefghijklmnop"


def tallies(task: Task, rows: Sequence[Any], answers: Sequence[Any]) -> dict[str, Tally]:
    of_model = judge_of(task).tallies(rows, {"one": answers})["one"]
    return {one.metric: one for one in of_model}


def labelled(drawn: Sequence[tuple[str, str | None]]) -> tuple[list[Any], list[Any]]:
    rows = [ClassificationRow(text="t", label=true) for true, _ in drawn]
    return rows, [FAILED if said is None else Label(said) for _, said in drawn]


# --- against other libraries ----------------------------------------------------------------------


@settings(max_examples=50)
@given(answered)
def test_accuracy_and_macro_f1_are_scikit_learns(drawn: list[tuple[str, str | None]]) -> None:
    found = tallies(Classification(), *labelled(drawn))
    true, said = [one for one, _ in drawn], [one or "nothing" for _, one in drawn]
    assert found["accuracy"].once == pytest.approx(accuracy_score(true, said), abs=1e-9)
    occurring = sorted({*true, *said} - {"nothing"})
    expected = f1_score(true, said, labels=occurring, average="macro", zero_division=0)
    assert found["macro_f1"].once == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40)
@given(answered, st.integers(0, 2**16))
def test_a_resample_is_the_figure_of_its_rows(
    drawn: list[tuple[str, str | None]], seed: int
) -> None:
    draw = np.random.default_rng(seed).integers(0, len(drawn), len(drawn))
    weights = np.bincount(draw, minlength=len(drawn)).astype(float)[None, :]
    again = tallies(Classification(), *labelled([drawn[at] for at in draw]))
    for metric, one in tallies(Classification(), *labelled(drawn)).items():
        assert one.figure(one.sums(weights))[0] == pytest.approx(again[metric].once, abs=1e-9)


@given(st.integers(1, 500).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
def test_the_interval_of_a_share_is_scipys(drawn: tuple[int, int]) -> None:
    hits, rows = drawn
    expected = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    found = share_interval(hits, rows)
    assert found.value == hits / rows
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


# --- against the reports --------------------------------------------------------------------------


def agrees_with_the_report(task: Task, rows: Sequence[Any], answers: Sequence[Any]) -> None:
    report = evaluate(task, rows, answers)
    for metric, one in tallies(task, rows, answers).items():
        assert one.once == pytest.approx(getattr(report, metric).value, abs=1e-9), metric


@settings(max_examples=20)
@given(answered)
def test_of_labels_they_are_the_reports(drawn: list[tuple[str, str | None]]) -> None:
    agrees_with_the_report(Classification(), *labelled(drawn))


@settings(max_examples=20)
@given(st.lists(st.tuples(spans, st.one_of(spans, st.none())), min_size=1, max_size=12))
def test_of_spans_they_are_the_reports(drawn: list[tuple[list[Span], list[Span] | None]]) -> None:
    rows = [ExtractionRow(text=TEXT, spans=tuple(true)) for true, _ in drawn]
    answers = [FAILED if said is None else Extracted(spans=tuple(said)) for _, said in drawn]
    agrees_with_the_report(Extraction(), rows, answers)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.text("ab ", max_size=9), st.text("ab ", max_size=9) | st.none()),
                min_size=1, max_size=12))  # fmt: skip
def test_of_texts_they_are_the_reports(drawn: list[tuple[str, str | None]]) -> None:
    rows = [TransformationRow(input="x", output=true) for true, _ in drawn]
    answers = [FAILED if said is None else said for _, said in drawn]
    agrees_with_the_report(Transformation(), rows, answers)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.tuples(*[st.integers(0, 2)] * 3), st.integers(0, 2) | st.none()),
                min_size=1, max_size=12))  # fmt: skip
def test_of_choices_they_are_the_reports(
    drawn: list[tuple[tuple[int, int, int], int | None]],
) -> None:
    options = ("one", "two", "three")
    rows = [PreferenceRow(question="?", options=options, ranks=ranks) for ranks, _ in drawn]
    answers = [FAILED if at is None else Choice(at, options[at]) for _, at in drawn]
    agrees_with_the_report(Preference(), rows, answers)


# --- sums -----------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.data())
def test_sums_are_those_of_a_loop(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    entries = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, rows - 1), st.integers(0, columns - 1), st.floats(-9, 9, width=16)
            ),
            max_size=15,
        )
    )
    weights = np.random.default_rng(0).integers(0, 4, (7, rows)).astype(float)
    row, column, value = (np.array([one[at] for one in entries]) for at in range(3))
    made = Tally("m", row.astype(int), column.astype(int), value.astype(float), rows, columns,
                 lambda sums: sums[:, 0])  # fmt: skip
    expected = np.zeros((7, columns))
    for resample in range(7):
        for at, to, added in entries:
            expected[resample, to] += weights[resample, at] * added
    assert made.sums(weights) == pytest.approx(expected)


def test_sums_in_parts_are_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    made = per_row(
        "m", np.random.default_rng(1).random((20, 3)).tolist(), 3, lambda sums: sums[:, 0]
    )
    weights = np.concatenate(list(bootstrap_weights(20)))
    whole = made.sums(weights)
    monkeypatch.setattr(tally, "AT_ONCE", 130)
    assert made.sums(weights) == pytest.approx(whole)


def test_resamples_are_the_same_ones_at_every_call_and_draw_as_many_rows() -> None:
    first, second = (np.concatenate(list(bootstrap_weights(7))) for _ in range(2))
    assert first.shape == (1_000, 7)
    assert (first == second).all() and (first.sum(axis=1) == 7).all()


@settings(max_examples=30)
@given(answered, st.integers(1, 2**16))
def test_some_rows_alone_have_the_figure_of_their_own(
    drawn: list[tuple[str, str | None]], seed: int
) -> None:
    chosen = np.flatnonzero(np.random.default_rng(seed).integers(0, 2, len(drawn)))
    if not len(chosen):
        return
    alone = tallies(Classification(), *labelled([drawn[at] for at in chosen]))
    for metric, one in tallies(Classification(), *labelled(drawn)).items():
        assert one.at(chosen).once == pytest.approx(alone[metric].once, abs=1e-9)
        assert one.at(chosen).rows == len(chosen)


# --- figures that aren't defined ------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        share_f1("f1", [(0, 0, 0)] * 3),
        label_f1("f1", [{}, {}], []),
        label_f1("f1", [{}, {}], ["a label that only another model answers"]),
        mean("accuracy", []),
    ],
)
def test_of_nothing_a_figure_is_0_without_a_warning(made: Tally) -> None:
    assert made.once == 0.0


def test_rows_without_spans_leave_a_figure_where_it_is() -> None:
    found = interval_of(share_f1("f1", [(1, 1, 1), (0, 0, 0)]))
    assert found == (1.0, 1.0, 1.0)  # resamples without any span don't count
    assert interval_of(share_f1("f1", [(0, 0, 0)])) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (mean("accuracy", [True, False]), True),
        (mean("similarity", [0.5, 1.0]), False),
        (share_f1("f1", [(1, 1, 1)]), False),
        (label_f1("f1", [{"a": (1, 1, 1)}], ["a"]), False),
    ],
)
def test_what_is_a_share_of_rows(made: Tally, expected: bool) -> None:
    assert made.yes_or_no is expected


def test_models_that_are_compared_have_sums_of_the_same_labels() -> None:
    rows = [ClassificationRow(text="t", label="b")]
    answers: Mapping[str, Any] = {"one": [Label("a")], "other": [Label("b")], "third": [Label("z")]}
    found = judge_of(Classification()).tallies(rows, answers)
    once = np.ones((1, 1))
    sums = {name: of_model[1].sums(once)[0].tolist() for name, of_model in found.items()}
    assert sums == {  # right, true and said of a, b and z
        "one": [0, 0, 0, 0, 1, 0, 1, 0, 0],
        "other": [0, 1, 0, 0, 1, 0, 0, 1, 0],
        "third": [0, 0, 0, 0, 1, 0, 0, 0, 1],
    }
