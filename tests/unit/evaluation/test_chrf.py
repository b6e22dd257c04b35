"""chrF, against sacrebleu."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from tunekit.evaluation.chrf import COLUMNS, agreement, chrf

#: Few letters, so that n-grams are shared; white space of all kinds; characters of several code
#: points.
texts = st.text(st.sampled_from("aab bc\n\t\u00a0\u3000äß€日本🙂\u200d\u0301"), max_size=40)
pairs = st.tuples(texts, texts)


def score(*said_and_true: tuple[str, str]) -> float:
    sums = np.array([agreement(*pair) for pair in said_and_true], dtype=float).sum(axis=0)
    return float(chrf(sums[None, :])[0])


def reference(*said_and_true: tuple[str, str]) -> float:
    said, true = zip(*said_and_true, strict=True)
    return float(CHRF().corpus_score(list(said), [list(true)]).score) / 100


@settings(max_examples=60)
@given(pairs)
def test_of_a_sentence_it_is_sacrebleus(pair: tuple[str, str]) -> None:
    said, true = pair
    expected = CHRF().sentence_score(said, [true]).score / 100
    assert score(pair) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40)
@given(st.lists(pairs, min_size=1, max_size=12))
def test_of_a_set_it_is_sacrebleus(drawn: list[tuple[str, str]]) -> None:
    assert score(*drawn) == pytest.approx(reference(*drawn), abs=1e-9)


@pytest.mark.parametrize(
    ("said", "true", "expected"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("t h e\ncat\tsat", "thecatsat", 1.0),  # white space doesn't count
        ("", "the cat", 0.0),
        ("the cat", "", 0.0),
        ("", "", 0.0),
        (" \n", "\u3000", 0.0),
        ("x", "x", 1.0),  # shorter than most orders
        ("dog", "cat", 0.0),
    ],
)
def test_its_ends(said: str, true: str, expected: float) -> None:
    assert score((said, true)) == pytest.approx(expected)


def test_long_texts_weigh_more_than_short_ones() -> None:
    right, wrong = ("a long and right sentence", "a long and right sentence"), ("no", "yes")
    assert score(right, wrong) > np.mean([score(right), score(wrong)])


def test_resamples_are_scored_each_for_itself() -> None:
    rows = [agreement("abcd", "abxd"), agreement("hello", "hello")]
    sums = np.array([rows[0], rows[1], np.add(*rows), [0] * COLUMNS], dtype=float)
    found = chrf(sums)
    assert found[:3] == pytest.approx(
        [score(("abcd", "abxd")), 1.0, score(("abcd", "abxd"), ("hello", "hello"))]
    )
    assert found[3] == 0.0
