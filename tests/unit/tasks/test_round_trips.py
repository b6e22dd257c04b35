"""What every task promises of every shape it offers, for any row without faults."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Classification, Extraction, Preference, Transformation
from tunekit.shapes import Example, Failure, Passage, Question, Said, Shape, Turn, Turns
from tunekit.tasks.base import Prompt, Row, Task
from tunekit.testing.samples import SAMPLES, value_of
from tunekit.testing.strategies import rows

EVERYTHING = frozenset({"context", "overlap", "ties", "ranking"})
TASKS: dict[str, Task] = {
    "classification": Classification(),
    "transformation": Transformation("Correct."),
    "extraction": Extraction(),
    "choose": Preference(),
    "answer": Preference("answer", "Answer kindly."),
}
OFFERED = [(name, shape) for name, task in TASKS.items() for shape in task.offers]


def carried(shape: Shape, task: Task) -> frozenset[str]:
    """One number can't say a ranking or a tie."""
    chosen = isinstance(task, Preference) and shape is Shape.CHAT
    return frozenset({"context"}) if chosen else EVERYTHING


def meaning(row: Any) -> Any:
    """What of a row its shapes carry: the order of options, not how it was written down."""
    match row.content:
        case (question, tuple(options), _, _, context) if hasattr(row, "order"):
            pairs = zip(options, row.order, strict=True)
            return question, sorted(pairs), context
        case (text, tuple(spans), context):
            return text, sorted(spans), context
        case content:
            return content


@pytest.mark.parametrize(("name", "shape"), OFFERED)
@given(data=st.data())
def test_an_answer_is_parsed_as_the_rows_own(name: str, shape: Shape, data: st.DataObject) -> None:
    task = TASKS[name]
    row = data.draw(rows(task, carried(shape, task)))
    asked = task.asked(row)
    targets = task.targets(row, asked, shape)
    assert targets
    if shape is Shape.PAIR:
        return  # pairs only train
    prediction = task.parse(asked, targets[0], shape)
    sample = next(one for one in SAMPLES.values() if one.task.offers == task.offers)
    assert sample.agrees(row, prediction)


@pytest.mark.parametrize(("name", "shape"), OFFERED)
@given(data=st.data())
def test_lifting_inverts_lowering(name: str, shape: Shape, data: st.DataObject) -> None:
    task = TASKS[name]
    row = data.draw(rows(task, carried(shape, task)))
    examples = task.lower(row, shape, task.prompt())
    for example in examples:
        lifted = task.lift(example)
        assert isinstance(lifted, Row), lifted
        assert task.lower(lifted, shape, task.prompt()) == (example,)
        if shape is not Shape.PAIR and meaning(lifted) != meaning(row):
            # The ranks 0, 2 and 0, 1 mean the same: lifting gives those without gaps.
            assert task.targets(lifted, task.asked(lifted), shape) == task.targets(
                row, task.asked(row), shape
            )


@pytest.mark.parametrize(("name", "shape"), OFFERED)
@given(data=st.data())
def test_a_caller_asks_what_a_row_asks(name: str, shape: Shape, data: st.DataObject) -> None:
    task = TASKS[name]
    row = data.draw(rows(task, carried(shape, task)))
    prompt = Prompt(system="Do.", shots=(("in", "out"),))
    asked = task.ask(value_of(task, row))
    assert asked == task.asked(row)
    rendered = task.input(asked, shape, prompt)
    assert {example.input for example in task.lower(row, shape, prompt)} == {rendered}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_conversation_of_several_rounds_is_no_row(task: Task) -> None:
    turns = Turns((Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")))
    found = task.lift(Example(turns, Said("d")))
    assert not isinstance(found, Row)
    assert "longer conversation" in str(found)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_turn_too_many_is_no_row(task: Task) -> None:
    turns = Turns(tuple(Turn("user", text) for text in "abc"))
    assert not isinstance(task.lift(Example(turns, Said("d"))), Row)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_an_answer_of_another_kind_is_a_failure(task: Task) -> None:
    from tunekit.shapes import Better

    options = () if task.kind != "preference" else ("a", "b")
    asked: Any = Question("q", options) if task.kind == "preference" else Passage("text")
    assert isinstance(task.parse(asked, Better("a", "b"), task.offers[0]), Failure)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_tasks_and_prompts_survive_json(task: Task) -> None:
    assert type(task).model_validate_json(task.model_dump_json()) == task
    prompt = Prompt(system="Do.", shots=(("in", "out"),))
    assert Prompt.model_validate_json(prompt.model_dump_json()) == prompt
    assert prompt.hash == Prompt(system="Do.", shots=(("in", "out"),)).hash
    assert prompt.hash != Prompt(system="Do!", shots=(("in", "out"),)).hash


def test_shots_may_have_a_context() -> None:
    prompt = Prompt(system="Do.", shots=(("in", "out"), ("context", "in", "out")))
    assert [turn.role for turn in prompt.turns] == [
        "system", "user", "assistant", "user", "user", "assistant",
    ]  # fmt: skip
    # What was stored when all shots were pairs is the same prompt today.
    stored = '{"system":"Do.","shots":[["in","out"]]}'
    assert Prompt.model_validate_json(stored).hash == "ece20fcdf1754494"
    with pytest.raises(ValueError, match="at least 2"):
        Prompt(system="Do.", shots=(("alone",),))
