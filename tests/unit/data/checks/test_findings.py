"""Findings as people and programs read them; many of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunekit import Classification, Dataset, Extraction
from tunekit.data.checks.base import LISTED
from tunekit.errors import InputError


@pytest.fixture
def dirty(tmp_path: Path) -> Dataset:
    path = tmp_path / "messages.csv"
    lines = ["text,label,id", "x,a,one", "x,b,two", " ,a,three", "K\ufffdndigung ,b,four"]
    lines += [f"y,a,{n}" for n in range(6)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Dataset.read(path, Classification())


def test_they_come_in_row_order_then_those_of_the_set(dirty: Dataset) -> None:
    found = dirty.check()
    rows = [one.row for one in found]
    of_rows = [row for row in rows if row is not None]
    assert of_rows == sorted(of_rows)
    assert rows[len(of_rows) :] == [None] * (len(rows) - len(of_rows))
    assert found.of_rows == found[: len(of_rows)]
    assert found.counts == {
        "repeated-row": 5,
        "conflicting-answers": 1,
        "empty-text": 1,
        "replacement-character": 1,
        "outer-space": 1,
        "tiny-class": 1,
    }


def test_a_short_repr(dirty: Dataset) -> None:
    shown = repr(dirty.check())
    assert shown.startswith("<Findings: 1 error, 8 warnings, 1 info (repeated-row 5, ")
    clean = Dataset.from_rows([{"text": "x", "spans": [(0, 1, "a")]}], Extraction()).check()
    assert repr(clean) == "<Findings: none>"


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_groups_by_code_and_keeps_to_its_width(dirty: Dataset, width: int) -> None:
    table = dirty.check().to_table(width, each=2)
    lines = table.splitlines()
    assert max(map(len, lines)) <= width
    heads = [line for line in lines if line and not line.startswith(" ") and " (" in line]
    assert heads[0] == "empty-text (1 error)"  # what stands in the way comes first
    assert "repeated-row (5 warnings)" in heads
    assert heads[-1] == "outer-space (1 info)"
    assert "messages.csv:4, text" in table
    assert "… and 3 more" in table
    assert table.count("data.fix(['repeated-row']) leaves it out.") == 1
    assert "rows 10 ·" in lines[-1] or "rows 10 ·" in lines[-2] or "rows 10 ·" in lines[-3]
    assert "the set, label" in table


def test_a_long_name_leaves_room_for_the_message(tmp_path: Path) -> None:
    path = tmp_path / f"{'long' * 20}.csv"
    path.write_text("text,label\nx,a\nx,a\n", encoding="utf-8")
    lines = Dataset.read(path, Classification()).check().to_table(80).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("is the same as" in line for line in lines)


def test_a_table_shows_texts_as_they_are(tmp_path: Path) -> None:
    rows = [{"text": "x", "label": label} for label in ("[red]a[/red]", ":smile:", "[/]")]
    table = Dataset.from_rows(rows, Classification()).check().to_table()
    assert "'[red]a[/red]'" in table and "':smile:'" in table and "'[/]'" in table
    assert "\x1b" not in table


def test_an_empty_table_says_so() -> None:
    table = Dataset.from_rows([{"text": "x", "spans": [(0, 1, "a")] * 1}] * 1, Extraction()).check()
    assert table.to_table().splitlines()[0] == "no findings"


def test_json_holds_all_of_it(dirty: Dataset) -> None:
    found = dirty.check()
    told = json.loads(found.to_json())
    assert [tuple(one.values()) for one in told["findings"]] == list(found)
    assert told["findings"][0].keys() == {
        "code", "severity", "message", "row", "source", "field", "suggestion",
    }  # fmt: skip
    assert told["counts"] == found.counts
    assert told["figures"] == found.figures


def test_rows_are_annotated_with_what_was_found_of_them(dirty: Dataset) -> None:
    found = dirty.check()
    records = list(found.annotated())
    assert [{**record, "findings": None} for record in records] == [
        {**record, "findings": None} for record in dirty.to("jsonl")
    ]
    assert [[one["code"] for one in record["findings"]] for record in records[:5]] == [
        [],
        ["conflicting-answers"],
        ["empty-text"],
        ["replacement-character"],
        [],
    ]
    assert records[2]["findings"][0]["source"] == "messages.csv:4"
    json.dumps(records)


def test_a_column_of_the_rows_is_not_written_over() -> None:
    rows = [{"text": word, "label": word, "findings": "mine"} for word in "ab"]
    found = Dataset.from_rows(rows, Classification()).check()
    with pytest.raises(InputError, match="under="):
        list(found.annotated())
    (first, _) = found.annotated(under="faults")
    assert first["findings"] == "mine"
    assert first["faults"] == []


def test_a_notebook_shows_the_table_and_no_markup_of_the_texts() -> None:
    rows = [{"text": "<b>x</b>", "label": f"<i>{n}"} for n in range(3)]
    shown = Dataset.from_rows(rows, Classification()).check()._repr_html_()
    assert shown.startswith("<pre>")
    assert "&lt;i&gt;0" in shown and "<i>" not in shown


def test_of_many_findings_the_first_are_listed_and_all_are_counted() -> None:
    count = LISTED + 500
    rows = [{"text": " ", "label": "ab"[n % 2]} for n in range(count)]
    data = Dataset.from_rows(rows, Classification())
    found = data.check(near_duplicates=False)
    assert found.counts["empty-text"] == count
    assert found.counts["repeated-row"] == count - 2
    listed = [one.row for one in found if one.code == "empty-text"]
    assert listed == [*range(LISTED), None]
    repeated = [one.row for one in found if one.code == "repeated-row"]
    assert repeated == [*range(2, LISTED + 2), None]
    (more, _) = (one for one in found if one.row is None and "more findings" in one.message)
    assert more.message == "500 more findings of this kind aren't listed."
    assert more.severity == "error"
    assert f"{count:,} errors" in repr(found)
    assert f"… and {count - 3:,} more" in found.to_table()


def test_conflicts_beyond_what_is_listed_are_counted() -> None:
    rows = [{"text": f"t{n}", "label": side} for side in "ab" for n in range(LISTED + 7)]
    found = Dataset.from_rows(rows, Classification()).check(near_duplicates=False)
    assert found.counts["conflicting-answers"] == LISTED + 7
    conflicts = [one for one in found if one.code == "conflicting-answers"]
    assert [one.row for one in conflicts] == [*range(LISTED + 7, 2 * LISTED + 7), None]
    assert conflicts[-1].message == "7 more findings of this kind aren't listed."


@pytest.mark.torch
def test_a_base_model_is_asked_where_one_is_named(minilm_home: Path) -> None:
    rows = [{"text": text, "label": "a"} for text in ("short", "word " * 2000)]
    data = Dataset.from_rows(rows, Classification())
    found = data.check(model="minilm")
    assert [one.row for one in found if one.code == "text-cut"] == [1]
    assert found.figures["texts_cut"] == 1
    assert "texts_cut" not in data.check().figures
