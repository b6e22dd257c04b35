from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Extracted, Extraction, ExtractionRow, Span
from tunekit.errors import InputError
from tunekit.shapes import Example, Failure, Marks, Passage, Said, Shape, Turn, Turns
from tunekit.tasks.base import Misread, Record, Row
from tunekit.tasks.offsets import spans_of
from tunekit.tasks.quotes import place, quote

ALPHABET = 'ab ü😀\n"'


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, tuple[Span, ...]]:
    """A text of few different letters with any spans inside: repeated, nested, adjacent, equal."""
    text = draw(st.text(alphabet=ALPHABET, min_size=1, max_size=12))
    starts = st.integers(0, len(text) - 1)
    spans = []
    for start in draw(st.lists(starts, max_size=6)):
        end = draw(st.integers(start + 1, len(text)))
        spans.append(Span(start, end, draw(st.sampled_from("xy"))))
    return text, tuple(sorted(spans))


@given(marked())
def test_quotes_are_found_where_they_were(case: tuple[str, tuple[Span, ...]]) -> None:
    text, spans = case
    assert place(text, quote(text, spans), None) == (spans, ())


@given(marked())
def test_sorted_answers_are_read_in_the_texts_order(case: tuple[str, tuple[Span, ...]]) -> None:
    text, spans = case
    task = Extraction(order="sorted")
    row = ExtractionRow(text=text, spans=spans)
    (example,) = task.lower(row, Shape.CHAT, task.prompt())
    assert isinstance(example.target, Said)
    words = [one["text"] for one in json.loads(example.target.text)]
    assert words == sorted(words)
    parsed = task.parse(task.asked(row), example.target, Shape.CHAT)
    assert parsed == Extracted(tuple(sorted(spans)))
    lifted = task.lift(example)
    assert isinstance(lifted, ExtractionRow)
    assert lifted.spans == tuple(sorted(spans))
    assert task.lower(lifted, Shape.CHAT, task.prompt()) == (example,)


def test_the_order_is_said_to_the_model() -> None:
    assert "in order of appearance" in Extraction().prompt().system
    assert "sorted by text" in Extraction(order="sorted").prompt().system
    wrong: Any = "random"
    with pytest.raises(InputError, match="order"):
        Extraction(order=wrong)


@pytest.mark.parametrize(
    ("text", "spans", "answer"),
    [
        ("Rome, not Rome", [(0, 4)], [{"text": "Rome"}]),
        ("Rome, not Rome", [(10, 14)], [{"text": "Rome", "nth": 2}]),
        ("Rome, not Rome", [(0, 4), (10, 14)], [{"text": "Rome"}, {"text": "Rome"}]),
        ("New York", [(0, 8), (4, 8)], [{"text": "New York"}, {"text": "York"}]),
        ("aaa", [(0, 2), (1, 3)], [{"text": "aa"}, {"text": "aa", "nth": 2}]),
        ("ab", [(0, 1), (1, 2)], [{"text": "a"}, {"text": "b"}]),
        ("😀 Ü", [(0, 1), (2, 3)], [{"text": "😀"}, {"text": "Ü"}]),
    ],
)
def test_nth_is_said_only_where_it_is_needed(
    text: str, spans: list[tuple[int, int]], answer: list[dict[str, Any]]
) -> None:
    written = json.loads(quote(text, [Span(*span, "t") for span in spans]))
    assert written == [{"type": "t", **one} for one in answer]


@pytest.mark.parametrize("span", [(0, 0), (2, 1), (-1, 2), (0, 4)])
def test_a_span_outside_the_text_is_never_quoted(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="empty or outside"):
        quote("abc", [Span(*span, "t")])


@pytest.mark.parametrize(
    ("answer", "code"),
    [("Rome", "not-json"), ('{"type": "x"}', "not-a-list"), ('["Rome"]', "not-an-entity")],
)
def test_an_unreadable_answer_is_a_failure(answer: str, code: str) -> None:
    found = Extraction().parse(Passage("Rome"), Said(answer), Shape.CHAT)
    assert isinstance(found, Failure)
    assert found.code == code


