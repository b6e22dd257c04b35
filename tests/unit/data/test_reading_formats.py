"""Files of other tools: lists and lines of JSON records, and files that are mutated."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tunekit import Classification, Dataset, Extraction
from tunekit.data import lines
from tunekit.errors import DataError

CONLL = "data/annotation_formats/conll"
SPACY = "data/annotation_formats/spacy"


def file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: Any) -> Dataset:
    return Dataset.read(path, Extraction(), **options)


def refused(path: Path, task: Any = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        Dataset.read(path, task or Extraction(), **options)
    return caught.value


# --- JSON records of a codec ----------------------------------------------------------------------

RECORD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps([RECORD, RECORD], indent=1)),
        ("a.json", " \n" + json.dumps([RECORD, RECORD])),
        ("a.json", f"{json.dumps(RECORD)}\n{json.dumps(RECORD)}\n"),
        ("a.jsonl", f"{json.dumps(RECORD)}\n{json.dumps(RECORD)}\n"),
        ("a.txt", f"\n{json.dumps(RECORD)}\n{json.dumps(RECORD)}"),
        ("a.txt", json.dumps([RECORD, RECORD])),
        ("a", "\ufeff" + json.dumps([RECORD, RECORD])),
    ],
)
def test_records_are_read_as_a_list_and_as_lines(tmp_path: Path, name: str, content: str) -> None:
    data = Dataset.read(file(tmp_path / name, content), Classification(), format="openai-chat")
    assert [(row.text, row.label) for row in data] == [("a", "b")] * 2


@pytest.mark.parametrize("name", ["a.json", "a.txt"])
def test_a_list_may_be_longer_than_any_line(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT", 1000)
    path = file(tmp_path / name, json.dumps([RECORD] * 3000))
    assert len(Dataset.read(path, Classification(), format="openai-chat")) == 3000


def test_a_list_names_the_record_that_is_wrong(tmp_path: Path) -> None:
    good = [{**RECORD, "n": number} for number in range(40)]
    path = file(tmp_path / "a.json", json.dumps([*good, 3, {"messages": []}, *good]))
    error = refused(path, Classification(), format="openai-chat")
    assert [one.source for one in error.findings] == ["a.json[40]", "a.json[41]"]
    data = Dataset.read(path, Classification(), format="openai-chat", on_error="skip")
    assert [data[at].get("n") for at in (79, 0, 41)] == [39, 0, 1]
    assert [row.get("n") for row in data[38:42]] == [38, 39, 0, 1]


@pytest.mark.parametrize("content", ["{", "[", "", "[1,", '{\n "a": 1\n}', '"text"', "3"])
def test_what_is_no_list_is_a_data_error(tmp_path: Path, content: str) -> None:
    refused(file(tmp_path / "a.json", content), Classification(), format="openai-chat")


SAID = {"role": "system", "content": "Answer like a pirate."}
NAMED_TALK = {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}


@pytest.mark.parametrize(
    ("format", "record", "meta"),
    [
        ("openai-chat", {"messages": [SAID, *RECORD["messages"]]}, {"system": SAID["content"]}),
        ("openai-chat", RECORD, {}),
        ("alpaca", {"instruction": "a", "output": "b", "system": "S"}, {"system": "S"}),
        ("sharegpt", {**NAMED_TALK, "system": "S"}, {"system": "S"}),
        (
            "sharegpt",
            {
                "conversations": [{"from": "system", "value": "T"}, *NAMED_TALK["conversations"]],
                "system": "S",
            },
            {"system": "S", "system_turn": "T"},
        ),
        ("sharegpt", {**NAMED_TALK, "system": "Classify the text."}, {}),
    ],
)
def test_what_a_model_was_told_is_kept_unless_the_task_says_it(
    tmp_path: Path, format: str, record: Any, meta: dict[str, str]
) -> None:
    path = file(tmp_path / "a.jsonl", json.dumps(record))
    (row,) = Dataset.read(path, Classification(), format=format)
    assert (row.text, row.label) == ("a", "b") and dict(row.meta) == meta


@pytest.mark.parametrize(("given", "kept"), [("r7", "r7"), (7, "7"), ("", None), ([7], None)])
def test_the_id_of_a_record_is_the_id_of_the_row(tmp_path: Path, given: Any, kept: Any) -> None:
    path = file(tmp_path / "a.jsonl", json.dumps({**RECORD, "id": given, "lang": "de"}))
    (row,) = Dataset.read(path, Classification(), format="openai-chat")
    assert row.given_id == kept
    rest = {} if kept else {"id": tuple(given) if isinstance(given, list) else given}
    assert dict(row.meta) == {"lang": "de", **rest}


def test_a_file_of_which_nothing_can_be_read_is_answered_in_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.data.table.KEPT", 3)
    rows = [json.dumps({"text": 1.5, "label": None})] * 10 + ['{"text": "a", "label": "b"}']
    path = file(tmp_path / "a.jsonl", "\n".join(rows))
    error = refused(path, Classification())
    assert "10 of 11 records" in str(error) and "7 more records" in error.findings[-1].message
    assert len(error.findings) == 3 * 2 + 1
    data = Dataset.read(path, Classification(), on_error="skip")
    assert len(data) == 1 and data.misread == error.findings


def test_what_is_nested_too_deeply_to_be_written_is_not_kept(tmp_path: Path) -> None:
    deep = "[" * 1000 + "]" * 1000
    records = [f'{{"messages": {json.dumps(RECORD["messages"])}, "x": {x}}}' for x in ("1", deep)]
    path = file(tmp_path / "a.jsonl", "\n".join(records))
    error = refused(path, Classification(), format="openai-chat")
    assert [one.source for one in error.findings] == ["a.jsonl:2"]
    assert "nested over 100 levels" in error.findings[0].message


# --- mutated files --------------------------------------------------------------------------------


def mutated(content: bytes, chance: random.Random) -> bytes:
    kind = chance.randrange(6)
    if kind == 0:
        return content[: chance.randrange(len(content))]
    if kind == 1:
        changed = bytearray(content)
        for _ in range(chance.randint(1, 20)):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        return bytes(changed)
    if kind == 2:
        return content.decode("utf-8", "replace").encode(
            chance.choice(["utf-16", "utf-16-le", "utf-32", "utf-7"])
        )
    if kind == 3:
        at = chance.randrange(len(content))
        return content[:at] + chance.randbytes(chance.randint(1, 400)) + content[at:]
    if kind == 4:
        return content.replace(b"\n", chance.choice([b"", b"\r", b"\n\n", b"\0", b"\x85"]))
    parts = content.split(chance.choice([b"\n", b"\t", b" ", b'"']))
    chance.shuffle(parts)
    return b"\t".join(parts)


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        f"{CONLL}/wnut17_test.multitag.conll",
        f"{CONLL}/mobie_de_dev.head1200.conll2003",
        f"{SPACY}/v2_iob/ner-sent-per-line.iob",
        f"{SPACY}/v3_spancat_train.json",
        f"{SPACY}/v2_iob/ner-sent-per-line.json",
        f"{SPACY}/v3_demo.spacy",
    ],
)
def test_mutated_files_give_rows_or_a_data_error(shared: Path, tmp_path: Path, name: str) -> None:
    if name.endswith(".spacy"):
        pytest.importorskip("spacy", reason="spacy not installed (extra: spacy)")
    whole = (shared / name).read_bytes()
    chance = random.Random(name)
    format = "conll" if "conll" in name or name.endswith("iob") else "spacy"
    path = tmp_path / Path(name).name
    outcomes: Counter[str] = Counter()
    for _ in range(60):
        path.write_bytes(mutated(whole, chance))
        try:
            data = read(path, format=format, on_error="skip")
            assert sum(1 for _ in data) == len(data)
            assert all(
                isinstance(row.text, str) and data[at] == row
                for at, row in enumerate(data)
                if at % 7 == 0
            )
            outcomes["rows"] += 1
        except DataError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 5
    assert outcomes["rows"] > 5 or name.endswith(".spacy")


@pytest.mark.parametrize("unit", ["wort\tO ", "x", "a|O ", "\t", "[", '{"a":'])
@pytest.mark.parametrize("name", ["a.conll", "a.spacy"])
def test_one_very_long_line(tmp_path: Path, name: str, unit: str) -> None:
    path = file(tmp_path / name, "a\tO\nb\tB-X\n\n" * 3 + unit * ((20 << 20) // len(unit)) + "\n")
    if name == "a.conll":
        assert len(read(path, on_error="skip")) >= 3
    else:
        refused(path)
