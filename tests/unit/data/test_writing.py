"""Out again: formats, frames, fingerprints, and files that are whole or not there."""

from __future__ import annotations

import datetime
import decimal
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunekit import (
    Classification,
    ClassificationRow,
    Dataset,
    Extraction,
    Preference,
    PreferenceRow,
    Span,
    Transformation,
)
from tunekit.errors import DataError, InputError, StoreError, UnsupportedTask
from tunekit.tasks.base import Row, Task
from tunekit.testing.strategies import rows

EVERYTHING = frozenset({"context", "overlap", "ties", "ranking"})
TASKS: list[Task] = [Classification(), Transformation(), Extraction(), Preference()]
BY_KIND = pytest.mark.parametrize("task", TASKS, ids=[task.kind for task in TASKS])

ROWS = [
    {"id": "1", "text": "grün\n", "label": "yes", "lang": "de"},
    {"id": "2", "text": '"quoted", really', "label": "007", "lang": "en"},
    {"id": "3", "text": " 😀 ", "label": "True", "lang": "de"},
]


# --- rows as JSONL --------------------------------------------------------------------------------


@BY_KIND
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_rows_written_as_jsonl_are_read_back(
    tmp_path: Path, task: Task, data: st.DataObject
) -> None:
    some = data.draw(st.lists(rows(task, EVERYTHING), min_size=1, max_size=5))
    before = Dataset.from_rows(some, task)
    after = Dataset.read(before.to("jsonl", tmp_path / "rows.jsonl"), task)
    assert list(after) == list(before) == some
    assert after.fingerprint == before.fingerprint
    assert after.task == before.task


def test_meta_and_ids_are_written_behind_the_fields() -> None:
    records = Dataset.from_rows(ROWS, Classification()).to("jsonl")
    assert list(records[0]) == ["id", "text", "label", "lang"]
    assert records == ROWS


def test_spans_are_written_as_objects() -> None:
    data = Dataset.from_rows([{"text": "ab", "spans": [(0, 1, "x")]}], Extraction())
    assert data.to("jsonl") == [{"text": "ab", "spans": [{"start": 0, "end": 1, "label": "x"}]}]


def test_columns_that_are_called_like_a_field_are_written_under_another_name() -> None:
    meta = (("label", "old"), ("meta.label", 1), ("lang", "de"), ("lang", "en"), ("id", "x"))
    row = ClassificationRow(text="a", label="b", meta=meta)
    data = Dataset.from_rows([row], Classification())
    expected = {
        "text": "a",
        "label": "b",
        "meta.label": "old",
        "meta.meta.label": 1,
        "lang": "de",
        "meta.lang": "en",
        "meta.id": "x",
    }
    assert list(data.to("jsonl")) == [expected]


def test_objects_in_meta_are_written_as_objects(tmp_path: Path) -> None:
    record = {"text": "a", "label": "b", "by": {"name": "x", "notes": [{"at": 1}, []]}}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record))
    data = Dataset.read(path, Classification())
    assert list(data.to("jsonl")) == [record]
    assert hash(data[0]) == hash(Dataset.from_rows([record], Classification())[0])


def test_rows_in_memory_that_are_nested_too_deeply_are_named() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    rows = [{"text": "a", "label": "b"}, {"text": "a", "label": "b", "more": deep}]
    with pytest.raises(DataError, match=r"rows\[1\].*nested"):
        Dataset.from_rows(rows, Classification())


def test_what_json_has_no_form_for_is_written_as_text(tmp_path: Path) -> None:
    meta = {"price": decimal.Decimal("1.50"), "day": datetime.date(2026, 1, 31)}
    data = Dataset.from_rows([{"text": "t", "label": "l", **meta}], Classification())
    path = data.to("jsonl", tmp_path / "a.jsonl")
    assert json.loads(path.read_bytes())["price"] == "1.50"
    assert json.loads(path.read_bytes())["day"] == "2026-01-31"


# --- a provider's format --------------------------------------------------------------------------


