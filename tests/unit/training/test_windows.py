from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunekit.shapes import Passage
from tunekit.training.windows import Reading, Windows

pytestmark = pytest.mark.torch  # the tokenizer comes with the tiny encoder


@pytest.fixture
def tokenizer(tiny_encoder: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))


def check(reading: Reading, max_length: int, ids: list[int]) -> None:
    judged = []
    for window in reading.windows:
        assert len(window.ids) == len(window.types) <= max_length
        assert window.begin < window.end
        judged += [window.ids[place] for place in window.places]
    assert judged == ids  # every token once, in order
    assert len(ids) == len(reading.offsets)


@pytest.mark.parametrize("max_length", [8, 16, 64])
@pytest.mark.parametrize("words", [0, 1, 5, 6, 7, 14, 61, 62, 63, 200])
def test_every_token_is_judged_once(tokenizer: Any, words: int, max_length: int) -> None:
    passage = Passage(" ".join(["card", "lost", "my"][number % 3] for number in range(words)))
    [reading] = Windows(tokenizer, max_length).read([passage])
    ids = tokenizer.encode(passage.text, add_special_tokens=False).ids
    assert len(ids) == words
    check(reading, max_length, ids)
    if len(reading.windows) == 1:
        assert reading.windows[0].ids == tokenizer.encode(passage.text).ids


def test_a_token_is_judged_where_it_has_most_context(tokenizer: Any) -> None:
    [reading] = Windows(tokenizer, 18).read([Passage("card " * 100)])
    spans = []  # of the text, that a window shows
    for window in reading.windows:
        start = window.begin - (window.first - 1)
        spans.append((start, start + len(window.ids) - 2))
    for window in reading.windows:
        for token in range(window.begin, window.end):
            around = {
                (start, stop): min(
                    token - start if start else 100, stop - 1 - token if stop < 100 else 100
                )
                for start, stop in spans
                if start <= token < stop
            }
            start = window.begin - (window.first - 1)
            assert around[start, start + len(window.ids) - 2] >= max(around.values()) - 1


def test_context_comes_second_and_is_told_apart(tokenizer: Any) -> None:
    windows = Windows(tokenizer, 64)
    with_context, without = windows.read([Passage("my card", "is lost"), Passage("my card", "")])
    special = [tokenizer.token_to_id(one) for one in ("[CLS]", "[SEP]", "[SEP]")]
    my, card, be, lost = (tokenizer.token_to_id(one) for one in ("my", "card", "is", "lost"))
    [window] = with_context.windows
    assert window.ids == [special[0], my, card, special[1], be, lost, special[2]]
    assert window.types == [0, 0, 0, 0, 1, 1, 1]
    assert [window.ids[place] for place in window.places] == [my, card]
    assert without.windows[0].ids == [special[0], my, card, special[1]]


def test_context_is_cut_before_the_text_is(tokenizer: Any) -> None:
    windows = Windows(tokenizer, 20)
    text = " ".join(["card"] * 15)
    fits, cut, long = windows.read(
        [Passage(text, "is lost"), Passage(text, "is lost is"), Passage(text * 9, "is " * 50)]
    )
    assert fits.unread_context == 0
    assert cut.unread_context == 1
    assert len(cut.windows) == 1 == len(fits.windows)
    # Where the text must be cut anyhow, a part of each window is the context's.
    check(long, 20, tokenizer.encode(text * 9, add_special_tokens=False).ids)
    assert long.unread_context == 50 - 4


def test_pairs_are_laid_out_as_the_tokenizer_says(tokenizer: Any) -> None:
    from tokenizers import processors

    mark = ("[SEP]", tokenizer.token_to_id("[SEP]"))
    start = ("[CLS]", tokenizer.token_to_id("[CLS]"))
    tokenizer.post_processor = processors.RobertaProcessing(mark, start)
    [window] = Windows(tokenizer, 64).read([Passage("my card", "is lost")])[0].windows
    assert window.ids == tokenizer.encode("my card", "is lost").ids
