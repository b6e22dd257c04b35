from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.metrics import log_loss as reference_log_loss

from tunekit.errors import DataError, InputError, UnsupportedTask
from tunekit.evaluation import evaluate
from tunekit.evaluation.classification_report import ClassificationReport
from tunekit.shapes import Failure
from tunekit.tasks.base import Task
from tunekit.tasks.classification import Classification, ClassificationRow, Label
from tunekit.tasks.preference import Preference

TASK = Classification(["a", "b", "c"])


def row(label: str, text: str = "text") -> ClassificationRow:
    return ClassificationRow(text=text, label=label)


def said(label: str, probability: float = 0.8) -> Label:
    rest = [name for name in ("a", "b", "c") if name != label]
    return Label(
        label, probability, {label: probability, **dict.fromkeys(rest, (1 - probability) / 2)}
    )


def report(
    truth: str, predictions: list[Label | Failure], task: Task = TASK
) -> ClassificationReport:
    found = evaluate(task, [row(label) for label in truth], predictions)
    assert isinstance(found, ClassificationReport)
    return found


def plain(found: object) -> str:
    """The report as text, spaces and line breaks made one."""
    return " ".join(str(found).split())


# --- figures ------------------------------------------------------------------------------------


def test_everything_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    names = ["a", "b", "c"]
    true = random.integers(0, 3, 300)
    probabilities = random.dirichlet([1, 1, 1], 300)
    answers = probabilities.argmax(axis=1)
    predictions = [
        Label(
            names[best],
            float(row_[best]),
            dict(zip(names, map(float, row_), strict=True)),
        )
        for best, row_ in zip(answers, probabilities, strict=True)
    ]
    found = report("".join(names[t] for t in true), predictions)

    reference = classification_report(
        true, answers, target_names=names, output_dict=True, zero_division=0
    )
    assert found.accuracy.value == pytest.approx(reference["accuracy"])
    assert found.macro_f1.value == pytest.approx(reference["macro avg"]["f1-score"])
    for scores in found.per_class:
        expected = reference[scores.label]
        assert (scores.precision, scores.recall, scores.f1, scores.support) == pytest.approx(
            (expected["precision"], expected["recall"], expected["f1-score"], expected["support"])
        )
    matrix = np.zeros((3, 3), dtype=int)
    for pair in found.confusion:
        assert pair.predicted is not None
        matrix[names.index(pair.truth), names.index(pair.predicted)] = pair.rows
    assert (matrix == confusion_matrix(true, answers)).all()
    assert found.log_loss is not None
    assert found.log_loss.value == pytest.approx(reference_log_loss(true, probabilities))


def test_every_interval_holds_its_value() -> None:
    found = report("aabbccabca", [said(x) for x in "abbbccacca"])
    for measure in (found.accuracy, found.macro_f1, found.ece, found.log_loss):
        assert measure is not None
        assert measure.low <= measure.value <= measure.high


def test_the_most_confused_pair_comes_first_and_right_answers_last() -> None:
    found = report("aaabbc", [said(x) for x in "bbcabc"])
    assert [(p.truth, p.predicted, p.rows) for p in found.confusion] == [
        ("a", "b", 2),
        ("a", "c", 1),
        ("b", "a", 1),
        ("b", "b", 1),
        ("c", "c", 1),
    ]


def test_wrong_rows_most_confident_first() -> None:
    rows = [
        ClassificationRow(text="first", label="a", id="id-1"),
        ClassificationRow(text="right", label="a"),
        ClassificationRow(text="third", label="a"),
        ClassificationRow(text="fourth", label="a"),
    ]
    found = evaluate(TASK, rows, [said("b", 0.5), said("a"), said("c", 0.9), Label("b")])
    assert isinstance(found, ClassificationReport)
    assert [(w.row, w.text, w.predicted, w.probability) for w in found.wrong] == [
        (2, "third", "c", 0.9),
        (0, "first", "b", 0.5),
        (3, "fourth", "b", None),
    ]
    assert found.wrong[1].id == "id-1"
    assert found.wrong[0].id == rows[2].id


def test_rows_are_read_once() -> None:
    found = evaluate(TASK, iter([row("a"), row("b")]), [said("a"), said("b")])
    assert found.to_dict()["rows"] == 2


