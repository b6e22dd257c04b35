"""OpenAI's training files, our own and as others write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Preference, PreferenceRow, Transformation
from tunekit.errors import DataError
from tunekit.findings import Finding
from tunekit.formats.base import Header, Undecoded
from tunekit.formats.openai_completions import SEPARATOR, STOP, OpenAICompletions, prompt_of
from tunekit.formats.openai_dpo import OpenAIDPO
from tunekit.shapes import Example, Said, Turn, Turns
from tunekit.tasks.base import Task
from tunekit.testing.samples import SAMPLES

OFFERED = [{"type": "function", "function": {"name": "get", "parameters": {}}}]
USER, ANSWER, WORSE = (
    {"role": role, "content": text}
    for role, text in (("user", "u"), ("assistant", "complaint"), ("assistant", "praise"))
)
LESS = "non_preferred_output"


def read(folder: Path, *records: Any, task: Task, name: str) -> Dataset:
    """Records as a data set, in one of OpenAI's formats."""
    path = folder / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return Dataset.read(path, task, format=f"openai-{name}")


def test_tools_that_nobody_calls_and_weights_come_along(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "Late again"}
    answer = {"role": "assistant", "content": "complaint", "weight": 1}
    records = [
        {"messages": [asked, answer], "tools": OFFERED, "parallel_tool_calls": False},
        {"messages": [asked, {**answer, "weight": 0}]},
        {"messages": [asked, {"role": "assistant", "content": None, "tool_calls": OFFERED}]},
        {"messages": [asked, answer, asked, answer]},
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    data = Dataset.read(path, Classification(), format="openai-chat", on_error="skip")
    (row,) = data
    assert (row.text, row.label) == ("Late again", "complaint")
    assert row.get("weight") == 1
    assert row.get("parallel_tool_calls") is False
    assert "get" in str(row.get("tools"))
    said = [(one.field, one.message) for one in data.misread]
    assert [field for field, _ in said] == ["messages[1]", "messages[1]", "turn 2"]
    assert "weight 0" in said[0][1] and "calls a tool" in said[1][1]


def test_a_weight_of_the_record_is_not_that_of_the_answer(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "a"}, {**ANSWER, "weight": 1}]
    record = {"messages": messages, "weight": 7, "tools": "[]"}
    (row,) = read(tmp_path, record, task=Transformation(), name="chat")
    assert dict(row.meta) == {"weight": 7, "answer_weight": 1}


CARRIED = [
    *(
        (name, sample)
        for name in ("openai-chat", "openai-completions")
        for sample in ("classification", "transformation", "extraction", "preference-choose")
    ),
    ("openai-dpo", "preference-answer"),
]


@pytest.mark.parametrize(("name", "sample"), CARRIED)
def test_a_training_file_gives_the_task_back(name: str, sample: str, tmp_path: Path) -> None:
    there = SAMPLES[sample]
    rows = [row for row in there.rows if not {"ranking", "ties"} & set(there.task.needs(row))]
    if sample == "preference-answer":
        rows = [row for row in there.rows if len(row.options) == 2]
    data = Dataset.from_rows(rows, there.task)
    path = data.to(name, tmp_path / "train.jsonl")
    again = Dataset.read(path, there.task, format=name)
    assert len(rows) and list(map(said_by, again)) == list(map(said_by, data))
    # The file says the task's words, labels included, so that there is nothing to tell.
    assert "system-turn" not in again.check().counts


def said_by(row: Any) -> Any:
    """What a row says, whatever the order of its options."""
    if isinstance(row, PreferenceRow):
        options = frozenset(zip(row.options, row.order, strict=True))
        return row.question, options, row.context
    return row.content


@pytest.mark.parametrize(("name", "sample"), CARRIED)
def test_a_training_file_that_is_taken_for_a_table_says_what_it_is(
    name: str, sample: str, tmp_path: Path
) -> None:
    there = SAMPLES[sample]
    rows = [row for row in there.rows if not {"ranking", "ties"} & set(there.task.needs(row))]
    data = Dataset.from_rows(rows or there.rows, there.task)
    for file in ("train.jsonl", "train.json"):  # a record a line, and one list
        path = data.to(name, tmp_path / file)
        with pytest.raises(DataError, match=rf"training file\. Read it with format='{name}'\."):
            Dataset.read(path, there.task)


