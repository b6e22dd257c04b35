"""Labels: too few rows, too uneven, too much alike, missing."""

from __future__ import annotations

import time
from typing import Any
from unicodedata import normalize

import pytest

from tunekit import Classification, ClassificationRow, Dataset, Extraction, Transformation
from tunekit.findings import Finding


def labelled(counts: dict[str, int], task: Classification | None = None) -> Dataset:
    rows = [
        {"text": f"{label} {n}", "label": label}
        for label, count in counts.items()
        for n in range(count)
    ]
    return Dataset.from_rows(rows, task or Classification())


def found(data: Dataset, code: str) -> list[Finding]:
    return [one for one in data.check(near_duplicates=False) if one.code == code]


# --- few rows -------------------------------------------------------------------------------------


def test_a_class_of_few_rows_is_found() -> None:
    (tiny,) = found(labelled({"a": 50, "b": 9, "c": 10}), "tiny-class")
    assert (tiny.severity, tiny.row, tiny.field) == ("warning", None, "label")
    assert "1 of 3 labels stand there fewer than 10 times: 'b' (9)." in tiny.message


def test_many_tiny_classes_are_one_finding_that_names_the_smallest() -> None:
    counts = {f"l{n}": n for n in range(2, 10)}
    (tiny,) = found(labelled({"big": 20, **counts}), "tiny-class")
    assert "8 of 9 labels" in tiny.message
    assert "'l2' (2), 'l3' (3), 'l4' (4), 'l5' (5), 'l6' (6) and 3 more" in tiny.message


def test_what_the_task_says_of_a_class_is_not_said_twice() -> None:
    data = labelled({"a": 50, "b": 1, "c": 12})
    assert [one.code for one in data.check().errors] == ["single-row-class"]
    assert found(data, "tiny-class") == []


def test_types_of_spans_are_counted_too() -> None:
    rows = [{"text": "Rome 1", "spans": [(0, 4, "city"), (5, 6, "n")]}] * 12
    rows += [{"text": "Ada", "spans": [(0, 3, "person")]}]
    (tiny,) = found(Dataset.from_rows(rows, Extraction()), "tiny-class")
    assert "'person' (1)" in tiny.message
    assert tiny.field == "spans"


# --- uneven ---------------------------------------------------------------------------------------


def test_uneven_classes_are_found() -> None:
    (uneven,) = found(labelled({"a": 211, "b": 10, "c": 50}), "imbalance")
    assert (uneven.severity, uneven.row, uneven.field) == ("warning", None, "label")
    assert "'a' stands there 211 times and 'b' 10: more than 20 to 1" in uneven.message
    assert found(labelled({"a": 200, "b": 10}), "imbalance") == []
    assert found(labelled({"a": 200}), "imbalance") == []


# --- absent ---------------------------------------------------------------------------------------


def test_a_label_of_the_task_without_a_row_is_found() -> None:
    data = labelled({"a": 10, "b": 10}, Classification(["a", "b", "c", "d"]))
    (absent,) = found(data, "label-without-rows")
    assert (absent.severity, absent.row) == ("warning", None)
    assert "2 of the task's labels have no row here: 'c', 'd'." in absent.message
    assert found(labelled({"a": 10, "b": 10}), "label-without-rows") == []


def test_labels_that_a_part_lacks_are_counted() -> None:
    data = labelled({"a": 10, "b": 10, "c": 10})
    part = data.filter(lambda row: row.label == "a")
    figures = part.check(against=data, near_duplicates=False).figures
    assert figures["labels_missing"] == 2
    assert (figures["labels"], figures["class_min"], figures["class_max"]) == (1, 10, 10)
    assert "labels_missing" not in data.check().figures


# --- alike ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Card lost", "card lost"),
        ("card_lost", "card lost"),
        ("cardlost", "card-lost"),
        ("card lost", "card lost "),
        ("card lost", "card lost."),
        ("class_1", "Class 1"),
        ("Kündigung", "Ku\u0308ndigung"),
        ("STRASSE", "Straße"),
    ],
)
def test_names_that_differ_in_nothing_that_counts_are_found(one: str, other: str) -> None:
    # However many rows each has: nobody means two things by these.
    (alike,) = found(labelled({one: 40, other: 60, "something else": 20}), "like-labels")
    assert (alike.severity, alike.row, alike.field) == ("warning", None, "label")
    assert "differ only in case, spaces or punctuation" in alike.message
    assert repr(one) in alike.message and repr(other) in alike.message
    assert alike.suggestion is not None and repr(other.strip()) in alike.suggestion