# --- edges --------------------------------------------------------------------------------------


def test_no_rows() -> None:
    with pytest.raises(DataError, match="no rows"):
        evaluate(TASK, [], [])


@pytest.mark.parametrize(("rows", "predictions"), [(1, 2), (2, 1), (0, 1)])
def test_different_numbers(rows: int, predictions: int) -> None:
    with pytest.raises((InputError, DataError), match="rows"):
        evaluate(TASK, [row("a")] * rows, [said("a")] * predictions)


def test_what_is_no_prediction_or_row_is_named_by_its_place() -> None:
    with pytest.raises(InputError, match="prediction 1"):
        evaluate(TASK, [row("a")] * 2, [said("a"), "a"])
    with pytest.raises(InputError, match="row 0"):
        evaluate(TASK, ["a"], [said("a")])  # type: ignore[list-item]


def test_another_task_is_told_what_there_is() -> None:
    with pytest.raises(UnsupportedTask, match=r"'preference' with goal='answer'.*classification"):
        evaluate(Preference("answer"), [], [])


def test_failures_count_as_wrong_and_are_shown() -> None:
    found = report("aab", [said("a"), Failure("timeout", "no answer in 60 s"), said("b")])
    assert found.accuracy.value == pytest.approx(2 / 3)
    recall = {scores.label: scores.recall for scores in found.per_class}
    assert recall == {"a": 0.5, "b": 1.0}
    assert found.macro_f1.value == pytest.approx((2 / 3 + 1) / 2), "no answer is no label"
    assert [(f.row, f.code, f.detail) for f in found.failures] == [
        (1, "timeout", "no answer in 60 s")
    ]
    assert found.wrong == ()
    assert ("a", None, 1) in [(p.truth, p.predicted, p.rows) for p in found.confusion]
    assert found.ece is not None, "the rows that have an answer have probabilities"
    text = plain(found)
    assert "counted as wrong: 1 row." in text
    assert "timeout: no answer in 60 s" in text
    assert "2 rows with an answer" in text


def test_nothing_but_failures() -> None:
    found = report("ab", [Failure("x", "y"), Failure("x", "y")])
    assert found.accuracy == (0.0, 0.0, 0.0)
    assert found.macro_f1.value == 0.0
    assert (found.ece, found.log_loss, found.ece_missing) == (None, None, "no row has an answer")
    assert "No ECE: no row has an answer." in plain(found)


def test_without_probabilities_there_is_no_calibration() -> None:
    found = report("ab", [Label("a"), Label("b")])
    assert (found.ece, found.log_loss) == (None, None)
    assert found.ece_missing == "2 of 2 predictions come without a probability"
    assert "No ECE: 2 of 2" in plain(found)
    assert found.to_dict()["ece"] is None


def test_some_probabilities_are_not_passed_off_as_all() -> None:
    found = report("ab", [said("a"), Label("b")])
    assert found.ece is None
    assert found.ece_missing == "1 of 2 predictions come without a probability"


def test_a_probability_without_the_others_has_an_ece_and_no_log_loss() -> None:
    found = report("ab", [Label("a", 0.9), Label("b", 0.8)])
    assert found.ece is not None
    assert found.log_loss is None


def test_one_class() -> None:
    found = report("aaaa", [said("a")] * 4)
    assert (found.accuracy, found.macro_f1) == ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    assert "All rows have the label a" in plain(found)


def test_one_row() -> None:
    found = report("a", [said("b")])
    assert found.accuracy == (0.0, 0.0, 0.0)
    assert str(found)


def test_labels_that_the_model_does_not_know() -> None:
    found = report("azb", [said("a"), said("a", 0.99), said("b")])
    assert found.unknown_labels == ("z",)
    assert "doesn't know these labels, so it can't get them right: z." in plain(found)
    assert found.log_loss is not None
    assert np.isfinite(found.log_loss.value)
    support = {scores.label: scores.support for scores in found.per_class}
    assert support == {"a": 1, "b": 1, "z": 1}


def test_a_label_that_is_only_predicted_is_in_the_table() -> None:
    found = report("ab", [said("a"), said("c")])
    only_said = found.per_class[2]
    assert only_said == ("c", 0.0, 0.0, 0.0, 0)
    assert found.macro_f1.value == pytest.approx(1 / 3)


