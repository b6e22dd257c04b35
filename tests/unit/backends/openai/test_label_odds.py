"""Probabilities of labels against a model whose distribution is known."""

from __future__ import annotations

import math
import random
from collections import defaultdict

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tunekit.backends.openai.label_odds import Token, label_odds, tokens_in

WORDS = st.text("abc ä", min_size=1, max_size=6)


def said_by(odds: dict[str, float], sizes: int) -> list[Token]:
    """The likeliest answer, in tokens of up to so many characters, as a model of these odds has
    it. No answer begins another."""
    answer = max(odds, key=lambda one: odds[one])
    tokens, path = [], ""
    while path != answer:
        there = {one: share for one, share in odds.items() if one.startswith(path)}
        total = sum(there.values())
        next_: dict[str, float] = defaultdict(float)
        for one, share in there.items():
            next_[one[len(path) : len(path) + sizes]] += share / total
        text = answer[len(path) : len(path) + sizes]
        logs = {piece: math.log(share) for piece, share in next_.items() if share > 0}
        tokens.append(Token(text, logs[text], logs))
        path += text
    return tokens


@given(st.lists(WORDS, min_size=2, max_size=6, unique=True), st.integers(1, 3), st.randoms())
def test_they_are_those_of_the_model(choices: list[str], sizes: int, chance: random.Random) -> None:
    assume(not any(a != b and b.startswith(a) for a in choices for b in choices))
    weights = [chance.random() + 0.01 for _ in choices]
    odds = {one: weight / sum(weights) for one, weight in zip(choices, weights, strict=True)}
    found = label_odds(choices, said_by(odds, sizes))
    if found is not None:
        assert sum(share for _, share in found) == pytest.approx(1)
        assert found[0][1] == max(share for _, share in found)
        for one, share in found:
            # What is given is right to the share that may be unknown.
            assert share == pytest.approx(odds[one], abs=0.02)


def test_they_are_known_where_beginnings_differ() -> None:
    odds = {"billing": 0.7, "claim": 0.2, "other": 0.1}
    assert dict(label_odds(list(odds), said_by(odds, 2)) or ()) == pytest.approx(odds)


def test_what_the_model_would_rather_have_said_is_left_out() -> None:
    token = Token("a", math.log(0.5), {"a": math.log(0.5), "b": math.log(0.1), "x": math.log(0.4)})
    assert dict(label_odds(["a", "b"], [token]) or ()) == pytest.approx({"a": 5 / 6, "b": 1 / 6})


def test_an_answer_outside_the_set_gives_way_to_the_likeliest_inside() -> None:
    token = Token("dunno", math.log(0.6), {"yes": math.log(0.3), "no": math.log(0.1)})
    odds = label_odds(["no", "yes"], [token])
    assert odds is not None
    assert odds[0] == ("yes", pytest.approx(0.75))


@pytest.mark.parametrize(
    ("choices", "tokens"),
    [
        pytest.param(["ab", "ac", "d"], [Token("d", -0.7, {"d": -0.7, "a": -0.7})], id="shared"),
        pytest.param(["a", "ab"], [Token("a", -0.1, {"a": -0.1})], id="one-begins-another"),
        pytest.param(["a", "b"], [Token("x", 0.0, {})], id="nothing-of-the-set"),
        pytest.param(["a", "b"], [], id="no-tokens"),
    ],
)
def test_they_are_not_given_where_they_are_not_known(
    choices: list[str], tokens: list[Token]
) -> None:
    assert label_odds(choices, tokens) is None


@pytest.mark.parametrize(
    "given", [None, [], {}, {"content": None}, {"content": [{"token": 3}]}, {"content": ["x"]}]
)
def test_whatever_isnt_logprobs_is_none(given: object) -> None:
    assert tokens_in(given) is None


def test_logprobs_are_read() -> None:
    told = {
        "content": [{"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]}]
    }
    assert tokens_in(told) == [Token("a", -1.0, {"b": -2.0})]
