"""Rows as tables: exact bytes, what a table can't hold, and files that stay as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunekit import (
    Classification,
    ClassificationRow,
    Dataset,
    Extraction,
    Preference,
    PreferenceRow,
)
from tunekit.errors import DataError, InputError, UnsupportedTask

ROWS = [
    {"id": "1", "text": 'a "b", c', "label": "yes", "lang": "de"},
    {"id": "2", "text": "d\r\ne", "label": "007", "votes": [1, 2]},
]
DATA = Dataset.from_rows(ROWS, Classification())


def test_a_list_has_a_record_a_line(tmp_path: Path) -> None:
    path = DATA.to("json", tmp_path / "rows.json")
    assert path.read_text(encoding="utf-8").splitlines()[0::3] == ["[", "]"]
    assert json.loads(path.read_bytes()) == ROWS == DATA.to("json")
    assert DATA[:0].to("json", path).read_bytes() == b"[]\n"


def test_a_table_has_every_column_of_any_row(tmp_path: Path) -> None:
    path = DATA.to("csv", tmp_path / "rows.csv")
    assert path.read_bytes().decode() == (
        '"text","label","id","lang","votes"\n'
        '"a ""b"", c","yes","1","de",""\n'
        '"d\r\ne","007","2","","[1,2]"\n'
    )
    assert DATA.to("tsv", tmp_path / "rows.tsv").read_bytes().startswith(b'"text"\t"label"\t"id"')
    assert DATA.to("csv") == ROWS


def test_a_table_without_rows_has_the_columns_of_its_task(tmp_path: Path) -> None:
    path = DATA[:0].to("csv", tmp_path / "rows.csv")
    assert path.read_text(encoding="utf-8") == '"text","label"\n'


def test_many_portions_are_one_table(tmp_path: Path) -> None:
    rows = [ClassificationRow(text=f"t{n}", label=str(n % 3)) for n in range(1000)]
    data = Dataset.from_rows(rows, Classification())
    for name in ("csv", "tsv", "json"):
        path = data.to(name, tmp_path / f"rows.{name}")
        assert list(Dataset.read(path, Classification())) == rows, name


@pytest.mark.parametrize(
    ("row", "field", "why"),
    [
        ({"text": "a\0b", "label": "x"}, "text", "NUL"),
        ({"text": "a", "label": "x", "note": "\0"}, "note", "NUL"),
        ({"text": "a", "label": "x", "no\0te": "n"}, "no\0te", "NUL"),
        ({"text": "a", "label": "x", "": "n"}, "", "column without a name"),
    ],
)
def test_what_no_table_can_hold_is_named(
    tmp_path: Path, row: dict[str, str], field: str, why: str
) -> None:
    data = Dataset.from_rows([ROWS[0], row, row], Classification())
    out = tmp_path / "rows.csv"
    out.write_text("old", encoding="utf-8")
    with pytest.raises(DataError, match=f"{why}.* Format 'jsonl' holds everything") as caught:
        data.to("csv", out)
    assert [(one.source, one.field) for one in caught.value.findings] == [
        ("rows[1]", field),
        ("rows[2]", field),
    ]
    assert out.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_context_of_some_rows_has_no_place_in_a_table(tmp_path: Path) -> None:
    rows = [{"text": "a", "context": "c"}, {"text": "b"}, {"text": "d"}]
    data = Dataset.from_rows(rows, Extraction())
    with pytest.raises(UnsupportedTask, match="1 of 3 rows have a context"):
        data.to("csv", tmp_path / "rows.csv")
    for part in (data[:1], data[1:]):
        path = part.to("csv", tmp_path / "rows.csv")
        assert list(Dataset.read(path, Extraction())) == list(part)


def test_rows_with_best_and_rows_with_ranks_share_a_table(tmp_path: Path) -> None:
    rows = [
        PreferenceRow(question="q", options=("a", "b, c", 'd"'), best=1),
        PreferenceRow(question="r", options=("a", "b", "c"), ranks=(0, 0, 1)),
    ]
    path = Dataset.from_rows(rows, Preference()).to("csv", tmp_path / "rows.csv")
    assert list(Dataset.read(path, Preference())) == rows


def test_a_training_file_that_is_called_json_is_a_list(tmp_path: Path) -> None:
    listed = DATA.to("alpaca", tmp_path / "rows.json")
    lines = DATA.to("alpaca", tmp_path / "rows.jsonl")
    assert json.loads(listed.read_bytes()) == DATA.to("alpaca")
    assert [json.loads(line) for line in lines.read_bytes().splitlines()] == DATA.to("alpaca")
    assert len(DATA.to("jsonl", tmp_path / "rows.json").read_bytes().splitlines()) == 2


def test_what_is_only_read_is_not_written() -> None:
    with pytest.raises(InputError, match="no format 'parquet' is written"):
        DATA.to("parquet")


def test_a_row_has_one_round_in_alpaca_and_no_context() -> None:
    rows = [{"text": "ab", "spans": [[0, 1, "x"]], "context": "c"}, {"text": "b"}]
    data = Dataset.from_rows(rows, Extraction())
    for name in ("alpaca", "sharegpt"):
        with pytest.raises(UnsupportedTask, match=rf"{name} would lose context \(1 rows\)"):
            data.to(name)
    assert [len(one["prompt"]) for one in data.to("trl-prompt-completion")] == [3, 2]


@pytest.mark.parametrize("name", ["alpaca-ranking", "sharegpt-ranking", "trl-preference"])
def test_equal_answers_are_not_written_as_a_pair(name: str) -> None:
    rows = [
        {"question": "q", "options": ["a", "b"], "best": 0},
        {"question": "r", "options": ["a", "a"], "best": 0},
    ]
    data = Dataset.from_rows(rows, Preference("answer"))
    with pytest.raises(DataError, match="equal") as caught:
        data.to(name)
    assert [one.source for one in caught.value.findings] == ["rows[1]"]