def test_what_has_no_place_is_kept_apart() -> None:
    answer = json.dumps(
        [
            {"type": "city", "text": "Paris"},
            {"type": "dog", "text": "Rome"},
            {"type": "city", "text": ""},
            {"type": "city", "text": "Rome", "nth": 9},
            {"type": "city", "text": "Rome", "nth": 0},
            {"type": "city", "text": "Rome"},
        ]
    )
    found = Extraction(["city"]).parse(Passage("in Rome"), Said(answer), Shape.CHAT)
    assert isinstance(found, Extracted)
    assert found.spans == (Span(3, 7, "city"),)
    assert [one.text for one in found.unplaced] == ["Paris", "Rome", "", "Rome", "Rome"]
    assert "outside the set" in found.unplaced[1].reason


def test_lifting_doesnt_care_for_the_label_set() -> None:
    turns = Turns((Turn("user", "in Rome"),))
    answer = '[{"type":"dog","text":"Rome"}]'
    row = Extraction(["city"]).lift(Example(turns, Said(answer)))
    assert isinstance(row, ExtractionRow)
    assert row.spans == (Span(3, 7, "dog"),)


@pytest.mark.parametrize("answer", ["none", '[{"type":"city","text":"Paris"}]'])
def test_an_answer_that_cant_be_placed_is_no_row(answer: str) -> None:
    found = Extraction().lift(Example(Turns((Turn("user", "in Rome"),)), Said(answer)))
    assert not isinstance(found, Row)
    assert found.field == "spans"


@pytest.mark.parametrize("shape", [Shape.SPANNED, Shape.CHAT])
def test_a_span_outside_the_text_isnt_lowered(shape: Shape) -> None:
    task = Extraction()
    row = ExtractionRow(text="abc", spans=(Span(1, 9, "x"),))
    with pytest.raises(ValueError, match="outside the text"):
        task.lower(row, shape, task.prompt())


def test_labels_are_a_list() -> None:
    with pytest.raises(InputError, match="list of texts"):
        Extraction("city")


def test_an_order_of_spans_is_never_assumed() -> None:
    task = Extraction()
    row = ExtractionRow(text="a b", spans=(Span(2, 3, "y"), Span(0, 1, "x")))
    (marks,) = task.targets(row, task.asked(row), Shape.SPANNED)
    assert marks == Marks((Span(0, 1, "x"), Span(2, 3, "y")))


# --- offsets --------------------------------------------------------------------------------------


@given(st.text(max_size=20), st.data())
def test_utf16_offsets_are_converted(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    units = [len(text[:at].encode("utf-16-le")) // 2 for at in (start, end)]
    assert spans_of([(*units, "x")], text, 1, offsets="utf16") == (Span(start, end, "x"),)


def test_an_offset_inside_a_character_is_no_offset() -> None:
    wrong = spans_of([(1, 2, "x")], "😀a", 7, offsets="utf16")
    assert isinstance(wrong, Misread)
    assert wrong.line == 7
    assert spans_of([(2, 3, "x")], "😀a", 7, offsets="utf16") == (Span(1, 2, "x"),)


def test_inclusive_ends_are_moved() -> None:
    assert spans_of([(0, 1, "x")], "ab", 1, ends="inclusive") == (Span(0, 2, "x"),)
    assert spans_of([(0, 1, "x")], "😀b", 1, ends="inclusive", offsets="utf16") == (
        Span(0, 1, "x"),
    )


@pytest.mark.parametrize(
    ("raw", "spans"),
    [
        (None, ()),
        ("", ()),
        ("[]", ()),
        ('[[0, 2, "x"]]', (Span(0, 2, "x"),)),
        ([{"start": 0, "end": 2, "label": "x", "score": 1}], (Span(0, 2, "x"),)),
        ([("0", " 2 ", "x")], (Span(0, 2, "x"),)),
        ([(0.0, 2.0, "x")], (Span(0, 2, "x"),)),
    ],
)
def test_spans_are_read_however_they_are_written(raw: Any, spans: tuple[Span, ...]) -> None:
    assert spans_of(raw, "text", 1) == spans


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        ("[", "spans", "no JSON"),
        ("{}", "spans", "not a list"),
        ([[1, 2]], "spans", "start, end and label"),
        ([(True, 2, "x")], "start", "whole numbers"),
        ([(0, 1.5, "x")], "end", "whole numbers"),
        ([(0, "two", "x")], "end", "whole numbers"),
        ([(0, float("nan"), "x")], "end", "whole numbers"),
        ([(0, "9" * 30, "x")], "end", "whole numbers"),
        ([(0, 1, 3)], "label", "not a text"),
    ],
)
def test_what_is_no_span_is_said(raw: Any, field: str, said: str) -> None:
    wrong = spans_of(raw, "text", 3)
    assert isinstance(wrong, Misread)
    assert (wrong.line, wrong.field) == (3, field)
    assert said in wrong.message


