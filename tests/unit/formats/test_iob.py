"""Tags of every scheme, decoded to the same spans."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.formats.base import Header, Undecoded
from tunekit.formats.iob import Conll, UnknownTag, other_spans, spans_of_tags
from tunekit.formats.registry import codec
from tunekit.shapes import Example, Marks, Passage, Shape, Span

LABELS = st.sampled_from(["PER", "LOC", "creative-work", "B-I", "Ü 1", "O"])
#: (tokens before, tokens inside, label) of each span, and tokens after the last.
LAYOUTS = st.tuples(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), LABELS), max_size=6),
    st.integers(0, 2),
)


def laid_out(layout: Any) -> tuple[list[Span], int]:
    """Spans that don't overlap, and the number of tokens."""
    spans, at = [], 0
    for before, inside, label in layout[0]:
        at += before
        spans.append(Span(at, at + inside, label))
        at += inside
    return spans, at + layout[1]


def written(spans: list[Span], count: int, scheme: str) -> list[str]:
    """The tags of spans, as each scheme defines them."""
    tags = ["O"] * count
    for start, end, label in spans:
        marks = ["B"] + ["I"] * (end - start - 1)
        if scheme in ("IOBES", "BILUO"):
            single, last = ("S", "E") if scheme == "IOBES" else ("U", "L")
            marks[-1] = single if end - start == 1 else last
        if scheme == "IOB1":
            marks[0] = "I"
        tags[start:end] = [f"{mark}-{label}" for mark in marks]
    if scheme == "IOB1":  # a B only where a neighbour of the same type would swallow the span
        for before, after in pairwise(spans):
            if before.end == after.start and before.label == after.label:
                tags[after.start] = f"B-{after.label}"
    return tags


def decoded(tokens: list[str], tags: list[str]) -> Any:
    return Conll().decode({"tokens": tokens, "tags": tags}, Header())


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "IOBES", "BILUO"])
@given(layout=LAYOUTS)
def test_each_scheme_decodes_to_the_spans_that_were_written(scheme: str, layout: Any) -> None:
    spans, count = laid_out(layout)
    assert spans_of_tags(written(spans, count, scheme)) == spans


@given(LAYOUTS, st.data())
def test_spans_are_the_words_of_the_joined_text(layout: Any, data: st.DataObject) -> None:
    spans, count = laid_out(layout)
    word = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
    tokens = data.draw(st.lists(word, min_size=count, max_size=count))
    example = decoded(tokens, written(spans, count, "IOB2"))
    assert isinstance(example, Example)
    assert isinstance(example.input, Passage) and isinstance(example.target, Marks)
    text = example.input.text
    assert text == " ".join(tokens)
    assert [text[start:end] for start, end, _ in example.target.spans] == [
        " ".join(tokens[start:end]) for start, end, _ in spans
    ]
    assert [span.label for span in example.target.spans] == [span.label for span in spans]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        # What conlleval does where no scheme is kept.
        ("I-A O", [(0, 1, "A")]),  # I begins
        ("B-A I-B", [(0, 1, "A"), (1, 2, "B")]),  # another type begins
        ("B-A B-A", [(0, 1, "A"), (1, 2, "A")]),
        ("I-A I-A B-A I-A", [(0, 2, "A"), (2, 4, "A")]),
        ("B-A E-A I-A", [(0, 2, "A"), (2, 3, "A")]),  # an end ends
        ("E-A E-A", [(0, 1, "A"), (1, 2, "A")]),  # an end without a beginning
        ("S-A I-A", [(0, 1, "A"), (1, 2, "A")]),
        ("I-A S-A L-A", [(0, 1, "A"), (1, 2, "A"), (2, 3, "A")]),
        ("B-A M-A E-A W-B", [(0, 3, "A"), (3, 4, "B")]),
        ("", []),
        ("O O", []),
    ],
)
def test_tags_of_no_scheme_are_read_as_the_scorer_reads_them(tags: str, spans: Any) -> None:
    assert spans_of_tags(tags.split()) == spans


@pytest.mark.parametrize("tag", ["NN", "B", "I-", "B_LOC", "b-LOC", "", "X-LOC", "-", "o"])
def test_what_is_no_tag_is_named(tag: str) -> None:
    with pytest.raises(UnknownTag) as caught:
        spans_of_tags(["O", tag])
    assert (caught.value.at, caught.value.tag) == (1, tag)
    wrong = decoded(["ein", "Haus"], ["O", tag])
    assert isinstance(wrong, Undecoded) and wrong.field == "tags"
    assert f"{tag!r} of token 2 ('Haus') is no tag" in wrong.message
    assert "tag_column=" in wrong.message


@pytest.mark.parametrize(
    "record",
    [
        {},
        [],
        None,
        {"tokens": "ab", "tags": ["O", "O"]},
        {"tokens": ["a"], "tags": ["O", "O"]},
        {"tokens": [1], "tags": ["O"]},
        {"tokens": ["a"], "tags": [None]},
        {"tokens": ["a"], "tags": [1]},
    ],
)
def test_what_is_no_record_is_refused(record: Any) -> None:
    assert isinstance(Conll().decode(record, Header()), Undecoded)


def test_the_first_of_several_tags_makes_the_span_and_the_others_are_kept() -> None:
    tokens = ["in", "Siachen", "Glacier", "camp", "of", "DRDO", "Pune"]
    tags = [
        "O",
        "B-creative-work,B-location",
        "I-creative-work,I-location",
        "I-location",
        "O",
        "B-group,B-corporation,B-location",
        "B-location",
    ]
    example = decoded(tokens, tags)
    assert example.target.spans == (
        (3, 18, "creative-work"),
        (19, 23, "location"),
        (27, 31, "group"),
        (32, 36, "location"),
    )
    assert Conll().leaves({"tokens": tokens, "tags": tags, "document": "7"}) == {
        "document": "7",
        "other_spans": ((3, 23, "location"), (27, 31, "corporation"), (27, 31, "location")),
    }


@given(st.lists(st.lists(st.sampled_from(["B-a", "I-a", "E-b", "I-b", "S-c"]), max_size=3)))
def test_the_spans_of_further_tags_are_those_of_each_label_alone(several: list[list[str]]) -> None:
    tags = [",".join(one) or "O" for one in several]
    first = spans_of_tags([one[0] if one else "O" for one in several])
    further = {tag[2:] for one in several for tag in one[1:]}
    expected = {
        span
        for label in further
        for span in spans_of_tags(
            [next((tag for tag in one if tag[2:] == label), "O") for one in several]
        )
    }
    assert other_spans(tags) == sorted(expected.difference(first))


def test_a_comma_in_a_label_parts_nothing() -> None:
    example = decoded(["a", "b"], ["B-red,green", "I-red,green"])
    assert example.target.spans == ((0, 3, "red,green"),)
    assert Conll().leaves({"tokens": ["a"], "tags": ["B-red,green"]}) == {}


def test_it_is_registered_and_says_what_it_is() -> None:
    wire = codec("conll")
    assert wire.shapes == {Shape.SPANNED}
    assert wire.container == "blocks"
    assert "joined by one space" in Conll.changes