def test_the_prompt_stands_before_every_row() -> None:
    task = Classification(["yes", "007", "True"], instruction="Sort it.")
    record = Dataset.from_rows(ROWS, task).to("openai-chat")[1]
    system, user, answer = record["messages"]
    assert system == {"role": "system", "content": task.prompt().system}
    assert user == {"role": "user", "content": '"quoted", really'}
    assert answer == {"role": "assistant", "content": "007"}


@BY_KIND
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_conversations_are_read_back_into_the_same_bytes(
    tmp_path: Path, task: Task, data: st.DataObject
) -> None:
    carried = frozenset({"context"}) if task.kind == "preference" else EVERYTHING
    some = data.draw(st.lists(rows(task, carried), min_size=1, max_size=5))
    first = Dataset.from_rows(some, task).to("openai-chat", tmp_path / "first.jsonl")
    again = Dataset.read(first, task, format="openai-chat")
    assert again.to("openai-chat", tmp_path / "again.jsonl").read_bytes() == first.read_bytes()
    assert [json.loads(line) for line in first.read_bytes().splitlines()] == again.to("openai-chat")


def test_examples_are_read_back() -> None:
    data = Dataset.from_rows(ROWS, Classification())
    assert data.to("examples")[0] == {
        "input": {"text": "grün\n"},
        "target": {"weights": [["yes", 1.0]]},
    }


def test_a_task_without_a_shape_for_the_format_says_what_there_is() -> None:
    row = PreferenceRow(question="q", options=("a", "b"), best=0)
    with pytest.raises(UnsupportedTask, match="openai-chat carries chat; preference offers pair"):
        Dataset.from_rows([row], Preference("answer")).to("openai-chat")


def test_an_unknown_format_is_answered_with_a_known_one() -> None:
    data = Dataset.from_rows(ROWS, Classification())
    with pytest.raises(InputError, match="Did you mean 'openai-dpo'"):
        data.to("openai")
    with pytest.raises(InputError, match="Did you mean 'csv'"):
        data.to("cvs")


# --- files that are whole or not there ------------------------------------------------------------


def bad_spans(tmp_path: Path) -> Dataset:
    path = tmp_path / "spans.jsonl"
    good = {"text": "abc", "spans": [[0, 1, "x"]]}
    bad = {"text": "abc", "spans": [[0, 9, "x"]]}
    path.write_text("\n".join(map(json.dumps, [good, bad, good, bad])), encoding="utf-8")
    return Dataset.read(path, Extraction())


@pytest.mark.parametrize("format", ["openai-chat", "examples"])
def test_rows_that_cant_be_written_are_all_named(tmp_path: Path, format: str) -> None:
    data = bad_spans(tmp_path)
    out = tmp_path / "out.jsonl"
    out.write_text("old", encoding="utf-8")
    with pytest.raises(DataError, match="rows that can't be written") as caught:
        data.to(format, out)
    assert [one.source for one in caught.value.findings] == ["spans.jsonl:2", "spans.jsonl:4"]
    assert out.read_text(encoding="utf-8") == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"out.jsonl", "spans.jsonl"}
    assert data.to("jsonl", out) == out  # dirty rows can be written down as they are


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out.jsonl"
    out.write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        Dataset.from_rows(ROWS, Classification()).to("openai-chat", out)
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_text(encoding="utf-8") == "old"


def test_a_source_that_changes_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.jsonl"
    path.write_text("text,label\na,x\n", encoding="utf-8")
    out.write_text("old", encoding="utf-8")
    data = Dataset.read(path, Classification())
    path.write_text("text,label\na,x\nb,y\n", encoding="utf-8")
    with pytest.raises(DataError, match="changed after it was read"):
        data.to("openai-chat", out)
    assert out.read_text(encoding="utf-8") == "old"


def test_a_file_can_be_replaced_by_what_was_read_from_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    Dataset.from_rows(ROWS, Classification()).to("jsonl", path)
    data = Dataset.read(path, Classification())
    data.filter(lambda row: row.label == "yes").to("jsonl", path)
    assert len(Dataset.read(path, Classification())) == 1


