"""JSON, JSONL, Parquet, a provider's training file; formats and options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tunekit import (
    Classification,
    Dataset,
    Extraction,
    Preference,
    Span,
    Transformation,
    TransformationRow,
)
from tunekit.errors import DataError, InputError

ROWS = [{"text": "a", "label": "x", "n": 1}, {"text": "b\n", "label": "y", "n": None}]


def jsonl(path: Path, *records: Any) -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refused(path: Path, task: Any = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        Dataset.read(path, task or Classification(), **options)
    return caught.value


# --- JSONL ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JSONL"])
def test_jsonl_is_read(tmp_path: Path, name: str) -> None:
    data = Dataset.read(jsonl(tmp_path / name, *ROWS), Classification())
    assert [(row.text, row.label, row.get("n")) for row in data] == [
        ("a", "x", 1),
        ("b\n", "y", None),
    ]


def test_broken_json_is_named_with_its_line(tmp_path: Path) -> None:
    good = [{"text": str(number), "label": "x"} for number in range(6)]
    path = jsonl(tmp_path / "a.jsonl", *good, '{"text": "seven", "label": }', "", "[1]", *good)
    error = refused(path)
    assert [one.source for one in error.findings] == ["a.jsonl:7", "a.jsonl:9"]
    assert "no JSON" in error.findings[0].message
    assert "column 28" in error.findings[0].message
    assert "is list, not an object" in error.findings[1].message
    data = Dataset.read(path, Classification(), on_error="skip")
    assert len(data) == 12
    assert len(data.misread) == 2
    assert data[6].text == "0"
    assert [data.place(line) for line, _ in data.numbered()][6] == "a.jsonl:10"


def test_all_that_is_wrong_with_a_record_is_said_at_once(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": True, "label": 1.5}, {"text": None, "x": 1}, {})
    found = refused(path).findings
    assert [(one.source, one.field) for one in found] == [
        ("a.jsonl:1", "text"),
        ("a.jsonl:1", "label"),
        ("a.jsonl:2", "text"),
        ("a.jsonl:2", "label"),
        ("a.jsonl:3", "text"),
        ("a.jsonl:3", "label"),
    ]
    messages = [one.message for one in found]
    assert "text is bool" in messages[0]
    assert "Write it as a text, 'True'." in messages[0]
    assert "Write it as a text, '1.5'." in messages[1]
    assert messages[2] == "text is missing."
    assert messages[3] == "there is no label. It has 'x': say columns={'label': …}."
    assert messages[4] == "there is no text."


def test_whole_numbers_become_their_digits_and_nothing_else_does(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl", {"id": 7, "text": 12, "label": 1}, {"text": "007", "label": "1"}
    )
    data = Dataset.read(path, Classification())
    assert [(row.text, row.label) for row in data] == [("12", "1"), ("007", "1")]
    assert data[0].id == "7"
    assert data.task.labels == ("1",)
    for label in (True, 1.0, [1], {"a": 1}, None):
        assert "label" in str(refused(jsonl(tmp_path / "b.jsonl", {"text": "x", "label": label})))


@pytest.mark.parametrize("label", ["yes", "no", "True", "1", "007", "null", " x", "Ünï 😀"])
def test_texts_stay_as_they_are(tmp_path: Path, label: str) -> None:
    (row,) = Dataset.read(
        jsonl(tmp_path / "a.jsonl", {"text": "t", "label": label}), Classification()
    )
    assert row.label == label


def test_other_keys_are_kept_and_frozen(tmp_path: Path) -> None:
    record = {"text": "a", "label": "b", "tags": ["x", {"y": [1]}]}
    (row,) = Dataset.read(jsonl(tmp_path / "a.jsonl", record), Classification())
    assert row.meta == (("tags", ("x", (("y", (1,)),))),)


def test_jsonl_in_other_encodings(tmp_path: Path) -> None:
    line = '{"text": "grün", "label": "x"}\n'
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line.encode())
    assert Dataset.read(path, Classification())[0].text == "grün"
    path.write_bytes(line.encode("cp1252"))
    assert "a.jsonl:1: byte 0xfc" in str(refused(path))
    assert Dataset.read(path, Classification(), encoding="cp1252")[0].text == "grün"
    path.write_bytes((line * 3).encode("utf-16"))
    assert "encoding='utf-16'" in str(refused(path))
    data = Dataset.read(path, Classification(), encoding="utf-16")
    assert len(data) == 3
    assert data[2].text == "grün"


def test_separators_inside_texts_end_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "a\u2028b\x85c"
    path.write_text(json.dumps({"text": text, "label": "x"}, ensure_ascii=False), encoding="utf-8")
    assert Dataset.read(path, Classification())[0].text == text


# --- JSON -----------------------------------------------------------------------------------------


def test_a_json_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS, indent=1), encoding="utf-8-sig")
    data = Dataset.read(path, Classification())
    assert [row.text for row in data] == ["a", "b\n"]
    assert data.place(1) == "a.json[1]"
    assert data[1].label == "y"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[{"text": "a"},\n{]', "a.json:2: no JSON"),
        (b'{"text": "a"}\n{"text": "b"}', "format='jsonl'"),
        (b'{"text": "a"}', "holds dict, not a list"),
        (b"", "no JSON"),
        (b"[]", "no rows"),
        (b'["a"]', "a.json[0]: is str, not an object"),
        ("[ü]".encode("cp1252"), "byte 1 is no utf-8"),
    ],
)
def test_what_is_no_json_list_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert said in str(refused(path))


def test_json_in_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS), encoding="utf-16")
    assert "encoding='utf-16'" in str(refused(path))
    assert len(Dataset.read(path, Classification(), encoding="utf-16")) == 2


# --- Parquet --------------------------------------------------------------------------------------


def parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    from pyarrow.parquet import write_table

    write_table(pyarrow.table(columns), path, **options)
    return path


def test_parquet_is_read(tmp_path: Path) -> None:
    columns = {"Text": ["a", "b", "007"], "label": [1, 2, 3], "when": [None, 1.5, 2.5]}
    path = parquet(tmp_path / "a.parquet", columns)
    data = Dataset.read(path, Classification(), columns={"text": "Text"})
    assert [(row.text, row.label, row.get("when")) for row in data] == [
        ("a", "1", None),
        ("b", "2", 1.5),
        ("007", "3", 2.5),
    ]


def test_parquet_is_read_from_the_middle(tmp_path: Path) -> None:
    count = 5000
    columns = {"text": [f"t{n}" for n in range(count)], "label": ["x", "y"] * (count // 2)}
    path = parquet(tmp_path / "a.pq", columns, row_group_size=700)
    data = Dataset.read(path, Classification())
    for position in (0, 31, 32, 699, 700, 1723, 1724, 4999):
        assert data[position].text == f"t{position}"
    assert [row.text for row in data[4990:]] == [f"t{n}" for n in range(4990, 5000)]


def test_nested_parquet_is_read(tmp_path: Path) -> None:
    spans = [[{"start": 0, "end": 1, "label": "x"}], []]
    path = parquet(tmp_path / "a.parquet", {"text": ["ab", "c"], "spans": spans})
    assert [row.spans for row in Dataset.read(path, Extraction())] == [(Span(0, 1, "x"),), ()]
    path = parquet(
        tmp_path / "b.parquet", {"question": ["q"], "options": [["a", "b"]], "best": [1]}
    )
    assert Dataset.read(path, Preference())[0].best == 1


def test_what_is_wrong_with_parquet_is_said(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["a", "b"], "label": [True, None]})
    found = refused(path).findings
    assert [one.source for one in found] == ["a.parquet[0]", "a.parquet[1]"]
    assert "Write it as a text, 'True'" in found[0].message
    assert "no column 'label'" in str(refused(parquet(tmp_path / "b.parquet", {"text": ["a"]})))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 not really PAR1")
    assert "no Parquet file" in str(refused(tmp_path / "c.parquet"))
    whole = path.read_bytes()
    path.write_bytes(whole[:10] + b"\xff" * 20 + whole[30:])
    assert "a.parquet" in str(refused(path))


# --- a provider's file ----------------------------------------------------------------------------


def conversation(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ["system", *["user"] * (len(texts) - 2), "assistant"]
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    return {"messages": messages, **more}


def test_a_training_file_is_read_back_into_rows(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", conversation("Edit.", "teh", "the", note=[1]))
    (row,) = Dataset.read(path, Transformation(), format="openai-chat")
    assert (row.input, row.output, row.meta) == (
        "teh",
        "the",
        (("system", "Edit."), ("note", (1,))),
    )


def test_what_is_no_row_of_the_task_is_named(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        conversation("Extract.", "in Rome", '[{"type":"city","text":"Rome"}]'),
        conversation("Extract.", "in Rome", '[{"type":"city","text":"Oslo"}]'),
        {"messages": [{"role": "user", "content": "x"}]},
        {"prompt": "x"},
        conversation("Extract.", "a", "b", "c", "[]"),
    )
    error = refused(path, Extraction(), format="openai-chat")
    assert [(one.source, one.field) for one in error.findings] == [
        ("a.jsonl:2", "spans"),
        ("a.jsonl:3", "messages"),
        ("a.jsonl:4", "messages"),
        ("a.jsonl:5", None),
    ]
    data = Dataset.read(path, Extraction(), format="openai-chat", on_error="skip")
    assert [row.spans for row in data] == [(Span(3, 7, "city"),)]


def test_values_of_the_wrong_type_are_findings_too(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"input": {"text": 5}, "target": {"weights": [["x", 1.0]]}})
    assert "int is no text" in str(refused(path, format="examples"))


@pytest.mark.parametrize("option", [{"columns": {"text": "a"}}, {"best_from": 1}])
def test_a_training_file_takes_no_options(tmp_path: Path, option: dict[str, Any]) -> None:
    path = jsonl(tmp_path / "a.jsonl", conversation("s", "u", "a"))
    with pytest.raises(InputError, match="says itself what is what"):
        Dataset.read(path, Preference(), format="openai-chat", **option)


# --- formats, options, paths ----------------------------------------------------------------------


def test_an_ending_that_says_nothing_is_answered_with_the_formats(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "data.txt", *ROWS)
    with pytest.raises(InputError, match=r"'.txt' says no format. Give format=, one of csv"):
        Dataset.read(path, Classification())
    assert len(Dataset.read(path, Classification(), format="jsonl")) == 2
    with pytest.raises(InputError, match="Did you mean 'jsonl'"):
        Dataset.read(path, Classification(), format="jsonll")


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        (Classification(), {"best_from": 1}, "no reader option 'best_from' for classification"),
        (Classification(), {"delimiter": ";"}, "no reader option 'delimiter'"),
        (Preference(), {"best_form": 1}, "Did you mean 'best_from'"),
        (Preference(), {"best_from": 2}, "best_from=2: it is one of 0, 1"),
        (Preference(), {"best_from": True}, "best_from=True: it is one of 0, 1"),
        (Extraction(), {"ends": "inclusiv"}, "it is one of 'exclusive', 'inclusive'"),
        (Classification(), {"encoding": 5}, "encoding is int"),
        (Classification(), {"on_error": "ignore"}, "'raise' or 'skip'"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, task: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        Dataset.read(jsonl(tmp_path / "a.jsonl", *ROWS), task, **options)


def test_parquet_has_no_encoding(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"text": ["a"], "label": ["b"]})
    with pytest.raises(InputError, match="encoding"):
        Dataset.read(path, Classification(), encoding="utf-8")


def test_a_task_is_an_object(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="task=Classification is no task"):
        Dataset.read(jsonl(tmp_path / "a.jsonl", *ROWS), Classification)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="task=str is no task"):
        Dataset.from_rows([], "classification")  # type: ignore[arg-type]


def test_a_field_that_a_row_doesnt_have_is_said() -> None:
    row = TransformationRow(input="a", output="b")
    with pytest.raises(DataError) as caught:
        Dataset.from_rows([row], Classification())
    messages = [one.message for one in caught.value.findings]
    assert messages == [
        "there is no text.",
        "there is no label.",
        "'input' is no field of a row.",
        "'output' is no field of a row.",
    ]


def test_a_path_that_is_no_file_is_said(tmp_path: Path) -> None:
    assert "isn't there" in str(refused(tmp_path / "none.csv"))
    (tmp_path / "folder.csv").mkdir()
    assert "is no file" in str(refused(tmp_path / "folder.csv"))
    assert "Check the path" in str(refused(Path("a\0b.csv")))
