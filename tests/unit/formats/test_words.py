from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.formats.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\u3000", []),
        ("to New York.", ["to", "New", "York", "."]),
        ("don't e_mail 3.5", ["don", "'", "t", "e_mail", "3", ".", "5"]),
        ("Zu\u0308rich", ["Zu\u0308rich"]),  # a mark of its own code point
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("東京へ", ["東", "京", "へ"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("\u0301a", ["\u0301", "a"]),
        ("👩\u200d💻", ["👩\u200d", "💻"]),
        ("a\u200bb", ["a", "\u200b", "b"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in words_of(text)] == words


@given(st.text())
def test_words_are_all_of_a_text_but_its_white_space(text: str) -> None:
    places = words_of(text)
    assert all(start < end for start, end in places)
    assert all(before[1] <= after[0] for before, after in pairwise(places))
    whole = "".join(text[start:end] for start, end in places)
    assert whole == "".join(one for one in text if not one.isspace())