def test_labels_stay_as_they_are_written() -> None:
    names = ["yes", "no", "True", "1", "007", "None", ""]
    task = Classification(names)
    rows = [row(name) for name in names]
    found = evaluate(task, rows, [Label(name) for name in names])
    assert {scores["label"] for scores in found.to_dict()["per_class"]} == set(names)


# --- as JSON ------------------------------------------------------------------------------------


def test_to_dict_is_json_with_everything_in_it() -> None:
    found = report("aabc", [said("a"), said("b"), Failure("x", "y"), said("c")])
    there = found.to_dict()
    assert json.loads(json.dumps(there, allow_nan=False)) == there
    assert set(there["accuracy"]) == set(there["macro_f1"]) == {"value", "low", "high"}
    assert set(there["ece"]) == {"value", "low", "high", "floor"}
    assert set(there) == {field.name for field in dataclasses.fields(found)} | {"task"}
    assert there["wrong"][0] == {
        "row": 1,
        "id": row("a").id,
        "text": "text",
        "truth": "a",
        "predicted": "b",
        "probability": 0.8,
    }
    assert {type(v) for v in there["per_class"][0].values()} == {str, float, int}


def test_numpy_numbers_do_not_leak_out() -> None:
    predictions = [Label("a", np.float32(0.5), {"a": np.float32(0.5)}), Label("b", np.float64(1))]
    found = evaluate(TASK, [row("b"), row("b")], predictions)
    json.dumps(found.to_dict())


def test_the_kind_of_model_is_shown() -> None:
    found = evaluate(TASK, [row("a")], [said("a")], model_kind="zero-shot")
    assert "zero-shot model" in plain(found)
    assert found.to_dict()["model_kind"] == "zero-shot"


# --- for people ---------------------------------------------------------------------------------

NASTY = [
    "[red]not red[/red] [/] [link=x]",
    "two\nlines\r\nand\ttabs",
    "\x1b[31mescape\x1b[0m \x07 \u202eright to left",
    "Familie 👨‍👩‍👧 and 漢字漢字",
    "x" * 1_000_000,
    "\ud800 lone surrogate",
    "",
    ":smile: [bold",
]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_text_or_label_breaks_the_rendering(width: int) -> None:
    task = Classification([*NASTY, "fine"])
    rows = [
        ClassificationRow.model_construct(text=text, label=text, meta=(), given_id="x")
        for text in NASTY
    ]
    predictions = [Label("fine", 0.9)] * (len(NASTY) - 2) + [
        Failure("code", text) for text in NASTY[:2]
    ]
    found = evaluate(task, rows, predictions)
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
    text.encode()
    assert "\x1b" not in text
    assert len(text) < 20_000


def test_markup_in_data_is_shown_as_it_is() -> None:
    rows = [row("a", "[red]alert[/red] :smile:")]
    assert "[red]alert[/red] :smile:" in str(evaluate(TASK, rows, [said("b")]))


def test_a_long_text_is_cut_and_a_broken_one_put_on_one_line() -> None:
    rows = [row("a", "one\n\ntwo " + "long " * 100)]
    text = plain(evaluate(TASK, rows, [said("b")]))
    assert "one two long" in text
    assert "…" in text
    assert text.count("long") < 20


def test_many_labels_show_the_worst() -> None:
    names = [f"label-{number:02}" for number in range(40)]
    task = Classification(names)
    rows = [row(name) for name in names]
    predictions = [Label(name) for name in [*names[:39], names[0]]]
    text = str(evaluate(task, rows, predictions))
    assert "the worst 12 of 40" in text
    assert "label-39" in text
    assert "label-25" not in text


def test_the_plain_text_fits_a_terminal_and_has_the_figures() -> None:
    found = report("aabbccabca", [said(x) for x in "abbbccacca"])
    text = str(found)
    assert max(map(len, text.splitlines())) <= 100
    assert f"{found.accuracy.value:.3f}" in text
    assert f"{found.accuracy.low:.3f} - {found.accuracy.high:.3f}" in text
    assert found.ece is not None
    assert f"a perfectly calibrated model would have {found.ece.floor:.3f} here" in plain(found)


def test_repr_is_short() -> None:
    found = report("ab" * 100, [said("b")] * 200)
    assert len(repr(found)) < 800
