from __future__ import annotations

from pathlib import Path

import pytest

from tunekit import Classification, Dataset, Extraction
from tunekit.findings import Finding


def test_findings_have_row_and_source_and_come_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"two\nlines",a\n ,a\nx,b\ny,\nz,b\n', encoding="utf-8")
    data = Dataset.read(path, Classification())
    found = data.check()
    assert [(one.code, one.row, one.source, one.field) for one in found] == [
        ("empty-text", 1, "a.csv:4", "text"),
        ("empty-label", 3, "a.csv:6", "label"),
        ("single-row-class", None, None, "label"),
        ("tiny-class", None, None, "label"),
    ]
    assert found.errors == found[:3]
    assert found.of_rows == found[:2]
    assert str(found).splitlines()[0] == "a.csv:4, text: the text is empty. [empty-text]"


def test_rows_are_counted_in_the_part_and_placed_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,a\nx,b\n ,a\nx,b\n", encoding="utf-8")
    part = Dataset.read(path, Classification())[2:]
    (empty, *_) = part.check()
    assert (empty.row, empty.source) == (0, "a.csv:4")


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ([("x", "a"), ("y", "a")], ["one-class"]),
        ([("x", "a"), ("y", "a"), ("z", "b")], ["single-row-class", "tiny-class"]),
        ([("x", "a"), ("y", "a"), ("z", "b"), ("w", "b")], ["tiny-class"]),
        ([(f"{label} {n}", label) for label in "ab" for n in range(10)], []),
    ],
)
def test_the_set_is_checked_as_a_whole(rows: list[tuple[str, str]], codes: list[str]) -> None:
    records = [{"text": text, "label": label} for text, label in rows]
    found = Dataset.from_rows(records, Classification()).check()
    assert [one.code for one in found] == codes


def test_a_part_is_checked_by_its_own_rows() -> None:
    records = [{"text": str(n), "label": "ab"[n > 9]} for n in range(20)]
    data = Dataset.from_rows(records, Classification())
    assert data.check() == ()
    assert [one.code for one in data[:10].check()] == ["one-class", "label-without-rows"]


def test_a_label_outside_a_closed_set_is_found() -> None:
    records = [{"text": str(n), "label": label} for n, label in enumerate("aabbc")]
    found = Dataset.from_rows(records, Classification(["a", "b"])).check()
    assert [(one.code, one.row) for one in found] == [
        ("label-outside-set", 4),
        ("single-row-class", None),
        ("tiny-class", None),
    ]


def test_no_rows_are_a_finding() -> None:
    data = Dataset.from_rows([{"text": "x", "spans": []}], Extraction())
    assert [one.code for one in data.check()] == ["no-spans"]
    assert [one.code for one in data.filter(lambda row: False).check()] == ["no-rows"]


def test_a_clean_set_prints_as_such() -> None:
    records = [{"text": "x", "spans": [(0, 1, "a")]}]
    found = Dataset.from_rows(records, Extraction()).check()
    assert str(found) == "no findings"
    assert not found


def test_findings_say_where_and_what_to_do() -> None:
    finding = Finding("code", "error", "is wrong.", row=3, field="text", suggestion="Mend it.")
    assert str(finding) == "row 3, text: is wrong. Mend it. [code]"
    assert str(Finding("code", "info", "so it is.")) == "so it is. [code]"
