"""spaCy's JSON layouts, decoded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.formats.base import Header, Undecoded
from tunekit.formats.spacy import UNANNOTATED, Spacy
from tunekit.shapes import Example, Marks, Passage, Shape, Weights

TEXT = "Who is Shaka Khan?"
MARKED = Example(Passage(TEXT), Marks(((7, 17, "PERSON"),)))  # type: ignore[arg-type]
LABELLED = Example(Passage(TEXT), Weights((("question", 1.0),)))
SPANNED_CODEC, LABELLED_CODEC = Spacy(Shape.SPANNED), Spacy(Shape.LABELLED)


def spanned(record: Any) -> Any:
    return SPANNED_CODEC.decode(record, Header())


def labelled(record: Any) -> Any:
    return LABELLED_CODEC.decode(record, Header())


def paragraph(*tokens: tuple[str, Any], **rest: Any) -> dict[str, Any]:
    return {
        "sentences": [{"tokens": [{"orth": word, "ner": tag} for word, tag in tokens]}],
        **rest,
    }


@pytest.mark.parametrize(
    "record",
    [
        [TEXT, {"entities": [[7, 17, "PERSON"]]}],
        (TEXT, {"entities": [(7, 17, "PERSON")]}),
        [TEXT, {"entities": [[7, 17, "PERSON", "Q183"]]}],
        [TEXT, {"spans": {"sc": [[7, 17, "PERSON"]]}}],
        [TEXT, {"spans": {"found": [[7, 17, "PERSON"]], "none": []}}],
        [TEXT, {"spans": {"found": [[0, 3, "W"]], "sc": [[7, 17, "PERSON"]]}}],
        {"text": TEXT, "entities": [[7, 17, "PERSON"]]},
        {"text": TEXT, "spans": [{"start": 7, "end": 17, "label": "PERSON", "token_start": 2}]},
        {"text": TEXT, "label": [[7, 17, "PERSON"]]},
        {"text": TEXT, "ents": [{"start": 7, "end": 17, "label": "PERSON"}]},
        {"text": TEXT, "entities": [[7, 17, "PERSON"]], "spans": {"sc": [[0, 3, "W"]]}},
        {"text": TEXT, "entities": None, "spans": [[7, 17, "PERSON"]], "answer": "accept"},
        {"text": TEXT, "entities": [[7, 17, "PERSON"]], "cats": {"a": 1, "b": 1}},
    ],
)
def test_spans_are_read_wherever_they_stand(record: Any) -> None:
    assert spanned(record) == MARKED


@pytest.mark.parametrize(
    "record",
    [
        [TEXT, {"cats": {"question": 1.0, "order": 0.0}}],
        {"text": TEXT, "cats": {"question": True, "order": False}},
        {"text": TEXT, "cats": {"question": 1}, "entities": [[7, 17, "PERSON"]]},
        {"text": TEXT, "label": "question", "answer": "accept"},
        paragraph(*[(word, "O") for word in ("Who", "is", "Shaka", "Khan", "?")], raw=TEXT)
        | {"cats": [{"label": "question", "value": 1}, {"label": "order", "value": 0}]},
    ],
)
def test_the_one_category_is_the_label(record: Any) -> None:
    assert labelled(record) == LABELLED


def test_spans_come_in_order_of_appearance() -> None:
    example = spanned({"text": TEXT, "entities": [[7, 17, "P"], [0, 3, "W"], [7, 12, "P"]]})
    assert example.target.spans == ((0, 3, "W"), (7, 12, "P"), (7, 17, "P"))


@pytest.mark.parametrize(
    ("record", "field", "said"),
    [
        ({"text": TEXT}, "entities", 'no "entities"'),
        ([TEXT, {"cats": {"a": 1}}], "entities", 'no "entities"'),
        ({"text": TEXT, "spans": {"a": [[0, 1, "A"]], "b": [[0, 1, "B"]]}}, "spans", "'a', 'b'"),
        ({"text": TEXT, "spans": [[0, 1]]}, "spans", "no span"),
        ({"text": TEXT, "spans": [["0", 1, "A"]]}, "spans", "whole numbers"),
        ({"text": TEXT, "spans": [[True, 1, "A"]]}, "spans", "whole numbers"),
        ({"text": TEXT, "spans": [[0, 1, 7]]}, "spans", "whole numbers"),
        ({"text": TEXT, "spans": "x"}, "spans", "not a list"),
        ({"text": TEXT, "spans": [], "answer": "reject"}, "answer", "'reject'"),
        ({"text": TEXT, "spans": [], "answer": "ignore"}, "answer", "'ignore'"),
        ({"text": TEXT, "entities": [], UNANNOTATED: 2}, "entities", "2 of its tokens"),
        (paragraph(("a", "O"), ("b", "-")), "entities", "1 of its tokens"),
        (paragraph(("a", None)), "entities", 'no "entities"'),
        (paragraph(("a", "LOC")), "sentences", "token 1: 'LOC' is no tag"),
        (paragraph(("a", 3)), "sentences", "not a tag"),
        (paragraph(("b", "O"), raw="a b"), "raw", "token 1, 'b'"),
        (paragraph(("b", "O"), raw=3), "raw", "not a text"),
        ({"sentences": [{"tokens": [{"ner": "O"}]}]}, "sentences", "token 1"),
        ({"sentences": [7]}, "sentences", "token 1"),
        ({"sentences": [], "cats": [{"value": 1}]}, "cats", "no label"),
        ({"paragraphs": [paragraph(), paragraph()]}, "paragraphs", "2 paragraphs in one line"),
        ({"paragraphs": [3]}, "paragraphs", "1 paragraph"),
        ({"text": 1}, "text", "no object"),
        ([TEXT], "text", "no object"),
        ([TEXT, []], "text", "no object"),
        ("text", "text", "no object"),
        (None, "text", "no object"),
    ],
)
def test_what_holds_no_spans_is_refused_with_a_reason(record: Any, field: str, said: str) -> None:
    wrong = spanned(record)
    assert isinstance(wrong, Undecoded), wrong
    assert wrong.field == field
    assert said in wrong.message


@pytest.mark.parametrize(
    ("cats", "said"),
    [
        ({"a": 1, "b": 1}, "2 categories (a, b) with 1"),
        ({"a": 0, "b": 0.0}, "no category with 1"),
        ({"a": 0.4, "b": 0.6}, "'a' is 0.4, neither 0 nor 1"),
        ({"a": "1"}, "no object of labels"),
        (["a"], "no object of labels"),
    ],
)
def test_categories_that_are_no_single_label_are_refused(cats: Any, said: str) -> None:
    wrong = labelled({"text": TEXT, "cats": cats})
    assert isinstance(wrong, Undecoded) and wrong.field == "cats"
    assert said in wrong.message


def test_without_a_category_there_is_no_label() -> None:
    assert labelled([TEXT, {"entities": []}]).field == "cats"
    assert labelled({"text": TEXT, "label": ["question"]}).field == "label"


def test_version_2_has_offsets_into_its_raw_text() -> None:
    tokens = [("``", "O"), ("The", "B-W"), ("Hill", "L-W"), ("''", "O"), ("in", "O")]
    tokens += [("Rome", "U-GPE"), ("-LRB-", "O"), ("again", "O"), ("-RRB-", "O"), (".", "O")]
    example = spanned(paragraph(*tokens, raw='"The  Hill"\nin Rome (again).'))
    text = example.input.text
    assert text == '"The  Hill"\nin Rome (again).'
    assert [(text[start:end], label) for start, end, label in example.target.spans] == [
        ("The  Hill", "W"),
        ("Rome", "GPE"),
    ]


def test_version_2_without_raw_joins_the_tokens_of_all_sentences() -> None:
    record = {
        "sentences": [
            {"tokens": [{"orth": "Hi", "ner": "O"}]},
            {"tokens": [{"orth": "Kim", "ner": "B-P"}, {"orth": "C.", "ner": "L-P"}]},
        ]
    }
    assert spanned(record) == Example(Passage("Hi Kim C."), Marks(((3, 9, "P"),)))  # type: ignore[arg-type]


def test_a_document_of_version_2_is_unpacked_into_its_paragraphs() -> None:
    one, two = paragraph(("a", "O")), paragraph(("b", "O"))
    unpacked = list(SPANNED_CODEC.unpack({"id": 0, "paragraphs": [one, two, 3]}))
    assert unpacked == [{**one, "document": 0}, {**two, "document": 0}, 3]
    assert list(SPANNED_CODEC.unpack([TEXT, {}])) == [[TEXT, {}]]
    alone = {"id": 5, "paragraphs": [one]}
    assert spanned(alone).input.text == "a"
    assert SPANNED_CODEC.leaves(alone) == {"document": 5}


def test_what_is_no_part_of_the_row_is_left_over() -> None:
    record = [
        TEXT,
        {
            "entities": [[7, 17, "PERSON"]],
            "spans": {"sc": [[0, 3, "W"]]},
            "cats": {"question": 1},
            "links": {},
            "id": 3,
        },
    ]
    assert SPANNED_CODEC.leaves(record) == {
        "spans": {"sc": [[0, 3, "W"]]},
        "cats": {"question": 1},
        "links": {},
        "id": 3,
    }
    assert set(LABELLED_CODEC.leaves(record)) == {"entities", "spans", "links", "id"}
    several = {"text": TEXT, "spans": {"sc": [[0, 3, "W"]], "other": [[4, 6, "V"]], "none": []}}
    assert SPANNED_CODEC.leaves(several) == {"spans": {"other": [[4, 6, "V"]]}}


def test_it_looks_for_what_the_task_offers() -> None:
    both = {"text": TEXT, "entities": [[7, 17, "PERSON"]], "cats": {"question": 1}}
    for shapes, expected in (
        ((Shape.LABELLED, Shape.CHAT), LABELLED),
        ((Shape.SPANNED,), MARKED),
        ((Shape.RANKED,), MARKED),
    ):
        assert Spacy().wanting(shapes).decode(both, Header()) == expected


KEYS = [
    *("text", "entities", "spans", "cats", "label", "sentences", "tokens", "orth", "ner"),
    *("raw", "paragraphs", "start", "end", "sc", "answer", "id"),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a", "O", "B-x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("levels", [200, 900, 5000])
def test_what_is_nested_deep_is_refused_like_anything_else(levels: int) -> None:
    deep: Any = "x"
    document: Any = {"text": TEXT, "entities": []}
    for _ in range(levels):
        deep, document = [deep], {"paragraphs": [document]}
    wrong = [
        document,
        {"text": TEXT, "entities": [deep]},
        {"text": TEXT, "entities": [[deep, 1, "A"]]},
        {"text": TEXT, "entities": [], "answer": deep},
        paragraph(("a", deep)),
    ]
    for record in wrong:
        refusal = spanned(record)
        assert isinstance(refusal, Undecoded) and len(refusal.message) < 300


@given(JSON)
def test_any_json_is_an_example_or_refused(record: Any) -> None:
    for wire in (SPANNED_CODEC, LABELLED_CODEC):
        for one in wire.unpack(record):
            found = wire.decode(one, Header())
            assert isinstance(found, Example | Undecoded)
            if isinstance(found, Example):
                wire.leaves(one)
