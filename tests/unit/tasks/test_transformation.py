from __future__ import annotations

from typing import Any

import pytest

from tunekit import Transformation, TransformationRow
from tunekit.errors import InputError
from tunekit.shapes import Example, Passage, Said, Shape, Turn, Turns
from tunekit.tasks.base import Row


def codes(before: str, after: str) -> list[tuple[str, str | None]]:
    row = TransformationRow(input=before, output=after)
    return [(one.code, one.field) for one in Transformation().findings(row)]


def test_what_is_wrong_with_a_row() -> None:
    assert codes("a", "a") == []
    assert codes(" ", "a") == [("empty-text", "input")]
    assert codes("a", "") == [("empty-text", "output")]


def test_texts_are_read_and_rewritten() -> None:
    row = TransformationRow(input="a", output="b")
    assert list(Transformation().texts(row)) == [("input", "a"), ("output", "b")]
    after = TransformationRow(input="A", output="B")
    assert Transformation().retext(row, str.upper) == after
    assert row.asks == ("a",)


def test_the_instruction_is_the_prompt() -> None:
    assert Transformation("Correct it.").prompt().system == "Correct it."
    assert Transformation().prompt().system


def test_an_answer_is_the_text_itself() -> None:
    assert Transformation().parse(Passage("a"), Said(" b\n"), Shape.CHAT) == " b\n"


def test_a_context_is_not_dropped_on_the_way_in() -> None:
    turns = Turns((Turn("user", "before"), Turn("user", "a")))
    assert not isinstance(Transformation().lift(Example(turns, Said("b"))), Row)


@pytest.mark.parametrize("value", [5, None, {"text": "a"}, ["a"]])
def test_anything_but_a_text_is_refused(value: Any) -> None:
    with pytest.raises(InputError):
        Transformation().ask(value)
    assert Transformation().ask({"input": "a"}) == Passage("a")