# --- fingerprints ---------------------------------------------------------------------------------


def as_csv(folder: Path) -> Dataset:
    import csv

    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["label", "text", "lang", "id"])
        writer.writeheader()
        writer.writerows(ROWS)
    return Dataset.read(folder / "a.csv", Classification())


def as_jsonl(folder: Path) -> Dataset:
    lines = "\n".join(map(json.dumps, ROWS))
    (folder / "a.jsonl").write_text(lines, encoding="utf-8")
    return Dataset.read(folder / "a.jsonl", Classification())


def as_parquet(folder: Path) -> Dataset:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    from pyarrow.parquet import write_table

    write_table(pyarrow.Table.from_pylist(ROWS), folder / "a.parquet")
    return Dataset.read(folder / "a.parquet", Classification())


def as_frame(folder: Path) -> Dataset:
    pandas = pytest.importorskip("pandas", reason="needs the extra pandas")
    return Dataset.from_pandas(pandas.DataFrame(ROWS), Classification())


def as_hub(folder: Path) -> Dataset:
    datasets = pytest.importorskip("datasets", reason="needs the extra hf")
    return Dataset.from_hf(datasets.Dataset.from_list(ROWS), Classification())


@pytest.mark.parametrize("make", [as_csv, as_jsonl, as_parquet, as_frame, as_hub])
def test_the_same_rows_have_the_same_fingerprint(
    tmp_path: Path, make: Callable[[Path], Dataset]
) -> None:
    data, rows = make(tmp_path), Dataset.from_rows(ROWS, Classification())
    assert list(data) == list(rows)
    assert data.fingerprint == rows.fingerprint
    assert data[:].fingerprint == rows.fingerprint
    assert len(rows.fingerprint) == 32


def test_any_change_changes_the_fingerprint() -> None:
    def fingerprint(some: list[Any]) -> str:
        return Dataset.from_rows(some, Classification()).fingerprint

    variants = [
        ROWS,
        ROWS[::-1],
        ROWS[:2],
        [*ROWS, ROWS[0]],
        [{**ROWS[0], "text": "grün"}, *ROWS[1:]],
        [{**ROWS[0], "label": "no"}, *ROWS[1:]],
        [{"text": "a", "label": "bc"}],
        [{"text": "ab", "label": "c"}],
    ]
    assert len({fingerprint(some) for some in variants}) == len(variants)
    assert fingerprint([{**ROWS[0], "id": "x", "lang": "y"}]) == fingerprint(ROWS[:1])


def test_a_fingerprint_stays_what_it_is() -> None:
    data = Dataset.from_rows(ROWS * 100, Classification())
    assert data.fingerprint == GOLDEN
    assert data.filter(lambda row: True).fingerprint == GOLDEN


GOLDEN = "559be1a512a0072688b025c3c6989fb0"


# --- frames ---------------------------------------------------------------------------------------


def test_a_frame_is_read() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra pandas")
    frame = pandas.DataFrame(
        {"Text": ["a", "b"], "label": [1, 2], "note": [None, "x"], "score": [0.5, float("nan")]},
        index=[7, 7],
    )
    data = Dataset.from_pandas(frame, Classification(), columns={"text": "Text"})
    assert [(row.text, row.label, row.meta) for row in data] == [
        ("a", "1", (("note", None), ("score", 0.5))),
        ("b", "2", (("note", "x"), ("score", None))),
    ]
    assert "Text" in frame.columns  # the caller's frame is as it was


def test_gaps_in_a_frame_are_no_numbers() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra pandas")
    frame = pandas.DataFrame(
        {"text": ["ab", "cd"], "label": ["x", None], "start": [0, None], "end": [1, None]}
    )
    assert frame["start"].dtype.kind == "f"
    data = Dataset.from_pandas(frame, Extraction())
    assert [row.spans for row in data] == [(Span(0, 1, "x"),), ()]
    missing = pandas.DataFrame({"text": ["a", None], "label": ["x", float("nan")]})
    with pytest.raises(DataError) as caught:
        Dataset.from_pandas(missing, Classification())
    assert [(one.source, one.message) for one in caught.value.findings] == [
        ("frame[1]", "text is missing."),
        ("frame[1]", "label is missing."),
    ]