# --- one record per span --------------------------------------------------------------------------


def assembled(*records: Mapping[str, Any]) -> list[Any]:
    numbered = [Record(line, line, dict(one)) for line, one in enumerate(records, start=1)]
    return list(Extraction().assemble(numbered, {}))


def test_consecutive_records_of_one_text_are_one_row() -> None:
    found = assembled(
        {"text": "ab", "start": 0, "end": 1, "label": "x"},
        {"text": "ab", "start": 1, "end": 2, "label": "y"},
        {"text": "cd", "start": "-", "end": "", "label": "None"},
        {"text": "ab", "start": 1, "end": 2, "label": "z"},
    )
    assert [(one.line, one.fields["spans"]) for one in found] == [
        (1, (Span(0, 1, "x"), Span(1, 2, "y"))),
        (3, ()),
        (4, (Span(1, 2, "z"),)),
    ]


def test_ids_and_contexts_keep_equal_texts_apart() -> None:
    def record(**more: str) -> dict[str, Any]:
        return {"text": "ab", "start": 0, "end": 1, "label": "x", **more}

    assert len(assembled(record(id="1"), record(id="2"))) == 2
    assert len(assembled(record(id="1"), record(id="1"))) == 1
    assert len(assembled(record(context="c"), record(context="d"))) == 2


def test_a_row_with_a_misread_span_is_no_row() -> None:
    found = assembled(
        {"text": "ab", "start": 0, "end": 1, "label": "x"},
        {"text": "ab", "start": "one", "end": 2, "label": "y"},
        {"text": "ab", "start": 1, "end": 2, "label": "y"},
        {"text": "cd", "start": 0, "end": 1, "label": "x"},
    )
    assert [type(one) for one in found] == [Misread, Record]
    assert found[0].line == 2
    assert found[1].fields["text"] == "cd"


def test_columns_that_only_share_a_name_are_kept() -> None:
    (found,) = assembled({"text": "ab", "spans": [[0, 1, "x"]], "label": "accept", "start": 0.5})
    assert found.fields["spans"] == (Span(0, 1, "x"),)
    assert dict(found.fields["meta"]) == {"label": "accept", "start": 0.5}


# --- check ----------------------------------------------------------------------------------------


def codes(text: str, *spans: tuple[int, int, str], labels: list[str] | None = None) -> list[str]:
    row = ExtractionRow(text=text, spans=tuple(Span(*span) for span in spans))
    return [finding.code for finding in Extraction(labels).findings(row)]


def test_what_is_wrong_with_a_row() -> None:
    assert codes("in Rome", (3, 7, "city")) == []
    assert codes(" ") == ["empty-text"]
    assert codes("in Rome", (3, 8, "city")) == ["span-out-of-range"]
    assert codes("in Rome", (3, 3, "city")) == ["span-out-of-range"]
    assert codes("in Rome", (-1, 7, "city")) == ["span-out-of-range"]
    assert codes("in Rome", (3, 6, "city")) == ["span-off-by-one"]
    assert codes("in Rome", (4, 7, "city")) == ["span-off-by-one"]
    assert codes("in Rome", (3, 5, "city")) == ["span-cut-in-word"]
    assert codes("in Rome", (2, 7, "city")) == ["span-outer-space"]
    assert codes("in Rome", (2, 6, "city")) == ["span-off-by-one", "span-outer-space"]
    assert codes("in Rome", (3, 7, "city, town")) == ["several-types"]
    assert codes("in Rome", (3, 7, " city")) == ["label-outer-space"]
    assert codes("in Rome", (3, 7, "")) == ["empty-label"]
    assert codes("in Rome", (3, 7, "dog"), labels=["city"]) == ["label-outside-set"]


