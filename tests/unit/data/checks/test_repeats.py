"""Rows that stand there twice, contradict each other, or leak from one part into another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction, Preference, Transformation
from tunekit.data.checks import Findings
from tunekit.errors import InputError
from tunekit.findings import Finding

#: What these tests are not about.
OTHERS = {"tiny-class", "imbalance", "one-class", "single-row-class", "label-without-rows"}


def classified(*pairs: tuple[str, str]) -> Dataset:
    return Dataset.from_rows(
        [{"text": text, "label": label} for text, label in pairs], Classification()
    )


def found(data: Dataset, **options: Any) -> list[Finding]:
    every = data.check(near_duplicates=False, **options)
    return [one for one in every if one.code not in OTHERS]


def test_a_repeated_row_names_the_first_like_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,a\ny,b\nx,a\nz,a\nx,a\n", encoding="utf-8")
    again, twice = found(Dataset.read(path, Classification()))
    assert (again.code, again.severity, again.row, again.source) == (
        "repeated-row",
        "warning",
        2,
        "a.csv:4",
    )
    assert "a.csv:2 (row 0)" in again.message
    assert (twice.row, twice.source) == (4, "a.csv:6")
    assert "a.csv:2 (row 0)" in twice.message


def test_places_are_those_of_a_selection(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,a\ny,b\ny,b\nx,b\ny,b\n", encoding="utf-8")
    data = Dataset.read(path, Classification())[1:]
    assert [(one.row, one.source) for one in found(data)] == [(1, "a.csv:4"), (3, "a.csv:6")]
    assert all("a.csv:3 (row 0)" in one.message for one in found(data))


def test_ids_and_other_columns_make_no_row_another() -> None:
    rows = [{"text": "x", "label": "a", "id": str(n), "by": n} for n in range(2)]
    assert [one.code for one in found(Dataset.from_rows(rows, Classification()))] == [
        "repeated-row"
    ]


def test_different_answers_to_the_same_are_one_finding() -> None:
    data = classified(("x", "a"), ("y", "b"), ("x", "b"), ("x", "a"), ("x", "c"), ("x", "b"))
    conflict, *repeated = found(data)
    assert (conflict.code, conflict.severity, conflict.row) == ("conflicting-answers", "warning", 2)
    assert "in 3 ways" in conflict.message
    assert "'a' (rows[0] and 1 more); 'b' (rows[2] and 1 more); 'c' (rows[4])" in conflict.message
    assert [one.code for one in repeated] == ["repeated-row", "repeated-row"]
    figures = data.check().figures
    assert figures["inputs_with_different_answers"] == 1
    assert figures["rows_with_a_repeated_input"] == 5
    assert figures["repeated_rows"] == 2


def test_of_many_answers_the_first_are_named() -> None:
    data = classified(*(("x", label) for label in "abcde"))
    (conflict,) = found(data)
    assert "in 5 ways" in conflict.message
    assert "'c'" in conflict.message
    assert "'d'" not in conflict.message
    assert "and 2 more" in conflict.message


def test_many_conflicts_are_told_each_with_its_own_answers() -> None:
    # So many that the rows of the answers are read in several portions.
    pairs = [(f"text {n}", f"{side}{n}") for side in "ab" for n in range(100)]
    conflicts = [one for one in found(classified(*pairs)) if one.code == "conflicting-answers"]
    assert [one.row for one in conflicts] == list(range(100, 200))
    for n, one in enumerate(conflicts):
        assert f"'a{n}' (rows[{n}]); 'b{n}' (rows[{n + 100}])" in one.message


@pytest.mark.parametrize(
    ("task", "rows", "answers"),
    [
        (
            Extraction(),
            [{"text": "in Rome", "spans": [(3, 7, "city")]}, {"text": "in Rome", "spans": []}],
            ["'Rome' 3–7 (city) (rows[0])", "nothing (rows[1])"],
        ),
        (
            Transformation(),
            [{"input": "x", "output": "y"}, {"input": "x", "output": "z"}],
            ["'y'", "'z'"],
        ),
        (
            Preference(),
            [{"question": "?", "options": ["y", "n"], "best": n} for n in (0, 1)],
            ["'y' before 'n'", "'n' before 'y'"],
        ),
    ],
)
def test_every_task_has_conflicts(task: Any, rows: list[dict[str, Any]], answers: str) -> None:
    conflicts = [
        one for one in found(Dataset.from_rows(rows, task)) if one.code == "conflicting-answers"
    ]
    assert len(conflicts) == 1
    assert all(answer in conflicts[0].message for answer in answers)


def test_the_same_judgement_in_another_order_is_no_conflict() -> None:
    spans = [(0, 1, "a"), (2, 3, "b")]
    rows = [{"text": "x y", "spans": spans}, {"text": "x y", "spans": spans[::-1]}]
    assert "conflicting-answers" not in {
        one.code for one in found(Dataset.from_rows(rows, Extraction()))
    }
    options = [
        {"question": "?", "options": ["y", "n"], "best": 0},
        {"question": "?", "options": ["n", "y"], "best": 1},
    ]
    assert found(Dataset.from_rows(options, Preference())) == []


def test_another_choice_is_another_judgement_of_the_same_question() -> None:
    rows = [{"question": "?", "options": ["y", other], "best": 0} for other in ("n", "m")]
    data = Dataset.from_rows(rows, Preference())
    assert found(data) == []
    assert data.check().figures["rows_with_a_repeated_input"] == 2
    assert data.check().figures["inputs_with_different_answers"] == 1


def test_numbers_that_python_hashes_alike_are_told_apart() -> None:
    assert hash(-1) == hash(-2)
    rows = [{"question": "?", "options": ["y", "n"], "best": best} for best in (-1, -2)]
    assert Dataset.from_rows(rows, Preference()).check().figures["repeated_rows"] == 0


# --- another part ---------------------------------------------------------------------------------


def test_a_row_that_the_other_part_has_is_a_leak(tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("text,label\nw,a\nx,a\ny,b\nx,a\n", encoding="utf-8")
    test = classified(("z", "a"), ("y", "a"), ("x", "a"), ("z", "b"))
    one, two, _ = found(test, against=Dataset.read(train, Classification()))
    assert (one.code, one.severity, one.row, one.source) == (
        "in-other-part",
        "warning",
        1,
        "rows[1]",
    )
    assert "train.csv:4 (row 2)" in one.message
    assert two.row == 2
    assert "train.csv:3 (row 1)" in two.message
    figures = test.check(against=Dataset.read(train, Classification())).figures
    assert figures["rows_in_other_part"] == 2


def test_of_many_rows_in_the_other_part_the_first_is_named() -> None:
    train = classified(*((f"t{n % 100}", "a") for n in range(3000)))
    (leak,) = found(classified(("t42", "a")), against=train)
    assert "rows[42] (row 42)" in leak.message


def test_parts_that_share_nothing_have_no_leak() -> None:
    one, other = classified(("x", "a"), ("y", "b")), classified(("z", "a"), ("w", "b"))
    assert found(one, against=other) == []
    assert one.check(against=other).figures["rows_in_other_part"] == 0
    assert "rows_in_other_part" not in one.check().figures
    assert one.check(against=other.filter(lambda row: False)).of_rows == ()


def test_against_is_a_data_set() -> None:
    with pytest.raises(InputError, match="against= is list"):
        classified(("x", "a")).check(against=[])  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("ab")), min_size=1, max_size=12))
def test_the_figures_are_what_a_plain_count_says(pairs: list[tuple[str, str]]) -> None:
    data = classified(*pairs)
    result: Findings = data.check(near_duplicates=False, against=data)
    inputs = [text for text, _ in pairs]
    assert result.figures["rows"] == len(pairs)
    assert result.figures["rows_in_other_part"] == len(pairs)
    assert result.figures["repeated_rows"] == len(pairs) - len(set(pairs))
    assert result.figures["rows_with_a_repeated_input"] == sum(
        inputs.count(text) > 1 for text in inputs
    )
    differing = sum(len({label for text, label in pairs if text == one}) > 1 for one in set(inputs))
    assert result.figures["inputs_with_different_answers"] == differing
    assert result.counts.get("conflicting-answers", 0) == differing
    earliest = {pair: pairs.index(pair) for pair in pairs}
    assert [one.row for one in result if one.code == "repeated-row"] == [
        row for row, pair in enumerate(pairs) if earliest[pair] != row
    ]
