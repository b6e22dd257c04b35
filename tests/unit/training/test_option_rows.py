from __future__ import annotations

from tunekit.shapes import Example, Order, Question
from tunekit.training.habits import RANKED
from tunekit.training.option_rows import Lists, hold_out, telling


def asked(questions: list[str]) -> Lists:
    return Lists([Question(one, ("a", "b")) for one in questions], [[1.0, 0.0]] * len(questions))


def test_rows_that_ask_the_same_stay_together() -> None:
    rows = asked([f"question {number // 3}" for number in range(3 * 60)])
    split = hold_out(rows, seed=0)
    assert split.held_out is not None
    fitted = {one.question for one in split.fitted.questions}
    out = {one.question for one in split.held_out.questions}
    assert not fitted & out
    assert len(fitted | out) == 60
    assert 30 <= len(split.held_out.orders) <= 36


def test_the_seed_decides_and_a_few_rows_are_all_learnt_from() -> None:
    rows = asked([f"question {number}" for number in range(100)])
    assert hold_out(rows, seed=1) == hold_out(rows, seed=1)
    assert hold_out(rows, seed=1) != hold_out(rows, seed=2)
    few = asked([f"question {number}" for number in range(RANKED.from_rows - 1)])
    assert hold_out(few, seed=0) == (few, None)


def test_one_question_that_is_most_of_the_rows_is_learnt_from() -> None:
    rows = asked(["the same"] * 100 + [f"question {number}" for number in range(50)])
    split = hold_out(rows, seed=0)
    assert split.held_out is not None
    assert len(split.held_out.orders) == 30
    assert "the same" not in {one.question for one in split.held_out.questions}


def test_rows_that_tell_no_option_from_another_are_left_out() -> None:
    question = Question("?", ("a", "b", "c"))
    one = Question("?", ("a",))
    rows = telling(
        [
            Example(question, Order((1.0, 1.0, 1.0))),
            Example(question, Order((0.0, 2.0, 2.0))),
            Example(one, Order((1.0,))),
        ]
    )
    assert rows == ([question], [[0.0, 2.0, 2.0]])
