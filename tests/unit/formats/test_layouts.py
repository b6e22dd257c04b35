"""Alpaca, ShareGPT and TRL: what is read, what is written, and what is refused with a reason."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunekit.formats.base import Header, Undecoded, Writes
from tunekit.formats.registry import codec, codecs, writer
from tunekit.shapes import Better, Example, Said, Shape, Turn, Turns

U, A, S = (Turn(role, role[0]) for role in ("user", "assistant", "system"))
ASKED, TOLD = Turns((U,)), Turns((S, U))
GOOD, WORSE = Said("good"), Better("good", "bad")

HUMAN, GPT, SYSTEM = (
    {"from": who, "value": value}
    for who, value in (("human", "u"), ("gpt", "good"), ("system", "s"))
)
USER, ASSISTANT, BAD = (
    {"role": who, "content": value}
    for who, value in (("user", "u"), ("assistant", "good"), ("assistant", "bad"))
)
PAIR = {"chosen": "good", "rejected": "bad"}


def decoded(name: str, record: Any) -> Example | Undecoded:
    return codec(name).decode(record, Header())


OBJECTS = [one.name for one in codecs() if one.container == "objects"]

# --- read -----------------------------------------------------------------------------------------

READ: list[tuple[str, dict[str, Any], Example]] = [
    ("alpaca", {"instruction": "u", "output": "good"}, Example(ASKED, GOOD)),
    ("alpaca", {"instruction": "u", "input": None, "output": "good"}, Example(ASKED, GOOD)),
    ("alpaca", {"instruction": "", "input": "u", "output": "good"}, Example(ASKED, GOOD)),
    (
        "alpaca",
        {"instruction": "do", "input": "this\n", "output": "", "system": "", "history": []},
        Example(Turns((Turn("user", "do\nthis\n"),)), Said("")),
    ),
    ("alpaca", {"instruction": "u", "output": "good", "system": "s"}, Example(TOLD, GOOD)),
    ("alpaca", {"instruction": "u", "output": "good", "label": "true"}, Example(ASKED, GOOD)),
    ("alpaca-ranking", {"instruction": "u", "input": "", **PAIR}, Example(ASKED, WORSE)),
    ("alpaca-ranking", {"instruction": "u", "system": "s", **PAIR}, Example(TOLD, WORSE)),
    ("sharegpt", {"conversations": [HUMAN, GPT]}, Example(ASKED, GOOD)),
    ("sharegpt", {"conversations": [SYSTEM, HUMAN, GPT], "tools": "[]"}, Example(TOLD, GOOD)),
    ("sharegpt", {"conversations": [HUMAN, GPT], "system": "s"}, Example(TOLD, GOOD)),
    ("sharegpt", {"conversations": [SYSTEM, HUMAN, GPT], "system": "x"}, Example(TOLD, GOOD)),
    ("sharegpt", {"messages": [USER, ASSISTANT], "images": []}, Example(ASKED, GOOD)),
    ("sharegpt", {"conversations": [USER, GPT]}, Example(ASKED, GOOD)),
    (
        "sharegpt",
        {"conversations": [{"from": "user", "value": "u"}, {"from": "assistant", "value": "good"}]},
        Example(ASKED, GOOD),
    ),
    (
        "sharegpt",
        {"conversations": [HUMAN, GPT, HUMAN, GPT]},
        Example(Turns((U, Turn("assistant", "good"), U)), GOOD),
    ),
    (
        "sharegpt-ranking",
        {"conversations": [HUMAN], "chosen": GPT, "rejected": {"from": "gpt", "value": "bad"}},
        Example(ASKED, WORSE),
    ),
    (
        "sharegpt-ranking",
        {"messages": [USER], "system": "s", "chosen": ASSISTANT, "rejected": BAD},
        Example(TOLD, WORSE),
    ),
    ("trl-prompt-completion", {"prompt": "u", "completion": "good"}, Example(ASKED, GOOD)),
    (
        "trl-prompt-completion",
        {"prompt": [USER], "completion": [ASSISTANT]},
        Example(ASKED, GOOD),
    ),
    ("trl-preference", {"prompt": "u", **PAIR}, Example(ASKED, WORSE)),
    (
        "trl-preference",
        {"prompt": [USER], "chosen": [ASSISTANT], "rejected": [BAD]},
        Example(ASKED, WORSE),
    ),
    (
        "trl-preference",
        {"chosen": [USER, ASSISTANT], "rejected": [USER, BAD], "score": 3},
        Example(ASKED, WORSE),
    ),
    (
        "trl-preference",
        {"prompt": "u", "chosen": [USER, ASSISTANT], "rejected": [USER, BAD]},
        Example(ASKED, WORSE),
    ),
]


@pytest.mark.parametrize(("name", "record", "expected"), READ)
def test_what_others_write_is_read(name: str, record: dict[str, Any], expected: Example) -> None:
    assert decoded(name, record) == expected


def test_a_header_goes_with_what_is_asked() -> None:
    header = Header(("a", "b"), "{}")
    for name, record, (asked, target) in READ:
        assert isinstance(asked, Turns)
        expected = Example(Turns(asked.turns, ("a", "b"), "{}"), target)
        assert codec(name).decode(record, header) == expected, name


# --- refused --------------------------------------------------------------------------------------

CALL = {"from": "function_call", "value": "{}"}
NO_TEXT = [None, 5, True, {"text": "u"}, ["u"], [{"type": "image_url"}], [{"type": "text"}]]

REFUSED: list[tuple[str, Any, str | None, str]] = [
    *((name, record, None, "object") for name in OBJECTS for record in (None, [], "x", 1)),
    ("alpaca", {"output": "x"}, "instruction", "missing"),
    ("alpaca", {"instruction": "u"}, "output", "missing"),
    ("alpaca", {"instruction": "u", "input": 5, "output": "x"}, "input", "int"),
    ("alpaca", {"instruction": "u", "output": ["x"]}, "output", "list"),
    ("alpaca", {"instruction": "u", "output": "x", "system": ["s"]}, "system", "list"),
    ("alpaca", {"instruction": "u", "output": "x", "history": [["a", "b"]]}, "history", "longer"),
    ("alpaca", {"instruction": "u", "output": "x", "tools": [{}]}, "tools", "tools"),
    ("alpaca", {"instruction": "u", "output": "x", "images": ["a.png"]}, "images", "images"),
    ("alpaca", {"instruction": "u", "output": "x", "kto_tag": False}, "kto_tag", "KTO"),
    ("alpaca-ranking", {"instruction": "u", "chosen": "x"}, "rejected", "missing"),
    ("alpaca-ranking", {"instruction": "u", "chosen": ["x"], "rejected": "y"}, "chosen", "list"),
    ("alpaca-ranking", {"instruction": "u", "chosen": "x", "rejected": "x"}, "rejected", "equal"),
    ("sharegpt", {}, "conversations", "no list"),
    ("sharegpt", {"conversations": []}, "conversations", "no list"),
    ("sharegpt", {"conversations": "x"}, "conversations", "no list"),
    ("sharegpt", {"conversations": [HUMAN], "messages": [USER]}, "messages", "which"),
    ("sharegpt", {"conversations": [HUMAN, GPT], "system": 5}, "system", "int"),
    ("sharegpt", {"conversations": [HUMAN, GPT], "tools": "[{}]"}, "tools", "tools"),
    ("sharegpt", {"messages": [USER, ASSISTANT], "label": True}, "label", "KTO"),
    ("sharegpt", {"conversations": [HUMAN, CALL, GPT]}, "conversations[1]", "tool"),
    ("sharegpt", {"conversations": [HUMAN, HUMAN, GPT]}, "conversations[1]", "assistant's turn"),
    ("sharegpt", {"conversations": [GPT, HUMAN]}, "conversations[0]", "user's turn"),
    ("sharegpt", {"conversations": [SYSTEM, GPT]}, "conversations[1]", "user's turn"),
    ("sharegpt", {"conversations": [HUMAN, GPT, GPT]}, "conversations[2]", "user's turn"),
    ("sharegpt", {"conversations": [HUMAN, SYSTEM, GPT]}, "conversations[1]", "system"),
    ("sharegpt", {"conversations": [HUMAN]}, "conversations", "by user"),
    ("sharegpt", {"conversations": [SYSTEM]}, "conversations", "by system"),
    ("sharegpt", {"conversations": [HUMAN, "x"]}, "conversations[1]", "not an object"),
    ("sharegpt", {"conversations": [HUMAN, {"from": "bot"}]}, "conversations[1]", "'bot'"),
    ("sharegpt", {"conversations": [HUMAN, {"from": ["gpt"]}]}, "conversations[1]", "list"),
    ("sharegpt", {"conversations": [HUMAN, {"value": "x"}]}, "conversations[1]", "missing"),
    *(
        (
            "sharegpt",
            {"conversations": [HUMAN, {"from": "gpt", "value": one}]},
            "conversations[1]",
            "value is",
        )
        for one in NO_TEXT
    ),
    ("sharegpt-ranking", {"conversations": [HUMAN], "chosen": GPT}, "rejected", "missing"),
    (
        "sharegpt-ranking",
        {"conversations": [HUMAN], "chosen": "good", "rejected": "bad"},
        "chosen",
        "not an object",
    ),
    (
        "sharegpt-ranking",
        {"conversations": [HUMAN], "chosen": GPT, "rejected": HUMAN},
        "rejected",
        "by user",
    ),
    (
        "sharegpt-ranking",
        {"conversations": [HUMAN], "chosen": GPT, "rejected": GPT},
        "rejected",
        "equal",
    ),
    (
        "sharegpt-ranking",
        {"conversations": [HUMAN, GPT], "chosen": GPT, "rejected": GPT},
        "conversations",
        "by assistant",
    ),
    ("trl-prompt-completion", {"completion": "x"}, "prompt", "no list"),
    ("trl-prompt-completion", {"prompt": [], "completion": [ASSISTANT]}, "prompt", "no list"),
    ("trl-prompt-completion", {"prompt": "u"}, "completion", "missing"),
    ("trl-prompt-completion", {"prompt": "u", "completion": [ASSISTANT]}, "completion", "list"),
    ("trl-prompt-completion", {"prompt": [USER], "completion": "x"}, "completion", "no list"),
    ("trl-prompt-completion", {"prompt": [USER], "completion": []}, "completion", "0 messages"),
    ("trl-prompt-completion", {"prompt": [USER], "completion": [USER]}, "completion[0]", "by user"),
    (
        "trl-prompt-completion",
        {"prompt": [USER], "completion": [ASSISTANT, USER]},
        "completion",
        "2 messages",
    ),
    ("trl-prompt-completion", {"prompt": "u", "completion": "x", "label": False}, "label", "KTO"),
    (
        "trl-prompt-completion",
        {"prompt": [USER], "completion": [{**ASSISTANT, "tool_calls": [{}]}]},
        "completion[0]",
        "tool",
    ),
    *(
        (
            "trl-prompt-completion",
            {"prompt": [{"role": "user", "content": one}]},
            "prompt[0]",
            "content is",
        )
        for one in NO_TEXT
    ),
    (
        "trl-preference",
        {"chosen": "The sky is blue.", "rejected": "The sky is green."},
        "prompt",
        "both texts begin with",
    ),
    ("trl-preference", {"prompt": "u", "chosen": "x", "rejected": "x"}, "rejected", "equal"),
    (
        "trl-preference",
        {"chosen": [USER, ASSISTANT], "rejected": [USER, ASSISTANT]},
        "rejected",
        "equal",
    ),
    ("trl-preference", {"chosen": [ASSISTANT], "rejected": [BAD]}, "rejected", "same turns"),
    (
        "trl-preference",
        {"chosen": [USER, ASSISTANT], "rejected": [{"role": "user", "content": "v"}, BAD]},
        "rejected",
        "same turns",
    ),
    (
        "trl-preference",
        {"chosen": [USER, ASSISTANT], "rejected": [USER, BAD, USER, BAD]},
        "rejected",
        "same turns",
    ),
    (
        "trl-preference",
        {"chosen": [USER, ASSISTANT], "rejected": [USER, USER]},
        "rejected",
        "by user",
    ),
    (
        "trl-preference",
        {"prompt": "other", "chosen": [USER, ASSISTANT], "rejected": [USER, BAD]},
        "prompt",
        "Remove one",
    ),
    ("openai-chat", {"messages": [USER, ASSISTANT], "label": False}, "label", "KTO"),
]


@pytest.mark.parametrize(("name", "record", "field", "why"), REFUSED)
def test_what_is_refused_says_where_and_why(
    name: str, record: Any, field: str | None, why: str
) -> None:
    found = decoded(name, record)
    assert isinstance(found, Undecoded), found
    assert found.field == field
    assert why in found.message
    assert found.message.endswith(".") or found.message.endswith("?")


# --- written --------------------------------------------------------------------------------------

WRITTEN = {
    "alpaca": {"instruction": "u", "input": "", "output": "good", "system": "s"},
    "alpaca-ranking": {"instruction": "u", "input": "", **PAIR, "system": "s"},
    "sharegpt": {"conversations": [SYSTEM, HUMAN, GPT]},
    "sharegpt-ranking": {
        "conversations": [SYSTEM, HUMAN],
        "chosen": GPT,
        "rejected": {"from": "gpt", "value": "bad"},
    },
    "trl-prompt-completion": {
        "prompt": [{"role": "system", "content": "s"}, USER],
        "completion": [ASSISTANT],
    },
    "trl-preference": {
        "prompt": [{"role": "system", "content": "s"}, USER],
        "chosen": [ASSISTANT],
        "rejected": [BAD],
    },
    "openai-dpo": {
        "input": {"messages": [{"role": "system", "content": "s"}, USER]},
        "preferred_output": [ASSISTANT],
        "non_preferred_output": [BAD],
    },
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_layout_is_written_as_its_guide_says(name: str) -> None:
    wire = writer(name)
    written = wire.encode(Example(TOLD, WORSE if Shape.PAIR in wire.shapes else GOOD), Header())
    assert written == WRITTEN[name]
    assert list(written) == list(WRITTEN[name])
    assert set(written) <= wire.keys


@pytest.mark.parametrize("name", WRITTEN)
def test_without_a_system_turn_none_is_written(name: str) -> None:
    wire = writer(name)
    written = wire.encode(Example(ASKED, WORSE if Shape.PAIR in wire.shapes else GOOD), Header())
    assert b"system" not in orjson.dumps(written)


ROUNDS = Turns((U, A, U))


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("alpaca", ROUNDS),
        ("alpaca", Turns((U, U))),
        ("alpaca", Turns((S,))),
        ("alpaca", Turns(())),
        ("alpaca-ranking", ROUNDS),
        ("sharegpt", Turns((U, U))),
        ("sharegpt", Turns((U, A))),
        ("sharegpt", Turns((S,))),
        ("sharegpt", Turns(())),
        ("sharegpt-ranking", Turns((A, U))),
        ("trl-prompt-completion", Turns(())),
        ("openai-dpo", Turns(())),
    ],
)
def test_what_a_layout_has_no_place_for_is_not_written(name: str, asked: Turns) -> None:
    wire = writer(name)
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        wire.encode(Example(asked, WORSE if Shape.PAIR in wire.shapes else GOOD), Header())


PAIRED = ["alpaca-ranking", "openai-dpo", "sharegpt-ranking", "trl-preference"]


@pytest.mark.parametrize("name", PAIRED)
def test_equal_answers_are_no_pair(name: str) -> None:
    with pytest.raises(ValueError, match="equal"):
        writer(name).encode(Example(ASKED, Better("same", "same")), Header())


# --- whatever stands there ------------------------------------------------------------------------

TEXT = st.text(max_size=20)
SYSTEM_TURN = st.none() | st.builds(Turn, st.just("system"), st.text(min_size=1, max_size=20))


@st.composite
def conversations(draw: st.DrawFn, rounds: int) -> Turns:
    """A system turn where there is one, and rounds that alternate and end with the user."""
    turns = [Turn("user", draw(TEXT))]
    for _ in range(draw(st.integers(0, rounds))):
        turns = [Turn("user", draw(TEXT)), Turn("assistant", draw(TEXT)), *turns]
    system = draw(SYSTEM_TURN)
    return Turns(tuple(turns) if system is None else (system, *turns))


@pytest.mark.parametrize("name", WRITTEN)
@settings(max_examples=200)
@given(data=st.data())
def test_decoding_inverts_encoding(name: str, data: st.DataObject) -> None:
    wire = writer(name)
    asked = data.draw(conversations(0 if name.startswith("alpaca") else 2))
    better = st.builds(Better, TEXT, TEXT).filter(lambda pair: pair.chosen != pair.rejected)
    target = data.draw(better if Shape.PAIR in wire.shapes else TEXT.map(Said))
    line = orjson.dumps(wire.encode(Example(asked, target), Header()))
    assert wire.decode(orjson.loads(line), Header()) == Example(asked, target)


WORDS = [
    "conversations", "messages", "from", "value", "role", "content", "system", "user", "human",
    "gpt", "assistant", "prompt", "completion", "chosen", "rejected", "instruction", "input",
    "output", "history", "tools", "images", "label", "type", "text", "tool_calls", "target",
    "preferred_output", "non_preferred_output", "preferred_completion", "weight",
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS)
JSON = st.recursive(
    SCALARS | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


def mutated(record: Any, path: list[int], value: Any) -> Any:
    """The record with the value that stands where the path leads put in another's place."""
    if not path or not isinstance(record, dict | list) or not record:
        return value
    if isinstance(record, dict):
        key = sorted(record)[path[0] % len(record)]
        return {**record, key: mutated(record[key], path[1:], value)}
    place = path[0] % len(record)
    return [*record[:place], mutated(record[place], path[1:], value), *record[place + 1 :]]


