from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import InputError
from tunekit.formats.base import Header, Undecoded, Writes
from tunekit.formats.registry import codec, codecs, writer
from tunekit.shapes import (
    Better,
    Example,
    Input,
    Marks,
    Order,
    Passage,
    Question,
    Said,
    Shape,
    Span,
    Target,
    Turn,
    Turns,
    Weights,
)

TEXT = st.text(max_size=20)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
CONTEXT = st.none() | TEXT
TURN = st.builds(Turn, st.sampled_from(["system", "user", "assistant"]), TEXT)
PAIRS = st.lists(st.tuples(TEXT, NUMBER), max_size=3).map(tuple)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
TURNS = st.builds(Turns, st.lists(TURN, max_size=4).map(tuple), TEXTS, CONTEXT)
PASSAGE = st.builds(Passage, TEXT, CONTEXT)
QUESTION = st.builds(Question, TEXT, TEXTS, CONTEXT)
SAID = st.builds(Said, TEXT, PAIRS)
OFFSET = st.integers(-(2**40), 2**40)
HALVES: dict[Shape, tuple[st.SearchStrategy[Input], st.SearchStrategy[Target]]] = {
    Shape.CHAT: (TURNS, SAID),
    Shape.PAIR: (TURNS, st.builds(Better, TEXT, TEXT)),
    Shape.LABELLED: (PASSAGE, st.builds(Weights, PAIRS)),
    Shape.SPANNED: (
        PASSAGE,
        st.builds(Marks, st.lists(st.builds(Span, OFFSET, OFFSET, TEXT)).map(tuple)),
    ),
    Shape.TEXT_TO_TEXT: (PASSAGE, SAID),
    Shape.RANKED: (
        QUESTION,
        st.builds(Order, st.lists(NUMBER).map(tuple), st.lists(NUMBER).map(tuple)),
    ),
}


def kinds(value: Any) -> Any:
    """Values with their types: equal tuples of two kinds are told apart."""
    return type(value), [kinds(one) for one in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("shape", Shape)
@given(data=st.data())
def test_examples_are_read_as_they_were_written(shape: Shape, data: st.DataObject) -> None:
    asked, target = HALVES[shape]
    example = Example(data.draw(asked), data.draw(target))
    wire = codec("examples")
    line = orjson.dumps(wire.encode(example, Header()))
    again = wire.decode(orjson.loads(line), Header())
    assert isinstance(again, Example), again
    assert kinds(again) == kinds(example)
    assert orjson.dumps(wire.encode(again, Header())) == line


@given(st.lists(TURN, max_size=4).map(tuple), TEXTS, CONTEXT, TEXT)
def test_conversations_are_read_as_they_were_written(
    turns: tuple[Turn, ...], choices: tuple[str, ...], schema: str | None, answer: str
) -> None:
    example = Example(Turns(turns, choices, schema), Said(answer))
    header = Header(choices, schema)
    wire = codec("openai-chat")
    line = orjson.dumps(wire.encode(example, header))
    assert wire.decode(orjson.loads(line), header) == example


def test_a_conversation_is_written_as_the_guide_says() -> None:
    example = Example(Turns((Turn("system", "s"), Turn("user", "u"))), Said("a"))
    assert codec("openai-chat").encode(example, Header()) == {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "a"},
        ]
    }


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


USER = {"role": "user", "content": "u"}
ANSWER = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    "record",
    [
        chat({"role": "developer", "content": "s"}, USER, ANSWER),
        chat({"role": "system", "content": [{"type": "text", "text": "s"}]}, USER, ANSWER),
        chat({"role": "system", "content": "s"}, USER, {**ANSWER, "weight": 1}, other=1),
    ],
)
def test_what_others_write_is_read(record: dict[str, Any]) -> None:
    expected = Example(Turns((Turn("system", "s"), Turn("user", "u"))), Said("a"))
    assert codec("openai-chat").decode(record, Header()) == expected


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (None, None),
        ([], None),
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "text"}, "messages"),
        (chat(USER), "messages"),
        (chat(USER, {**ANSWER, "weight": 0}), "messages[1]"),
        (chat(USER, {**ANSWER, "tool_calls": [{}]}, tools=[{"type": "function"}]), "messages[1]"),
        (chat("text", ANSWER), "messages[0]"),
        (chat({"role": "tool", "content": "x"}, ANSWER), "messages[0]"),
        (chat({"role": ["user"], "content": "x"}, ANSWER), "messages[0]"),
        (chat({"content": "x"}, ANSWER), "messages[0]"),
        (chat({"role": "user", "content": None}, ANSWER), "messages[0]"),
        (chat({"role": "user", "content": [{"type": "image_url"}]}, ANSWER), "messages[0]"),
        (chat(USER, {**ANSWER, "tool_calls": [{"id": "1"}]}), "messages[1]"),
    ],
)
def test_what_is_no_conversation_is_said(record: Any, field: str | None) -> None:
    found = codec("openai-chat").decode(record, Header())
    assert isinstance(found, Undecoded)
    assert found.field == field
    assert found.message


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"input": {}, "target": {}},
        {"input": {"text": "x"}, "target": {}},
        {"input": {"text": 5}, "target": {"text": "x"}},
        {"input": {"text": "x", "context": 5}, "target": {"text": "x"}},
        {"input": {"text": "x"}, "target": {"text": None}},
        {"input": {"text": "x"}, "target": {"weights": [["a", "1"]]}},
        {"input": {"text": "x"}, "target": {"weights": [["a"]]}},
        {"input": {"text": "x"}, "target": {"spans": [[0, 1.5, "a"]]}},
        {"input": {"text": "x"}, "target": {"spans": [[0, True, "a"]]}},
        {"input": {"question": "x"}, "target": {"scores": [1]}},
        {"input": {"question": "x", "options": [1]}, "target": {"scores": [1]}},
        {"input": {"question": "x", "options": []}, "target": {"scores": ["1"]}},
        {"input": {"turns": [{"role": "robot", "content": "x"}]}, "target": {"text": "x"}},
        {"input": {"turns": [{"role": "user"}]}, "target": {"text": "x"}},
        {"input": {"turns": ["x"]}, "target": {"text": "x"}},
        {"input": {"turns": []}, "target": {"chosen": "x", "rejected": 1}},
    ],
)
def test_what_is_no_example_is_said(record: Any) -> None:
    found = codec("examples").decode(record, Header())
    assert isinstance(found, Undecoded)
    assert found.message


def test_codecs_have_names_and_shapes() -> None:
    names = [one.name for one in codecs()]
    assert names == sorted(set(names))
    assert {"examples", "openai-chat"} <= set(names)
    assert codec("examples").shapes == frozenset(Shape)
    with pytest.raises(InputError, match="Did you mean 'openai-chat'"):
        codec("openai_chat")
    # Nothing writes the bytes of another container yet.
    assert {one.container for one in codecs() if isinstance(one, Writes)} == {"objects"}


def test_a_format_that_is_only_read_says_so() -> None:
    assert writer("alpaca") is codec("alpaca")
    with pytest.raises(InputError, match=r"'conll' is only read\. Written are alpaca, "):
        writer("conll")
