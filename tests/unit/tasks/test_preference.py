from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Choice, Preference, PreferenceRow
from tunekit.errors import InputError
from tunekit.shapes import Better, Example, Failure, Order, Question, Said, Shape, Turn, Turns
from tunekit.tasks.base import Misread, Record, Row
from tunekit.tasks.numbered import numbered, read_numbered

LINES = st.text(alphabet='1. 2"\\\n\r\u2028a{}', max_size=12)


@given(LINES, st.lists(LINES, min_size=2, max_size=12))
def test_numbered_options_are_read_as_they_were_written(question: str, options: list[str]) -> None:
    assert read_numbered(numbered(question, options)) == (question, tuple(options))


@pytest.mark.parametrize(
    "text", ["", "no options", "q\n\n1. only one", "q\n1. a\n2. b", "q\n\n2. a\n3. b", "9" * 5000]
)
def test_a_text_without_numbered_options_has_none(text: str) -> None:
    assert read_numbered(text) is None


def test_numbers_beyond_all_measure_are_no_answer() -> None:
    turns = Turns((Turn("user", "q\n\n1. a\n2. b"),))
    assert not isinstance(Preference().lift(Example(turns, Said("9" * 5000))), Row)
    assert not isinstance(Preference().lift(Example(turns, Said("3"))), Row)
    row = Preference().lift(Example(turns, Said("2")))
    assert isinstance(row, PreferenceRow)
    assert row.best == 1


def test_the_order_shown_is_by_content_not_by_position() -> None:
    task = Preference()
    one = PreferenceRow(question="q", options=("a", "b", "c"), best=0)
    two = PreferenceRow(question="q", options=("c", "a", "b"), best=1)
    assert task.lower(one, Shape.CHAT, task.prompt()) == task.lower(two, Shape.CHAT, task.prompt())


def test_the_place_of_the_best_tells_nothing() -> None:
    task = Preference()
    answers = []
    for number in range(400):
        options = (f"good {number}", f"fair {number}", f"bad {number}", f"worse {number}")
        row = PreferenceRow(question=f"question {number}", options=options, best=0)
        ((_, target),) = task.lower(row, Shape.CHAT, task.prompt())
        answers.append(target)
    counts = [answers.count(Said(str(number))) for number in range(1, 5)]
    assert min(counts) > 60


def test_equal_options_are_both_shown() -> None:
    task = Preference()
    row = PreferenceRow(question="q", options=("a", "a"), best=1)
    ((asked, target),) = task.lower(row, Shape.CHAT, task.prompt())
    assert isinstance(asked, Turns)
    assert asked.choices == ("1", "2")
    assert task.parse(task.asked(row), target, Shape.CHAT) == Choice(1, "a")


@pytest.mark.parametrize("ranks", [(0, 1, 2), (1, 2, 3), (0, 2, 7), (-5, 0, 5)])
def test_ranks_mean_their_order_only(ranks: tuple[int, ...]) -> None:
    task = Preference()
    row = PreferenceRow(question="q", options=("a", "b", "c"), ranks=ranks)
    assert task.targets(row, task.asked(row), Shape.RANKED) == (Order((0.0, -1.0, -2.0)),)


def test_k_options_become_the_right_pairs() -> None:
    task = Preference("answer")
    row = PreferenceRow(question="q", options=("a", "b", "c"), ranks=(1, 0, 1))
    pairs = task.targets(row, task.asked(row), Shape.PAIR)
    assert set(pairs) == {Better("b", "a"), Better("b", "c")}


@pytest.mark.parametrize(
    "answer", [{}, {"best": 2}, {"best": -1}, {"ranks": (0, 0)}, {"ranks": (0, 1, 2)}]
)
@pytest.mark.parametrize("shape", [Shape.RANKED, Shape.CHAT, Shape.PAIR])
def test_a_row_without_a_best_option_isnt_lowered(answer: dict[str, Any], shape: Shape) -> None:
    task = Preference("answer" if shape is Shape.PAIR else "choose")
    row = PreferenceRow(question="q", options=("a", "b"), **answer)
    with pytest.raises(ValueError, match=r"better than another|ranks for"):
        task.lower(row, shape, task.prompt())


def test_probabilities_go_back_to_the_options_order() -> None:
    task = Preference()
    asked = Question("q", ("a", "b", "c"))
    for best in range(3):
        row = PreferenceRow(question="q", options=asked.options, best=best)
        (said,) = task.targets(row, asked, Shape.CHAT)
        assert isinstance(said, Said)
        others = [str(n) for n in range(1, 4) if str(n) != said.text]
        real = Said(said.text, ((said.text, 0.8), (others[0], 0.15), (others[1], 0.05)))
        choice = task.parse(asked, real, Shape.CHAT)
        assert isinstance(choice, Choice)
        assert choice.index == best
        assert choice.probabilities is not None
        assert choice.probabilities[best] == 0.8
        assert sum(choice.probabilities) == pytest.approx(1)


