from __future__ import annotations

import pytest

from tunekit.shapes import (
    Better,
    Example,
    Failure,
    Marks,
    Order,
    Passage,
    Question,
    Said,
    Span,
    Turn,
    Turns,
    Weights,
)
from tunekit.testing.memory import Memory


def turns(user: str, *choices: str, system: str = "Classify.") -> Turns:
    return Turns((Turn("system", system), Turn("user", user)), choices)


LABELLED = Memory(
    [
        Example(Passage("my car broke down"), Weights((("claim", 1.0),))),
        Example(Passage("the invoice is wrong"), Weights((("billing", 1.0),))),
        Example(Passage("car down broke my"), Weights((("other", 1.0),))),
    ]
)


def test_the_exact_input_gives_its_own_answer_even_among_equal_words() -> None:
    for text, label in [("my car broke down", "claim"), ("car down broke my", "other")]:
        answer = LABELLED.answer(Passage(text))
        assert isinstance(answer, Weights)
        assert answer.by_label[0][0] == label


def test_probabilities_follow_the_overlap() -> None:
    answer = LABELLED.answer(Passage("the invoice, again"))
    assert isinstance(answer, Weights)
    by_label = dict(answer.by_label)
    assert list(by_label) == ["billing", "claim", "other"]
    assert sum(by_label.values()) == pytest.approx(1.0)
    assert 0.5 < by_label["billing"] < 1.0
    vaguer = LABELLED.answer(Passage("the invoice, again, and a good deal more about it"))
    assert isinstance(vaguer, Weights)
    assert dict(vaguer.by_label)["billing"] < by_label["billing"]


def test_no_overlap_at_all_is_the_first_and_unsure() -> None:
    answer = LABELLED.answer(Passage("zzz"))
    assert isinstance(answer, Weights)
    assert answer.by_label[0] == ("claim", pytest.approx(1 / 3))


def test_another_prompt_is_another_input() -> None:
    memory = Memory(
        [
            Example(turns("a b c"), Said("exact")),
            Example(turns("a b c", system="Other."), Said("other")),
        ]
    )
    assert memory.answer(turns("a b c", system="Other.")) == Said("other")


def test_nothing_is_known_under_a_prompt_that_was_never_trained() -> None:
    memory = Memory([Example(turns("a b"), Said("first")), Example(turns("c d"), Said("second"))])
    assert memory.answer(turns("c d e")) == Said("second")
    assert memory.answer(turns("c d", system="Other.")) == Said("first")


def test_choices_close_the_set_of_answers() -> None:
    memory = Memory([Example(turns("a b"), Said("7")), Example(turns("c d"), Said("1"))])
    answer = memory.answer(turns("a b c", "1", "2"))
    assert isinstance(answer, Said)
    assert answer.text == "1"
    assert [choice for choice, _ in answer.probabilities] == ["1", "2"]
    assert memory.answer(turns("a b", "7", "1")).text == "7"  # type: ignore[union-attr]


def test_remembered_words_are_found_in_other_texts() -> None:
    memory = Memory(
        [Example(Passage("Anna Berg met Anna"), Marks((Span(0, 9, "PER"), Span(14, 18, "FIRST"))))]
    )
    assert memory.answer(Passage("Anna Berg met Anna")) == Marks(
        (Span(0, 9, "PER"), Span(14, 18, "FIRST"))
    )
    assert memory.answer(Passage("🙂 Anna and Anna Berg")) == Marks(
        (Span(2, 6, "FIRST"), Span(11, 20, "PER"))
    )


def test_one_score_per_option_whatever_their_number() -> None:
    memory = Memory([Example(Question("which?", ("kind words", "rude words")), Order((0.0, -1.0)))])
    answer = memory.answer(Question("and now?", ("rude", "something else", "kind")))
    assert isinstance(answer, Order)
    assert len(answer.scores) == 3
    assert max(range(3), key=answer.scores.__getitem__) == 2


def test_pairs_teach_the_better_answer() -> None:
    memory = Memory([Example(turns("hello"), Better("good day", "what?"))])
    assert memory.answer(turns("hello")) == Said("good day")


def test_a_nul_is_refused_alone() -> None:
    assert isinstance(LABELLED.answer(Passage("a\0b")), Failure)