INSIDE = [record for name, record, _ in READ] + [
    {"messages": [USER, ASSISTANT]},
    {"prompt": "u\n\n###\n\n", "completion": " good\nEND"},
    WRITTEN["openai-dpo"],
    {"input": {"text": "a"}, "target": {"text": "b"}},
    {"input": {"turns": [USER]}, "target": {"weights": [["a", 1.0]]}},
    {"input": {"question": "a", "options": ["b"]}, "target": {"scores": [1.0]}},
    {"input": {"text": "a"}, "target": {"spans": [[0, 1, "b"]]}},
]


def holds(name: str, record: Any) -> None:
    """Decoding says what it read or why not; what it read can be written and says the same."""
    wire = codec(name)
    found = wire.decode(record, Header())
    assert isinstance(found, Example | Undecoded)
    if isinstance(found, Undecoded):
        assert 0 < len(found.message) < 300
    elif isinstance(wire, Writes):
        written = orjson.loads(orjson.dumps(wire.encode(found, Header())))
        assert wire.decode(written, Header()) == found


@pytest.mark.parametrize("name", [one.name for one in codecs()])
@settings(max_examples=300)
@given(whole=JSON, value=JSON, start=st.sampled_from(INSIDE), path=st.lists(st.integers(0, 9)))
def test_no_record_is_an_exception(
    name: str, whole: Any, value: Any, start: Any, path: list[int]
) -> None:
    holds(name, whole)
    holds(name, mutated(start, path, value))


@pytest.mark.parametrize("name", [one.name for one in codecs()])
def test_no_depth_or_length_is_an_exception(name: str) -> None:
    deep: Any = "x"
    for _ in range(1000):  # about as deep as JSON is read
        deep = [deep]
    for value in (deep, {"a": deep}, "x" * 1_000_000, 10**19, [None] * 1000):
        holds(name, value)
        for start in INSIDE:
            for first in range(4):
                for path in ([first], [first, 0], [first, 0, 0], [first, 0, 1]):
                    holds(name, mutated(start, path, value))
