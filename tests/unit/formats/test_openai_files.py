"""OpenAI's training files, our own and as others write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Classification, Dataset
from tunekit.formats.base import Header
from tunekit.formats.openai_completions import SEPARATOR, STOP, OpenAICompletions, prompt_of
from tunekit.shapes import Example, Said, Turn, Turns
from tunekit.testing.samples import SAMPLES

OFFERED = [{"type": "function", "function": {"name": "get", "parameters": {}}}]


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
    said = [one.message for one in data.misread]
    assert len(said) == 3
    assert "weight 0" in said[0] and "calls a tool" in said[1]


@pytest.mark.parametrize("name", ["openai-chat", "openai-completions"])
@pytest.mark.parametrize("sample", ["classification", "transformation", "extraction"])
def test_a_training_file_gives_the_task_back(name: str, sample: str, tmp_path: Path) -> None:
    there = SAMPLES[sample]
    data = Dataset.from_rows(there.rows, there.task)
    path = data.to(name, tmp_path / "train.jsonl")
    again = Dataset.read(path, there.task, format=name)
    assert [there.meaning(row) for row in again] == [there.meaning(row) for row in data]


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
