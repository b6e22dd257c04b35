from __future__ import annotations

import unicodedata
from itertools import combinations
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Span
from tunekit.tasks.luck import luck
from tunekit.tasks.span_findings import spans_findings
from tunekit.tasks.span_mending import SPAN_MENDS, SPAN_MENDS_OF_SET, mended_spans, rewritten
from tunekit.tasks.spans import (
    as_utf16,
    broken,
    cuts,
    inside,
    mended,
    overlapping_pairs,
    touched,
)

TEXTS = st.text(alphabet="ab1 .-\n\u0301é😀中", max_size=14)


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, tuple[Span, ...]]:
    """A text with spans that are anything but in order, some out of range."""
    text = draw(TEXTS)
    places = st.integers(-1, len(text) + 1)
    spans = st.builds(Span, places, places, st.sampled_from("xy"))
    return text, tuple(draw(st.lists(spans, max_size=4)))


def spanned(text: str, words: str) -> Span:
    """The span of these words, written between bars: ``"in |Rome|"``."""
    before, within, _ = words.split("|")
    assert text == words.replace("|", "")
    return Span(len(before), len(before) + len(within), "x")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # One end is short by one place.
        ("in |Rom|e.", "in |Rome|."),
        ("in R|ome|.", "in |Rome|."),
        ("call |(555) 123-456|7.", "call |(555) 123-4567|."),
        ("on |May 1, 199|0.", "on |May 1, 1990|."),
        ("id |ABC12345|6", "id |ABC123456|"),
        ("to |john.smith@email.co|m.", "to |john.smith@email.com|."),
        ("|Zürich-Nor|d", "|Zürich-Nord|"),
        ("|i|s", "|is|"),
        # White space around.
        ("in| New York| now", "in |New York| now"),
        ("in |Rome \n|now", "in |Rome| \nnow"),
        ("in| Berlin|-Mitte", "in |Berlin|-Mitte"),
        ("(| Rome| )", "( |Rome| )"),
        # Both, around one word.
        ("no| 1234-5678-901|2.", "no |1234-5678-9012|."),
    ],
)
def test_what_has_one_reading_is_mended(written: str, meant: str) -> None:
    text = written.replace("|", "")
    assert mended(text, spanned(text, written)) == spanned(text, meant)


@pytest.mark.parametrize(
    "written",
    [
        "in |Rome|.",  # nothing is wrong
        "in |Ro|me.",  # short by more than one place
        "i|n Rom|e.",  # both ends cut, neither vouches for the other
        "in| New Yor|k",  # white space and a cut, around several words
        "|Rome i|s",  # either "Rome is" or "Rome"
        "|Rome i|nto",  # that would move by two places
        "at |7|pm",  # between a digit and a letter a cut may be meant
        "at t|06:15 PM|",
        "no |123-4|5-6789.",  # inside of a chain there are several places to stop
        "no| is A123-456-|0.",  # an end that hangs between joined words
        "in| a.-|b",
        "in|  |Rome",  # nothing is left
        "|我在北|京",  # a script without spaces says nothing about words
        "|서울|에서",
        "re|sume\u0301|s",  # an accent belongs to its letter
    ],
)
def test_what_has_more_readings_or_none_is_left(written: str) -> None:
    text = written.replace("|", "")
    assert mended(text, spanned(text, written)) is None


def test_an_end_behind_the_text_is_moved_back_by_one_place() -> None:
    assert mended("in Rome", Span(3, 8, "x")) == Span(3, 7, "x")
    assert mended("in Rome", Span(3, 8, "x"), clip=False) is None
    assert mended("in Rome", Span(3, 9, "x")) is None
    assert mended("in Rome", Span(4, 8, "x")) is None
    assert mended("in Rome ", Span(3, 9, "x")) == Span(3, 7, "x")


def test_an_offset_that_is_right_in_utf16_has_two_readings() -> None:
    assert mended("- Rome.", Span(3, 7, "x")) == Span(2, 7, "x")  # "ome." begins too late …
    assert mended("😀 Rome.", Span(3, 7, "x")) is None  # … unless it is "Rome"
    assert as_utf16("😀 Rome.", (Span(3, 7, "x"),)) == (Span(2, 6, "x"),)


