from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunekit.shapes import Span
from tunekit.training.alignment import align, begins_word, cuts_word, spans_of, tight

LABELS = ("a", "b")
TEXT = "my card is lost"
TOKENS = [(0, 2), (3, 5), (5, 7), (8, 10), (11, 15)]


def test_tags_begin_and_go_on() -> None:
    spans = [Span(11, 15, "a"), Span(3, 10, "b")]
    aligned = align(spans, TOKENS, LABELS)
    assert aligned.tags == [0, 3, 4, 4, 1]
    assert spans_of(aligned.tags, TOKENS, LABELS) == sorted(spans)
    assert not aligned.overlapping and not aligned.misaligned


def test_neighbours_of_one_label_stay_two() -> None:
    spans = [Span(3, 7, "a"), Span(8, 10, "a")]
    assert align(spans, TOKENS, LABELS).tags == [0, 1, 2, 1, 0]
    assert spans_of([0, 1, 2, 1, 0], TOKENS, LABELS) == spans


def test_of_spans_that_overlap_the_longest_is_kept() -> None:
    long, short, twice = Span(0, 10, "a"), Span(8, 15, "b"), Span(0, 10, "b")
    aligned = align([short, twice, long, long], TOKENS, LABELS)
    assert aligned.kept == [long]
    assert sorted(aligned.overlapping) == sorted([short, twice])


def test_span_that_ends_within_a_token_is_counted_and_learnt_longer() -> None:
    aligned = align([Span(3, 6, "a"), Span(12, 14, "b")], TOKENS, LABELS)
    assert aligned.tags == [0, 1, 2, 0, 3]
    assert aligned.misaligned == [Span(3, 6, "a"), Span(12, 14, "b")]
    assert not aligned.kept


def test_a_tag_that_goes_on_with_nothing_begins() -> None:
    assert spans_of([0, 2, 2, 4, 0], TOKENS, LABELS) == [Span(3, 7, "a"), Span(8, 10, "b")]


def test_white_space_is_no_part_of_a_token_and_no_end_of_a_span() -> None:
    text = "to  Rome\nnow"
    offsets = tight(text, [(0, 2), (2, 4), (3, 8), (8, 9), (9, 12)])
    assert offsets == [(0, 2), (4, 4), (4, 8), (9, 9), (9, 12)]
    # All but the tokens of white space say where the span is.
    assert spans_of([1, 2, 2, 2, 0], offsets, LABELS) == [Span(0, 8, "a")]
    assert spans_of([0, 1, 0, 0, 0], offsets, LABELS) == []
    assert align([Span(0, 12, "a")], offsets, LABELS).kept == [Span(0, 12, "a")]
    assert align([Span(0, 9, "a")], offsets, LABELS).misaligned == [Span(0, 9, "a")]


def test_tokens_that_share_a_character_make_one_span() -> None:
    offsets = [(0, 1), (0, 1), (0, 1), (1, 3)]  # an emoji in bytes
    assert align([Span(0, 1, "b")], offsets, LABELS).tags == [3, 4, 4, 0]
    assert spans_of([3, 3, 1, 0], offsets, LABELS) == [Span(0, 1, "b")]
    assert begins_word("🙂ab", offsets) == [True, False, False, True]


def test_words() -> None:
    assert begins_word(TEXT, TOKENS) == [True, True, False, True, True]
    assert cuts_word(TEXT, Span(3, 5, "a")) and cuts_word(TEXT, Span(5, 7, "a"))
    assert not cuts_word(TEXT, Span(0, 15, "a"))


SPANS = st.lists(
    st.tuples(st.integers(0, 14), st.integers(1, 8), st.sampled_from(LABELS)).map(
        lambda one: Span(one[0], min(one[0] + one[1], 15), one[2])
    ),
    max_size=6,
)


@given(SPANS)
def test_every_span_is_kept_or_counted(spans: list[Span]) -> None:
    aligned = align(spans, TOKENS, LABELS)
    assert sorted([*aligned.kept, *aligned.overlapping, *aligned.misaligned]) == sorted(set(spans))
    assert set(aligned.kept) <= set(spans_of(aligned.tags, TOKENS, LABELS))
