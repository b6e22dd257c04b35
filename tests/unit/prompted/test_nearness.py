"""Likeness of texts: of the same letters most, of none least, and never anything strange."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.prompted.nearness import alike, farthest_first, vectors_of


@given(st.lists(st.text(), min_size=1, max_size=8), st.text())
def test_likeness_is_between_none_and_the_same(texts: list[str], asked: str) -> None:
    likeness = alike(vectors_of(texts), asked)
    assert np.all(np.isfinite(likeness))
    assert likeness.min() >= 0 and likeness.max() <= 1
    for place, text in enumerate(texts):
        if text == asked and text.split():  # one with nothing in it is like nothing
            assert likeness[place] == pytest.approx(1, abs=1e-4)


def test_what_is_written_alike_is_nearer() -> None:
    texts = ["Meine Karte ist verloren", "my card was lost", "pizza with olives", "名刺をなくした"]
    likeness = alike(vectors_of(texts), "My card is lost!")
    assert int(np.argmax(likeness)) == 1
    assert alike(vectors_of(["ONE  two"]), "one two")[0] == 1  # neither case nor space counts


def test_odd_texts_have_vectors() -> None:
    odd = ["", " ", "a", "\ud800", "\0", "word " * 300_000, "\U0001f600"]
    assert np.all(np.isfinite(vectors_of(odd)))


@given(st.lists(st.text(max_size=9), max_size=9), st.integers(0, 12))
def test_so_many_different_rows_are_chosen(texts: list[str], count: int) -> None:
    chosen = farthest_first(vectors_of(texts), count)
    assert len(chosen) == len({*chosen}) == min(count, len(texts))
    assert all(0 <= place < len(texts) for place in chosen)