@given(marked())
def test_what_is_mended_is_whole_words(case: tuple[str, tuple[Span, ...]]) -> None:
    text, spans = case
    for span in spans:
        better = mended(text, span)
        if better is not None:
            assert broken(text, span)
            assert not broken(text, better)
            assert mended(text, better) is None
            assert better.label == span.label
            # An end moves by one place, or over white space alone.
            for was, now in zip(span[:2], better[:2], strict=True):
                low, high = sorted((was, now))
                assert high - low <= 1 or text[low:high].isspace()


@given(marked(), st.sets(st.sampled_from(sorted(SPAN_MENDS - SPAN_MENDS_OF_SET))))
def test_mending_again_changes_nothing(case: tuple[str, tuple[Span, ...]], codes: set[str]) -> None:
    text, spans = case
    once = mended_spans(text, spans, frozenset(codes), None)
    assert mended_spans(text, once, frozenset(codes), None) == once
    if not codes:
        assert once == spans


@given(marked())
def test_mending_makes_no_new_overlap(case: tuple[str, tuple[Span, ...]]) -> None:
    text, spans = case
    after = mended_spans(text, spans, frozenset({"span-off-by-one"}), None)
    assert overlapping_pairs(after) <= overlapping_pairs(spans)
    assert len(set(after)) == len(set(spans))


def test_neighbours_are_not_run_over() -> None:
    # Somebody marked the last letter otherwise, so the first span's end is no slip.
    both = (Span(0, 3, "x"), Span(3, 4, "y"))
    assert mended_spans("Rome", both, SPAN_MENDS - SPAN_MENDS_OF_SET, None) == both
    twice = (Span(0, 3, "x"), Span(0, 3, "x"))
    assert mended_spans("Rome", twice, frozenset({"span-off-by-one"}), None) == (
        Span(0, 4, "x"),
        Span(0, 4, "x"),
    )
    copy = (Span(0, 3, "x"), Span(0, 4, "x"))
    assert mended_spans("Rome", copy, SPAN_MENDS, None) == (Span(0, 4, "x"),)
    assert mended_spans("Rome", copy, frozenset({"span-off-by-one"}), None) == copy


@given(marked())
def test_spans_are_mended_as_if_each_were_compared_with_all_others(
    case: tuple[str, tuple[Span, ...]],
) -> None:
    text, spans = case
    now = {span: span for span in spans}
    for span in spans:
        better = mended(text, span, trim=False, clip=False) if now[span] == span else None
        others = [one for was, one in now.items() if was != span]
        if better is not None and better not in others:
            into = [one for one in others if one.start < better.end and better.start < one.end]
            if all(one.start < span.end and span.start < one.end for one in into):
                now[span] = better
    expected = tuple(now[span] for span in spans)
    if all(span.start < span.end for span in spans):
        assert mended_spans(text, spans, frozenset({"span-off-by-one"}), None) == expected


def test_a_chain_that_goes_on_is_no_word() -> None:
    assert touched("x" * 100, Span(40, 50, "a")) == Span(0, 100, "a")
    assert touched("x" * 1000, Span(400, 500, "a")) is None
    assert touched("x" * 1000, Span(0, 10, "a")) is None


@pytest.mark.soak
@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("word " * 4000, 3),  # each is short by one
        ("x" * 20_000, 3),  # in the middle of one word
        ("😀 so " * 4000, 3),  # each could be counted in UTF-16
    ],
)
def test_thousands_of_spans_in_a_row_take_time_in_proportion(text: str, length: int) -> None:
    def cost(count: int) -> float:
        spans = tuple(Span(at, at + length, "x") for at in range(0, 5 * count, 5))
        begun = process_time()
        list(spans_findings(text[: 5 * count + 5], spans))
        mended_spans(text[: 5 * count + 5], spans, SPAN_MENDS - SPAN_MENDS_OF_SET, None)
        return process_time() - begun

    cost(10)
    assert cost(4000) < 100 * max(cost(200), 0.001)


