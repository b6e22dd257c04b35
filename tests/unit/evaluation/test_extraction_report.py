"""The report on extraction, against nervaluate and scikit-learn."""

from __future__ import annotations

import dataclasses
import json
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate import Evaluator
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from sklearn.metrics import precision_recall_fscore_support

import tunekit
from tunekit import Dataset
from tunekit.errors import DataError, InputError
from tunekit.evaluation import evaluate
from tunekit.evaluation.extraction_report import ExtractionReport
from tunekit.shapes import Failure, Span
from tunekit.tasks.extraction import Extracted, Extraction, ExtractionRow
from tunekit.tasks.quotes import Unplaced

LABELS = ("city", "person", "org")
TASK = Extraction(list(LABELS))
TEXT = "Anna Berg lives in Köln, near Bonn. " * 3
FAILED = Failure("timeout", "no answer in 60 s")

Spans = list[Span]
Rows = list[tuple[Spans, Spans]]


def row(spans: Spans, text: str = TEXT) -> ExtractionRow:
    return ExtractionRow(text=text, spans=tuple(spans))


def report(rows: Rows, task: Extraction = TASK) -> ExtractionReport:
    found = evaluate(
        task, [row(truth) for truth, _ in rows], [Extracted(tuple(said)) for _, said in rows]
    )
    assert isinstance(found, ExtractionReport)
    return found


def plain(found: object) -> str:
    """The report as text, spaces and line breaks made one."""
    return " ".join(str(found).split())


# --- against references -------------------------------------------------------------------------

any_span = st.builds(
    lambda start, length, label: Span(start, start + length, label),
    st.integers(0, 40),
    st.integers(1, 12),
    st.sampled_from(LABELS),
)
any_spans = st.lists(any_span, max_size=6, unique=True)


@st.composite
def apart(draw: st.DrawFn) -> Spans:
    """Spans of a row of which no two overlap, in order."""
    places = sorted(draw(st.lists(st.integers(0, 60), max_size=10, unique=True)))
    return [
        Span(start, end, draw(st.sampled_from(LABELS)))
        for start, end in list(pairwise(places))[:: draw(st.sampled_from([1, 2]))]
    ]


def nervaluate_of(rows: Rows) -> dict[str, Any]:
    """nervaluate's results; its ends are those of the last character."""

    def wire(spans: Spans) -> list[dict[str, object]]:
        return [{"label": s.label, "start": s.start, "end": s.end - 1} for s in spans]

    true, predicted = ([wire(row_[side]) for row_ in rows] for side in (0, 1))
    found: dict[str, Any] = Evaluator(true, predicted, list(LABELS), loader="dict").evaluate()
    return found


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(any_spans, apart()), min_size=1, max_size=6))
def test_strict_figures_are_nervaluates(rows: Rows) -> None:
    """True spans may overlap. Predicted ones don't here: see the next test but one."""
    found, reference = report(rows), nervaluate_of(rows)
    strict = reference["overall"]["strict"]
    assert found.span_f1.value == pytest.approx(strict.f1)
    assert found.precision.value == pytest.approx(strict.precision)
    assert found.recall.value == pytest.approx(strict.recall)
    assert (found.true_spans, found.predicted_spans) == (strict.possible, strict.actual)
    for scores in found.per_label:
        expected = reference["entities"][scores.label]["strict"]
        assert (scores.precision, scores.recall, scores.f1, scores.support) == pytest.approx(
            (expected.precision, expected.recall, expected.f1, expected.possible)
        )
    of_labels = [reference["entities"][s.label]["strict"].f1 for s in found.per_label]
    assert found.macro_f1.value == pytest.approx(np.mean(of_labels) if of_labels else 0.0)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(any_spans, any_spans), min_size=1, max_size=6))
def test_strict_figures_are_scikit_learns_where_all_may_overlap(rows: Rows) -> None:
    """Each span that occurs on either side is one yes-or-no question."""
    found = report(rows)
    asked = [
        (span in truth, span in said, span.label)
        for truth, said in rows
        for span in {*truth, *said}
    ]
    if not asked:
        assert found.span_f1 == (0.0, 0.0, 0.0)
        return
    true, said = ([one[side] for one in asked] for side in (0, 1))
    expected = precision_recall_fscore_support(true, said, average="binary", zero_division=0)
    assert (found.precision.value, found.recall.value, found.span_f1.value) == pytest.approx(
        expected[:3]
    )