def test_what_is_wrong_with_spans_together() -> None:
    assert codes("in Rome", (0, 2, "x"), (3, 7, "city")) == []
    assert codes("in Rome", (3, 7, "city"), (3, 7, "city")) == ["repeated-span"]
    assert codes("in Rome", (7, 7, "city"), (7, 7, "city")).count("repeated-span") == 1
    assert codes("in Rome", (3, 7, "city"), (3, 7, "town")) == ["overlapping-spans"]
    assert codes("in Rome", (3, 7, "city"), (0, 7, "x"), (3, 7, "city")) == [
        "repeated-span",
        "overlapping-spans",
    ]
    row = ExtractionRow(text="a b c", spans=tuple(Span(0, end, "x") for end in (1, 3, 5)))
    (found,) = Extraction().findings(row)
    assert (found.severity, found.field) == ("info", "spans")
    assert found.message.startswith("3 pairs of spans overlap, such as 0–1 ('x') and 0–3 ('x')")


DONE = "As 3–7 it would be 'Rome': data.fix() does that."


@pytest.mark.parametrize(
    ("text", "span", "suggestion"),
    [
        ("in Rome", (3, 6), DONE),
        ("in Rome", (4, 7), DONE),
        ("in Rome", (2, 7), DONE),
        ("in Rome", (3, 8), DONE),
        ("in New York", (4, 9), "The words it touches are 3–11, 'New York'."),
        ("in Rome", (2, 3), None),
        ("on 7pm-8pm", (3, 4), "The words it touches are 3–10, '7pm-8pm'."),
        ("room A3-B", (5, 6), "Read with ends='inclusive' it would be 'A3'."),
        ("👍 Rome.", (3, 7), "Read with offsets='utf16' it would be 'Rome'."),
        ("👍 Rome", (3, 12), "Offsets count characters from 0, end exclusive; read with"),
        ("👍 Rome", (3, 7), "Read with offsets='utf16' it would be 'Rome'."),
    ],
)
def test_a_way_out_is_suggested(text: str, span: tuple[int, int], suggestion: str | None) -> None:
    row = ExtractionRow(text=text, spans=(Span(*span, "x"),))
    (found,) = Extraction().findings(row)
    if suggestion is None:
        assert found.suggestion is None
    else:
        assert found.suggestion is not None and found.suggestion.startswith(suggestion)


def test_what_a_row_asks() -> None:
    row = ExtractionRow(text="a b", spans=(Span(2, 3, "y"), Span(0, 1, "x")), context="c")
    assert row.asks == ("a b", "c")
    assert row.judged == row.model_copy(update={"spans": row.spans[::-1]}).judged
    assert row.judged != row.model_copy(update={"spans": row.spans[:1]}).judged


def test_texts_are_read_and_rewritten() -> None:
    row = ExtractionRow(text="a b", spans=(Span(2, 3, "y"),), context="c")
    assert list(Extraction().texts(row)) == [("text", "a b"), ("context", "c")]

    def longer(text: str) -> str:
        return text.replace("a", "aaa").replace("c", "d")

    after = ExtractionRow(text="aaa b", spans=(Span(4, 5, "y"),), context="d")
    assert Extraction().retext(row, longer) == after
    assert Extraction().retext(row.model_copy(update={"spans": (Span(2, 9, "y"),)}), longer) is None


def test_labels_of_spans_are_mended() -> None:
    row = ExtractionRow(text="in Rome", spans=(Span(3, 7, " city"), Span(0, 2, "x")))
    after = Extraction().mend(row, frozenset({"label-outer-space"}))
    assert after.spans == (Span(3, 7, "city"), Span(0, 2, "x"))
    assert Extraction([" city", "x"]).mend(row, Extraction.mends) is row
    assert Extraction().relabel(frozenset({" city"}), frozenset({"city"})).labels is None
    task = Extraction(["x", " city"])
    assert task.relabel(frozenset({" city"}), frozenset({"city"})).labels == ("city", "x")


def test_needs() -> None:
    def needs(*spans: tuple[int, int], context: str | None = None) -> tuple[str, ...]:
        marks = tuple(Span(*span, "x") for span in spans)
        return Extraction().needs(ExtractionRow(text="abcdef", spans=marks, context=context))

    assert needs((0, 2), (2, 3)) == ()
    assert needs((0, 3), (2, 3)) == ("overlap",)
    assert needs((4, 5), (0, 6)) == ("overlap",)
    assert needs(context="c") == ("context",)


def test_a_set_without_spans_has_nothing_to_teach() -> None:
    assert [one.code for one in Extraction().set_findings({})] == ["no-spans"]
    assert list(Extraction().set_findings({"city": 1})) == []