@pytest.mark.parametrize("text", ["0", "4", "a", "", "1.", "²", "１"])
def test_an_answer_that_is_no_number_of_an_option_is_a_failure(text: str) -> None:
    found = Preference().parse(Question("q", ("a", "b", "c")), Said(text), Shape.CHAT)
    assert isinstance(found, Failure)
    assert found.code == "option-outside-set"


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (5, {"options": ["a", "b"]}),
        ("q", {}),
        ("q", {"options": ["a"]}),
        ("q", {"options": "ab"}),
        ("q", {"options": ["a", 1]}),
        ("q", {"options": ["a", "b"], "context": 1}),
        ("q", {"options": ["a", "b"], "label": "x"}),
    ],
)
def test_what_cant_be_chosen_from_is_refused(value: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Preference().ask(value, **fields)


def test_a_goal_that_isnt_one_is_refused() -> None:
    with pytest.raises(InputError, match="goal"):
        Preference("win")  # type: ignore[arg-type]


def read(best_from: int = 0, **fields: Any) -> Any:
    record = Record(1, 0, {"question": "q", **fields})
    (found,) = Preference().assemble([record], {"best_from": best_from})
    return found


@pytest.mark.parametrize("best", [2, "2", " 2 ", 2.0])
def test_best_counts_from_where_the_file_says(best: Any) -> None:
    assert read(options=["a", "b", "c"], best=best).fields["best"] == 2
    assert read(best_from=1, options=["a", "b", "c"], best=best).fields["best"] == 1


@pytest.mark.parametrize("best", [True, 1.5, "first", "9" * 30])
def test_best_is_a_whole_number(best: Any) -> None:
    found = read(options=["a", "b"], best=best)
    assert isinstance(found, Misread)
    assert found.field == "best"


def test_options_may_be_fewer_than_columns() -> None:
    assert read(options=("a", "b", None)).fields["options"] == ("a", "b")
    # An empty one that somebody wrote is no gap: it is kept, and found.
    assert read(options=("a", "b", "")).fields["options"] == ("a", "b", "")
    assert read(options='["a", "b"]').fields["options"] == ("a", "b")
    assert isinstance(read(options="a, b"), Misread)


def codes(**row: Any) -> list[str]:
    return [one.code for one in Preference().findings(PreferenceRow(question="q", **row))]


def test_what_is_wrong_with_a_row() -> None:
    assert codes(options=("a", "b"), best=0) == []
    assert codes(options=("a",), best=0) == ["one-option"]
    assert codes(options=("a", " "), best=0) == ["empty-text"]
    assert codes(options=("a", "a"), best=0) == ["equal-options"]
    assert codes(options=("a", "b")) == ["no-best"]
    assert codes(options=("a", "b"), best=0, ranks=(0, 1)) == ["no-best"]
    assert codes(options=("a", "b"), best=2) == ["best-out-of-range"]
    assert codes(options=("a", "b"), ranks=(0,)) == ["ranks-and-options"]
    assert codes(options=("a", "b"), ranks=(0, 0)) == ["all-tied"]


def test_a_copy_of_an_option_is_left_out() -> None:
    def once(**row: Any) -> tuple[Any, ...] | None:
        before = PreferenceRow(question="q", **row)
        after = Preference().mend(before, Preference.mends)
        suggests = any(
            one.suggestion for one in Preference().findings(before) if one.code == "equal-options"
        )
        assert suggests == (after is not before)
        return None if after is before else (after.options, after.best, after.ranks)

    assert once(options=("a", "b", "a"), best=2) == (("a", "b"), 0, None)
    assert once(options=("a", "a", "b"), best=2) == (("a", "b"), 1, None)
    assert once(options=("a", "b", "b"), ranks=(0, 1, 1)) == (("a", "b"), None, (0, 1))
    assert once(options=("a", "b", "a"), ranks=(0, 1, 2)) is None  # how good is "a"?
    assert once(options=("a", "a"), best=0) is None
    assert once(options=("a", "b", "a"), best=3) is None
    assert once(options=("a", "b", "a")) is None
    assert once(options=("a", "b", "a"), best=0, ranks=(0, 1, 0)) is None
    assert once(options=("a", "b", "a"), ranks=(0, 1)) is None
    assert once(options=("a", "b"), best=0) is None
    row = PreferenceRow(question="q", options=("a", "b", "a"), best=0)
    assert Preference().mend(row, frozenset()) is row


def test_what_was_judged_and_how() -> None:
    def judged(options: str, **order: Any) -> tuple[Any, Any]:
        return PreferenceRow(question="q", options=tuple(options), context="c", **order).judged

    what, how = judged("ab", best=0)
    assert judged("ba", best=1) == (what, how) == judged("ab", ranks=(0, 5))
    assert judged("ab", best=1)[0] == what and judged("ab", best=1)[1] != how
    assert judged("ac", best=0)[0] != what
    assert judged("ab", ranks=(0,))  # a faulty row has none that makes sense, and one all the same
    row = PreferenceRow(question="q", options=("a", "b"), best=0, context="c")
    assert row.asks == ("q", "c") != row.model_copy(update={"context": None}).asks


def test_texts_are_read_and_rewritten() -> None:
    row = PreferenceRow(question="q", options=("a", "b"), best=0)
    assert list(Preference().texts(row)) == [("question", "q"), ("options", "a"), ("options", "b")]
    asked = row.model_copy(update={"context": "c"})
    assert list(Preference().texts(asked))[-1] == ("context", "c")
    assert Preference().retext(asked, str.upper) == PreferenceRow(
        question="Q", options=("A", "B"), best=0, context="C"
    )


def test_needs() -> None:
    def needs(**row: Any) -> tuple[str, ...]:
        return Preference().needs(PreferenceRow(question="q", options=("a", "b", "c"), **row))

    assert needs(best=1) == ()
    assert needs(best=1, context="c") == ("context",)
    assert needs(ranks=(0, 1, 1)) == ()
    assert needs(ranks=(0, 0, 1)) == ("ties",)
    assert needs(ranks=(0, 1, 2)) == ("ranking",)