def test_where_nervaluate_deviates() -> None:
    """A predicted span that only overlaps may take the true span away from one that is right,
    and spans that are given twice count twice."""
    truth, other, right = Span(0, 9, "person"), Span(0, 4, "person"), Span(0, 9, "person")
    overlapping = [([truth], [other, right])]
    assert nervaluate_of(overlapping)["overall"]["strict"].correct == 0
    assert report(overlapping).recall.value == 1.0
    twice = [([truth], [right, right])]
    assert nervaluate_of(twice)["overall"]["strict"].precision == 0.5
    assert report(twice).precision.value == 1.0


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(apart(), apart()), min_size=1, max_size=6))
def test_the_lenient_figure_is_nervaluates_or_the_better_pairing(rows: Rows) -> None:
    """nervaluate's ``ent_type`` within each label. It takes the nearest span one after the other
    and so may pair fewer than can be paired; it never pairs more, and where no span meets two it
    pairs as many."""
    found, by_label = report(rows), nervaluate_of(rows)["entities"]
    hits = sum(of["ent_type"].correct for of in by_label.values())  # type: ignore[attr-defined]
    spans = found.true_spans + found.predicted_spans
    theirs = 2 * hits / spans if spans else 0.0
    assert found.span_f1_overlap.value >= theirs - 1e-12
    assert found.span_f1_overlap.value >= found.span_f1.value
    meetings = [
        sum(a.label == b.label and a.start < b.end and b.start < a.end for b in others)
        for truth, said in rows
        for ones, others in ((truth, said), (said, truth))
        for a in ones
    ]
    if max(meetings, default=0) <= 1:
        assert found.span_f1_overlap.value == pytest.approx(theirs)


# --- figures ------------------------------------------------------------------------------------


def test_a_worked_example() -> None:
    anna, koeln, bonn = Span(0, 9, "person"), Span(19, 23, "city"), Span(30, 34, "city")
    found = report(
        [
            ([anna, koeln, bonn], [anna, Span(19, 23, "org"), Span(25, 34, "city")]),
            ([anna], []),
            ([], [Span(10, 15, "org")]),
        ]
    )
    assert (found.true_spans, found.predicted_spans) == (4, 4)
    assert (found.precision.value, found.recall.value, found.span_f1.value) == (0.25, 0.25, 0.25)
    assert found.span_f1_overlap.value == 0.5
    assert found.macro_f1.value == pytest.approx(2 / 9), "person has 2/3, city and org nothing"
    assert found.errors._asdict() == {
        "boundary": 1,
        "type": 1,
        "both": 0,
        "missed": 1,
        "spurious": 1,
    }
    assert [tuple(scores) for scores in found.per_label] == [
        ("city", 0.0, 0.0, 0.0, 2),
        ("org", 0.0, 0.0, 0.0, 0),
        ("person", 1.0, 0.5, pytest.approx(2 / 3), 2),
    ]


def test_overlapping_true_spans_are_each_to_be_found() -> None:
    nested = [Span(0, 9, "org"), Span(5, 9, "city"), Span(5, 9, "person"), Span(3, 7, "org")]
    assert report([(nested, nested)]).span_f1.value == 1.0
    assert report([(nested, nested[:2])]).recall.value == 0.5


def test_spans_of_different_rows_are_different() -> None:
    one, other = Span(0, 9, "person"), Span(19, 23, "city")
    assert report([([one], [other]), ([other], [one])]).span_f1.value == 0.0


def test_spans_that_stand_twice_count_once_and_their_order_plays_no_part() -> None:
    one, other = Span(0, 9, "person"), Span(19, 23, "city")
    found = report([([one, one, other], [other, other, one])])
    assert (found.true_spans, found.predicted_spans) == (2, 2)
    assert found.span_f1.value == 1.0
    assert found.wrong == ()


# --- intervals ----------------------------------------------------------------------------------