def test_lists_in_a_frame_are_lists_of_whatever_kind() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra pandas")
    import numpy

    options = [numpy.array(["a", "b"], dtype=object), ["c", "d"]]
    frame = pandas.DataFrame({"question": ["q", "r"], "options": options, "best": [1, 0]})
    data = Dataset.from_pandas(frame, Preference())
    assert [(row.options, row.best) for row in data] == [(("a", "b"), 1), (("c", "d"), 0)]


def test_a_frame_with_a_wrong_column_is_answered_once() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra pandas")
    frame = pandas.DataFrame({"text": ["a"], "class": ["b"]})
    with pytest.raises(DataError, match=r"no column 'label' \(for label\). It has 'text', 'class'"):
        Dataset.from_pandas(frame, Classification())
    doubled = pandas.DataFrame([["a", "b", "c"]], columns=["text", "label", "label"])
    with pytest.raises(DataError, match="stand twice: 'label'"):
        Dataset.from_pandas(doubled, Classification())


def test_a_frame_comes_back() -> None:
    pytest.importorskip("pandas", reason="needs the extra pandas")
    data = Dataset.from_rows(ROWS, Classification())
    frame = data.to_pandas()
    assert list(frame.columns) == ["id", "text", "label", "lang"]
    again = Dataset.from_pandas(frame, Classification())
    assert list(again) == list(data)


def test_a_hub_data_set_is_read() -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra hf")
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "kind": datasets.ClassLabel(names=["a", "b"]),
        }
    )
    count = 100
    hub = datasets.Dataset.from_dict(
        {
            "text": [f"t{n}" for n in range(count)],
            "label": [n % 2 for n in range(count)],
            "kind": [None if n == 5 else n % 2 for n in range(count)],
        },
        features=features,
    )
    data = Dataset.from_hf(hub, Classification())
    assert [row.label for row in data] == ["neg", "pos"] * (count // 2)
    assert data[5].meta == (("kind", None),)
    assert data[77].text == "t77"
    assert list(Dataset.from_hf(data.to_hf(), Classification())) == list(data)


def test_unlabelled_parts_of_the_hub_are_no_rows() -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra hf")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    hub = datasets.Dataset.from_dict({"text": ["a"], "label": [-1]}, features=features)
    with pytest.raises(DataError, match="label is missing"):
        Dataset.from_hf(hub, Classification())


def test_several_parts_of_the_hub_are_no_data_set() -> None:
    datasets = pytest.importorskip("datasets", reason="needs the extra hf")
    part = datasets.Dataset.from_dict({"text": ["a"], "label": ["x"]})
    with pytest.raises(InputError, match=r"dataset\['train'\]"):
        Dataset.from_hf(datasets.DatasetDict({"train": part}), Classification())


def test_rows_are_rows_whatever_they_went_through(tmp_path: Path) -> None:
    data = Dataset.from_rows(ROWS, Classification())
    assert all(isinstance(row, Row) for row in data)
    assert repr(data) == "<Dataset rows: 3 rows of classification>"
    assert data.name == "rows"


def test_a_format_that_would_lose_a_ranking_refuses_it() -> None:
    rows = [
        {"question": "q", "options": ["a", "b", "c"], "ranks": [0, 1, 2]},
        {"question": "r", "options": ["a", "b"], "best": 1},
    ]
    data = Dataset.from_rows(rows, Preference())
    with pytest.raises(UnsupportedTask, match=r"ranking \(1 rows\)"):
        data.to("openai-chat")
    assert len(data.to("examples")) == 2
    assert len(data.filter(lambda row: row.best is not None).to("openai-chat")) == 1
