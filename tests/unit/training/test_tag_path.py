from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from tunekit.training.tag_path import best_tags


def allowed(tags: tuple[int, ...], begins: list[bool] | None) -> bool:
    """Said another way than the code says it."""
    before = 0
    for place, tag in enumerate(tags):
        goes_on = tag > 0 and tag % 2 == 0
        if goes_on and before not in (tag, tag - 1):
            return False
        if begins is not None and place and not begins[place]:
            same = (tag == before == 0) or goes_on
            if not same:
                return False
        before = tag
    return True


def by_trying_all(scores: Any, begins: list[bool] | None) -> tuple[int, ...]:
    tokens, tags = scores.shape
    sound = (one for one in product(range(tags), repeat=tokens) if allowed(one, begins))
    return max(sound, key=lambda one: sum(scores[place, tag] for place, tag in enumerate(one)))


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_it_is_the_best_of_all_sound_sequences(tokens: int, words: bool) -> None:
    chance = np.random.default_rng(tokens)
    for _ in range(60):
        scores = chance.normal(size=(tokens, 5))
        begins = [bool(one) for one in chance.integers(0, 2, tokens)] if words else None
        if begins is not None:
            begins[0] = True
        assert tuple(best_tags(scores, begins)) == by_trying_all(scores, begins)


def test_a_word_has_one_verdict() -> None:
    """One token is sure that the word is outside, both others are less sure that it isn't."""
    scores = np.log([[0.4, 0.6, 1e-9], [0.45, 1e-9, 0.55], [0.9, 1e-9, 0.1]])
    assert best_tags(scores) == [1, 2, 0]
    assert best_tags(scores, [True, False, False]) == [0, 0, 0]


def test_no_tokens_no_tags() -> None:
    assert best_tags(np.zeros((0, 3))) == []


def test_what_all_tags_of_a_token_share_changes_nothing() -> None:
    scores = np.random.default_rng(0).normal(size=(6, 7))
    assert best_tags(scores) == best_tags(scores + np.arange(6)[:, None]) == best_tags(scores / 3)