def test_intervals_hold_their_values_and_are_the_same_at_every_call() -> None:
    random = np.random.default_rng(0)
    rows = [
        (
            [Span(n, n + 3, "city") for n in range(0, 30, 5)],
            [Span(n, n + int(random.integers(3, 5)), "city") for n in range(0, 30, 5)],
        )
        for _ in range(40)
    ]
    found = report(rows)
    for measure in (
        found.span_f1,
        found.macro_f1,
        found.precision,
        found.recall,
        found.span_f1_overlap,
    ):
        assert measure.low <= measure.value <= measure.high
    assert found.span_f1.low < found.span_f1.value < found.span_f1.high
    assert found.to_dict() == report(rows).to_dict()


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Rows have one to five spans that are found or not as a row, so that spans of a row aren't
    independent: an interval from resampled spans would be too narrow."""
    random = np.random.default_rng(1)
    covered, repeats = 0, 100
    for _ in range(repeats):
        rows: Rows = []
        for _ in range(60):
            spans = [Span(n * 5, n * 5 + 3, "city") for n in range(random.integers(1, 6))]
            rows.append((spans, spans if random.random() < 0.7 else []))
        recall = report(rows).recall
        covered += recall.low <= 0.7 <= recall.high
    assert 0.87 <= covered / repeats <= 0.995


def test_a_rare_label_widens_the_interval_of_the_macro_figure() -> None:
    """A hundred rows have one city each, all found but ten; three have a person, two found."""
    city, person = Span(19, 23, "city"), Span(0, 9, "person")
    rows: Rows = [([city], [city] if n >= 10 else []) for n in range(100)]
    rows += [([person], [person]), ([person], [person]), ([person], [])]
    found = report(rows)
    assert found.macro_f1.value == pytest.approx((180 / 190 + 4 / 5) / 2)
    assert found.macro_f1.low < found.span_f1.low
    assert found.macro_f1.low <= found.macro_f1.value <= found.macro_f1.high


def test_resamples_without_a_span_say_nothing() -> None:
    """One row of many has a span, and it is found: in a third of the resamples it isn't drawn."""
    span = Span(0, 9, "person")
    found = report([([span], [span]), *[([], [])] * 9])
    assert found.span_f1 == (1.0, 1.0, 1.0)


def test_many_rows_take_little_time_and_memory() -> None:
    random = np.random.default_rng(2)
    rows = [
        (
            [Span(n, n + 3, "city") for n in range(0, 20, 5)],
            [Span(n, n + int(random.integers(3, 5)), "city") for n in range(0, 20, 5)],
        )
        for _ in range(2_000)
    ]
    given_rows = [row(truth, "short") for truth, _ in rows]
    answers = [Extracted(tuple(said)) for _, said in rows]
    tracemalloc.start()
    started = time.process_time()
    evaluate(TASK, given_rows, answers)
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 10  # a tenth of it without tracemalloc
    assert peak < 48 * 2**20


# --- edges --------------------------------------------------------------------------------------


def test_neither_true_nor_predicted_spans() -> None:
    found = report([([], []), ([], [])])
    for measure in (
        found.span_f1,
        found.macro_f1,
        found.precision,
        found.recall,
        found.span_f1_overlap,
    ):
        assert measure == (0.0, 0.0, 0.0)
    assert (found.per_label, found.wrong) == ((), ())
    assert "the figures are 0 by convention" in plain(found)


def test_nothing_predicted_and_nothing_true() -> None:
    span = Span(0, 9, "person")
    nothing_said = report([([span], [])])
    assert (nothing_said.precision, nothing_said.span_f1) == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    nothing_true = report([([], [span])])
    assert (nothing_true.recall, nothing_true.span_f1) == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert "No row has a true span" in plain(nothing_true)


def test_no_rows_different_numbers_and_what_is_no_prediction() -> None:
    with pytest.raises(DataError, match="no rows"):
        evaluate(TASK, [], [])
    for rows, predictions in ((1, 2), (2, 1)):
        with pytest.raises(InputError, match=f"{rows} rows and {predictions} predictions"):
            evaluate(TASK, [row([])] * rows, [Extracted(())] * predictions)
    with pytest.raises(InputError, match="prediction 1: expected Extracted"):
        evaluate(TASK, [row([])] * 2, [Extracted(()), ()])
    with pytest.raises(InputError, match="row 0: expected ExtractionRow"):
        evaluate(TASK, ["a"], [Extracted(())])  # type: ignore[list-item]


def test_all_spans_of_a_row_without_an_answer_are_missed_and_the_row_is_shown() -> None:
    spans = [Span(0, 9, "person"), Span(19, 23, "city")]
    rows = [row(spans), row(spans)]
    found = evaluate(TASK, rows, [Extracted(tuple(spans)), FAILED])
    assert isinstance(found, ExtractionReport)
    assert (found.precision.value, found.recall.value) == (1.0, 0.5)
    assert found.errors.missed == 2
    assert found.wrong == ()
    assert [(f.row, f.code, f.detail) for f in found.failures] == [(1, *FAILED)]
    assert [tuple(span) for span in found.failures[0].truth] == [
        (0, 9, "person", "Anna Berg"),
        (19, 23, "city", "Köln"),
    ]
    assert "all spans counted as missed: 1 row." in plain(found)
    assert "timeout: no answer in 60 s" in plain(found)


def test_nothing_but_failures() -> None:
    found = evaluate(TASK, [row([Span(0, 9, "person")]), row([])], [FAILED, FAILED])
    assert isinstance(found, ExtractionReport)
    assert found.span_f1 == (0.0, 0.0, 0.0)
    assert len(found.failures) == 2