@given(marked())
def test_overlapping_pairs_are_all_counted(case: tuple[str, tuple[Span, ...]]) -> None:
    _, spans = case
    pairs = sum(
        bool({*range(one.start, one.end)} & {*range(two.start, two.end)})
        for one, two in combinations(spans, 2)
    )
    assert overlapping_pairs(spans) == pairs


def test_many_overlapping_spans_are_counted_quickly() -> None:
    spans = [Span(0, 100_000, "x"), *(Span(at, 100_000, "x") for at in range(60_000))]
    assert overlapping_pairs(spans) == 60_001 * 60_000 // 2


@given(marked())
def test_the_words_that_a_span_touches(case: tuple[str, tuple[Span, ...]]) -> None:
    text, spans = case
    for span in spans:
        whole = touched(text, span)
        if whole is not None:
            assert inside(text, whole)
            words = text[whole.start : whole.end]
            assert words == words.strip()
            assert not cuts(text, whole.start) and not cuts(text, whole.end)
            assert touched(text, whole) == whole


# --- UTF-16 ---------------------------------------------------------------------------------------


@given(marked())
def test_offsets_are_read_as_utf16(case: tuple[str, tuple[Span, ...]]) -> None:
    text, spans = case
    whole = tuple(span for span in spans if inside(text, span))
    units = tuple(
        Span(*(len(text[:at].encode("utf-16-le")) // 2 for at in span[:2]), span.label)
        for span in whole
    )
    assert as_utf16(text, units) == whole


def test_an_offset_inside_a_character_is_none() -> None:
    assert as_utf16("😀a", (Span(1, 3, "x"),)) is None
    assert as_utf16("a😀", (Span(0, 1, "x"),)) == (Span(0, 1, "x"),)
    assert as_utf16("plain", (Span(0, 99, "x"),)) == (Span(0, 99, "x"),)


# --- texts that are rewritten ---------------------------------------------------------------------


@given(marked(), st.sampled_from(["NFC", "drop", "longer"]))
def test_spans_stay_on_their_words(case: tuple[str, tuple[Span, ...]], how: str) -> None:
    text, spans = case

    def change(part: str) -> str:
        if how == "NFC":
            return unicodedata.normalize("NFC", part)
        return part.replace("-", "" if how == "drop" else "--")

    after = rewritten(text, spans, change)
    if after is None:
        assert spans
        return
    changed, moved = after
    assert changed == change(text)
    for was, now in zip(spans, moved, strict=True):
        assert inside(changed, now)
        assert changed[now.start : now.end] == change(text[was.start : was.end])
        assert changed[: now.start] == change(text[: was.start])


def test_a_change_across_the_end_of_a_span_is_none() -> None:
    def nfc(text: str) -> str:
        return unicodedata.normalize("NFC", text)

    assert rewritten("cafe\u0301", (Span(0, 4, "x"),), nfc) is None
    assert rewritten("cafe\u0301 x", (Span(0, 5, "x"), Span(6, 7, "y")), nfc) == (
        "café x",
        (Span(0, 4, "x"), Span(5, 6, "y")),
    )
    assert rewritten("a-b", (Span(1, 2, "x"),), lambda text: text.replace("-", "")) is None
    assert rewritten("a", (Span(0, 2, "x"),), nfc) is None


# --- luck -----------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.data(), st.floats(0.01, 0.99))
def test_luck_is_never_said_too_small(tries: int, data: st.DataObject, chance: float) -> None:
    from math import comb

    hits = data.draw(st.integers(0, tries))
    exact = sum(
        comb(tries, at) * chance**at * (1 - chance) ** (tries - at) for at in range(hits, tries + 1)
    )
    assert luck(hits, tries, chance) >= exact * (1 - 1e-9)


def test_luck_grows_small_with_evidence() -> None:
    assert luck(0, 0, 0.5) == luck(5, 10, 0.5) == 1.0
    assert luck(10, 10, 0.5) == pytest.approx(2**-10)
    assert luck(60, 100, 0.5) > 0.1
    assert luck(600, 1000, 0.5) < 1e-8
