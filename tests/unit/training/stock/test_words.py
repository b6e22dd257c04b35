from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunekit.formats.iob import spans_of_tags
from tunekit.formats.words import words_of
from tunekit.shapes import Span
from tunekit.training.stock.words import tag_names, tagged_words

LABELS = ("city", "person")


@given(st.text("ab .東", max_size=30), st.data())
def test_spans_of_whole_words_come_back_from_their_tags(text: str, data: st.DataObject) -> None:
    places = words_of(text)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(places)), max_size=6)))
    spans = [
        Span(places[start][0], places[end - 1][1], data.draw(st.sampled_from(LABELS)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    row = tagged_words(text, spans, LABELS)
    assert row.words == [text[start:end] for start, end in places]
    assert set(row.tags) <= set(tag_names(LABELS))
    assert not row.overlapping
    assert not row.misaligned
    back = [
        Span(places[start][0], places[end - 1][1], label)
        for start, end, label in spans_of_tags(row.tags)
    ]
    assert back == spans


def test_what_would_come_back_otherwise_is_told() -> None:
    row = tagged_words("Yorkshire tea", [Span(0, 4, "city"), Span(10, 12, "person")], LABELS)
    assert row.misaligned == [Span(0, 4, "city"), Span(10, 12, "person")]
    row = tagged_words("a b", [Span(0, 3, "city"), Span(2, 3, "person")], LABELS)
    assert row.overlapping == [Span(2, 3, "person")]
    assert row.tags == ["B-city", "I-city"]