def test_wrong_rows_have_the_words_and_most_errors_come_first() -> None:
    anna, koeln = Span(0, 9, "person"), Span(19, 23, "city")
    rows = [row([anna]), row([anna]), ExtractionRow(text=TEXT, spans=(anna, koeln), id="id-2")]
    found = evaluate(
        TASK, rows, [Extracted(()), Extracted((anna,)), Extracted((Span(0, 4, "org"),))]
    )
    assert isinstance(found, ExtractionReport)
    assert [wrong.row for wrong in found.wrong] == [2, 0]
    first = found.wrong[0]
    assert (first.id, first.text) == ("id-2", TEXT)
    assert [span.quote for span in first.truth] == ["Anna Berg", "Köln"]
    assert [span.quote for span in first.predicted] == ["Anna"]
    assert [
        (error.kind, error.truth and error.truth.quote, error.predicted and error.predicted.quote)
        for error in first.errors
    ] == [("both", "Anna Berg", "Anna"), ("missed", "Köln", None)]
    assert "Anna Berg (person) 0-9" in plain(found)


def test_what_has_no_place_is_shown_and_is_no_span() -> None:
    anna = Span(0, 9, "person")
    lost = Unplaced("city", "Rom", "these words aren't in the text")
    found = evaluate(TASK, [row([anna])], [Extracted((anna,), (lost,))])
    assert isinstance(found, ExtractionReport)
    assert (found.span_f1.value, found.unplaced) == (1.0, 1)
    assert found.wrong[0].unplaced == (lost,)
    assert "in no figure: 1 quote" in plain(found)
    assert "Rom (city)" in plain(found)


def test_labels_that_the_model_does_not_know() -> None:
    rows: Rows = [([Span(0, 9, "person"), Span(0, 4, "alien")], [Span(0, 9, "person")])]
    assert report(rows).unknown_labels == ("alien",)
    assert "can't get them right: alien." in plain(report(rows))
    assert report(rows, Extraction()).unknown_labels == ()


def test_faulty_spans_end_no_evaluation() -> None:
    rows: Rows = [([Span(-3, 4, "city"), Span(5, 5, "city"), Span(900, 950, "city")], [])]
    found = report(rows)
    assert [span.quote for span in found.wrong[0].truth] == ["Anna", "", ""]
    assert str(found)


# --- as JSON and for people ---------------------------------------------------------------------


def test_to_dict_is_json_with_everything_in_it() -> None:
    anna = Span(0, 9, "person")
    rows = [row([anna]), row([anna])]
    numbers = Extracted((Span(np.int64(0), np.int32(4), "person"),))  # type: ignore[arg-type]
    found = evaluate(TASK, rows, [numbers, FAILED], model_kind="zero-shot")
    there = found.to_dict()
    assert json.loads(json.dumps(there, allow_nan=False)) == there
    assert set(there) == {field.name for field in dataclasses.fields(found)} | {"task"}
    for name in ("span_f1", "macro_f1", "precision", "recall", "span_f1_overlap"):
        assert set(there[name]) == {"value", "low", "high"}
    anna_quoted = {"start": 0, "end": 9, "label": "person", "quote": "Anna Berg"}
    said = {"start": 0, "end": 4, "label": "person", "quote": "Anna"}
    assert there["wrong"] == [
        {
            "row": 0,
            "id": rows[0].id,
            "text": TEXT,
            "truth": [anna_quoted],
            "predicted": [said],
            "errors": [{"kind": "boundary", "truth": anna_quoted, "predicted": said}],
            "unplaced": [],
        }
    ]
    assert there["failures"][0]["truth"] == [anna_quoted]
    assert "zero-shot model" in plain(found)
    assert len(repr(found)) < 800


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_text_or_label_breaks_the_rendering(width: int) -> None:
    nasty = [
        "[red]not red[/red] [/] [link=x]",
        "\x1b[31mescape\x1b[0m \x07 \u202eright to left",
        "Familie 👨‍👩‍👧 and 漢字漢字",
        "x" * 100_000,
        "\ud800 lone surrogate",
    ]
    rows = [
        ExtractionRow.model_construct(
            text=text,
            spans=tuple(Span(0, n + 2, text) for n in range(8)),
            context=None,
            meta=(),
            given_id="x",
        )
        for text in nasty
    ]
    answers = [Extracted((Span(0, 5, text),), (Unplaced(text, text, text),)) for text in nasty[1:]]
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
        {"text": "Anna in Bonn", "spans": [[0, 4, "person"], [8, 12, "city"]]},
        {"text": "nothing", "spans": []},
    ]
    data = Dataset.from_rows(rows, Extraction())
    found = tunekit.tune(data, backend="fake").evaluate(data).to_dict()
    assert found["span_f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert (found["rows"], found["true_spans"], found["model_kind"]) == (2, 2, "tuned")