def test_layouts_that_look_alike_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    both = "format='openai-completions' or format='trl-prompt-completion'"
    with pytest.raises(DataError, match=both):
        Dataset.read(path, Classification(), on_error="skip")
    path.write_text('{"a": 1}\n[]\n', encoding="utf-8")
    with pytest.raises(DataError, match="2 of 2 records"):
        Dataset.read(path, Classification())


def test_a_pair_by_somebody_else_is_read(tmp_path: Path) -> None:
    answers = {"preferred_output": [ANSWER], "non_preferred_output": [WORSE]}
    asked = {"messages": [USER], "tools": [], "parallel_tool_calls": True}
    record = {"input": asked, **answers, "score": 3}
    (row,) = read(tmp_path, record, task=Preference("answer"), name="dpo")
    assert (row.question, row.options, row.best) == ("u", ("complaint", "praise"), 0)
    assert row.get("score") == 3
    assert dict(row.get("input")) == {"parallel_tool_calls": True}


@pytest.mark.parametrize(
    ("record", "field", "message"),
    [
        ({"preferred_completion": [ANSWER]}, "preferred_completion", "every"),
        ({"preferred_output": [ANSWER], "non_preferred_output": [ANSWER]}, LESS, "are equal"),
        ({"preferred_output": [ANSWER, ANSWER]}, "preferred_output", "2 messages"),
        ({"preferred_output": [USER]}, "preferred_output[0]", "by user"),
        ({"input": {"messages": [USER], "tools": OFFERED}}, "input", "tools"),
        ({"input": {"messages": []}}, "input.messages", "no list"),
        ({"input": "u"}, "input", "str, not an object"),
    ],
)
def test_what_is_no_pair_is_said(record: dict[str, Any], field: str, message: str) -> None:
    found = OpenAIDPO().decode({"input": {"messages": [USER]}, **record}, Header())
    assert isinstance(found, Undecoded)
    assert found.field == field and message in found.message


def test_what_models_were_told_is_said_once_for_a_set(tmp_path: Path) -> None:
    def told(*words: str) -> list[Finding]:
        records = [
            {"messages": [{"role": "system", "content": one}, {**USER, "content": f"{at}"}, ANSWER]}
            for at, one in enumerate(words)
        ]
        data = read(tmp_path, *records, task=Transformation("Be brief."), name="chat")
        return [one for one in data.check() if one.code == "system-turn"]

    assert told("Be brief.", "Be brief.") == []
    (alike,) = told("Sing.", "Sing.", "Be brief.")
    assert alike.severity == "info" and alike.row is None
    assert "2 of 3 rows came with the system turn 'Sing.'" in alike.message
    assert alike.suggestion and "Transformation(instruction=…)" in alike.suggestion
    (different,) = told("Sing.", "Dance.")
    assert "2 different system turns, such as 'Sing.'" in different.message
    # A column of a table that is called so is nobody's system turn.
    rows = [{"input": "a", "output": "b", "system": "iOS"}]
    assert "system-turn" not in Dataset.from_rows(rows, Transformation()).check().counts


def test_a_legacy_file_by_somebody_else_is_read(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "Late again ->", "completion": " complaint\\n"}\n', "utf-8")
    (row,) = Dataset.read(path, Classification(), format="openai-completions")
    assert (row.text, row.label) == ("Late again ->", "complaint")


PIECES = st.text(st.sampled_from("a#\n END"), max_size=12) | st.sampled_from([SEPARATOR, STOP])


@given(PIECES, PIECES, PIECES, PIECES)
def test_prompts_read_back_or_are_refused(
    system: str, context: str, text: str, answer: str
) -> None:
    wire = OpenAICompletions()
    turns = (Turn("system", system), Turn("user", context), Turn("user", text))
    example = Example(Turns(turns), Said(answer))
    try:
        record = wire.encode(example, Header())
    except ValueError:
        refused = [STOP in answer, *("###" in one for one in (system, context, text))]
        assert any(refused)
        return
    assert record["prompt"] == prompt_of(example.input)
    assert record["completion"].startswith(" ") and record["completion"].endswith(STOP)
    assert wire.decode(record, Header()) == example


@pytest.mark.parametrize(
    "turns",
    [
        (),
        (Turn("user", "context"), Turn("user", "text")),
        (Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")),
    ],
)
def test_what_a_prompt_has_no_place_for_is_refused(turns: tuple[Turn, ...]) -> None:
    with pytest.raises(ValueError, match="earlier rounds"):
        prompt_of(Turns(turns))