@pytest.mark.parametrize(
    "mistyped",
    ["complant", "complaintt", "compliant", "complaimt", "complaynt"],  # left out, doubled, swapped
)
def test_a_typing_error_is_found(mistyped: str) -> None:
    (alike,) = found(labelled({"complaint": 40, mistyped: 3, "praise": 30}), "like-labels")
    assert f"{mistyped!r} (3) is one typing error away from 'complaint' (40)" in alike.message
    (alike,) = found(
        labelled({f"{mistyped} by card": 1, "complaint by card": 15, "praise": 30}), "like-labels"
    )
    assert "'complaint by card' (15)" in alike.message


@pytest.mark.parametrize(
    "counts", [{"Kritik": 1, "kritk": 1}, {"Kritik": 2, "kritk": 2}, {"Kritik": 7, "kritik": 7}]
)
def test_of_equally_frequent_names_none_is_recommended(counts: dict[str, int]) -> None:
    (alike,) = found(labelled({**counts, "praise": 30}), "like-labels")
    assert alike.suggestion is not None and "decide which is meant" in alike.suggestion
    assert not any(repr(name) in alike.suggestion for name in counts)


@pytest.mark.parametrize("other", ["spam ", "Ku\u0308ndigung"])
def test_of_equally_frequent_names_the_tidy_one_is_recommended(other: str) -> None:
    tidy = normalize("NFC", other.strip())
    (alike,) = found(labelled({tidy: 7, other: 7, "ham": 9}), "like-labels")
    assert alike.suggestion == f"If the same is meant, write {tidy!r} throughout."


def test_a_typing_error_is_held_against_the_usual_spelling() -> None:
    alike = found(labelled({"Complaint": 1, "complaint": 40, "complant": 3, "x": 9}), "like-labels")
    (typing,) = (one for one in alike if "typing error" in one.message)
    assert "'complant' (3) is one typing error away from 'complaint' (40)" in typing.message
    assert typing.suggestion == "If the same is meant, write 'complaint' throughout."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("class_1", "class_2"),
        ("1.5", "15"),
        ("-1", "1"),
        ("12", "1-2"),
        ("C++", "C#"),
        ("C", "C++"),
        ("50%", "50"),
        ("cat", "car"),
        ("B-PER", "I-PER"),
        ("moral", "amoral"),
        ("affect", "effect"),
        ("version10", "version11"),
        ("topup failed", "topup pending"),
        (":)", ":("),
        ("praise", "complaint"),
    ],
)
def test_names_that_differ_on_purpose_are_left_alone(one: str, other: str) -> None:
    assert found(labelled({one: 40, other: 2, "something else": 20}), "like-labels") == []


def test_two_usual_names_are_no_typing_error() -> None:
    assert found(labelled({"employer": 40, "employee": 30}), "like-labels") == []
    assert found(labelled({"employer": 40, "employee": 3}), "like-labels") != []


def test_thousands_of_labels_take_no_time() -> None:
    letters = "abcdefghij"
    names = [
        f"label{a}{b}{c}{d}" for a in letters for b in letters for c in letters for d in letters[:5]
    ]
    data = labelled(dict.fromkeys(names, 1))
    began = time.process_time()
    data.check(near_duplicates=False)
    assert time.process_time() - began < 10


def test_a_task_without_labels_has_no_such_findings() -> None:
    rows = [{"input": f"i{n}", "output": "o"} for n in range(3)]
    result: Any = Dataset.from_rows(rows, Transformation()).check(near_duplicates=False)
    assert result == ()
    assert not {"labels", "class_min", "labels_missing"} & set(result.figures)


def test_nobody_is_told_to_write_white_space_around_a_label() -> None:
    (alike,) = found(labelled({"spam ": 20, "spam": 5, "ham": 9}), "like-labels")
    assert "write 'spam' throughout" in str(alike.suggestion)


def test_a_label_of_thousands_is_looked_up_at_once() -> None:
    def cost(count: int) -> float:
        task = Classification([f"label {n}" for n in range(count)])
        rows = [ClassificationRow(text="x", label=f"label {count - 1}")] * 2000
        list(task.findings(rows[0]))
        begun = time.process_time()
        for row in rows:
            list(task.findings(row))
        return time.process_time() - begun

    assert cost(20_000) < 20 * max(cost(10), 0.001)


def test_a_task_looks_up_the_labels_that_it_has_now() -> None:
    task = Classification(["a", "b"])
    assert task.known_labels == {"a", "b"}
    changed = task.relabel(frozenset({"b"}), frozenset({"c"}))
    assert changed.known_labels == set(changed.labels or ()) == {"a", "c"}
    assert task == Classification(["a", "b"])
