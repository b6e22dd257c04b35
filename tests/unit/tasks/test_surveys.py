from __future__ import annotations

import random
from itertools import combinations
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import (
    ExtractionRow,
    Preference,
    PreferenceRow,
    Span,
    Transformation,
    TransformationRow,
)
from tunekit.findings import Finding
from tunekit.tasks.base import Task
from tunekit.tasks.extraction import Extraction


def surveyed(task: Task, rows: list[Any]) -> tuple[list[Finding], dict[str, int | float]]:
    """What a survey says, whatever portions the rows come in."""
    survey = task.survey()
    for first in range(0, len(rows), 7):
        survey.see(rows[first : first + 7])
    return list(survey.findings()), dict(survey.figures())


# --- spans ----------------------------------------------------------------------------------------


@st.composite
def marked(draw: st.DrawFn) -> ExtractionRow:
    text = draw(st.text(alphabet="ab1 .😀\n", max_size=10))
    places = st.integers(-1, len(text) + 1)
    spans = draw(st.lists(st.builds(Span, places, places, st.just("x")), max_size=4))
    return ExtractionRow(text=text, spans=tuple(spans))


@given(st.lists(marked(), max_size=10))
def test_the_figures_of_spans(rows: list[ExtractionRow]) -> None:
    """By the definitions: what stands on both sides of an end, characters in common."""
    _, figures = surveyed(Extraction(), rows)
    whole = [
        (row.text, span)
        for row in rows
        for span in row.spans
        if 0 <= span.start < span.end <= len(row.text)
    ]

    def cut(text: str, at: int) -> bool:
        return text[max(at - 1, 0) : at].isalnum() and text[at : at + 1].isalnum()

    assert figures == {
        "spans": sum(len(row.spans) for row in rows),
        "rows_without_spans": sum(not row.spans for row in rows),
        "spans_out_of_range": sum(len(row.spans) for row in rows) - len(whole),
        "overlapping_pairs": sum(
            bool({*range(*one[:2])} & {*range(*two[:2])})
            for row in rows
            for one, two in combinations(row.spans, 2)
        ),
        "spans_cut_in_a_word": sum(
            cut(text, span.start) or cut(text, span.end) for text, span in whole
        ),
        "spans_with_outer_space": sum(
            (words := text[span.start : span.end]) != words.strip() for text, span in whole
        ),
    }


def in_utf16(text: str, words: str, label: str = "x") -> ExtractionRow:
    """A row as a program writes it that counts UTF-16 code units."""
    start = text.index(words)
    ends = (start, start + len(words))
    units = (len(text[:at].encode("utf-16-le")) // 2 for at in ends)
    return ExtractionRow(text=text, spans=(Span(*units, label),))


SHIFTED = [
    in_utf16("😀 in Rome today", "Rome"),
    in_utf16("Nice 👍🏻 from Paris.", "Paris"),
    in_utf16("🎉🎉 Happy birthday, Anna!", "Anna"),
    in_utf16("The end: 🚂 Berlin", "Berlin"),
]


def test_offsets_in_utf16_are_recognised() -> None:
    plain = [in_utf16(f"number {at} in Rome", "Rome") for at in range(50)]
    (found,), _ = surveyed(Extraction(), [*plain, *SHIFTED])
    assert (found.code, found.severity, found.row) == ("utf16-offsets", "warning", None)
    assert "offsets='utf16'" in str(found.suggestion)
    assert " 4 different rows" in found.message


def test_no_verdict_without_clear_evidence() -> None:
    assert surveyed(Extraction(), SHIFTED[:1])[0] == []
    assert surveyed(Extraction(), SHIFTED[:2])[0] == []
    # Where as many rows speak against it, it isn't so.
    right = [ExtractionRow(text=f"😀 Rome {at}", spans=(Span(2, 6, "x"),)) for at in range(3)]
    assert surveyed(Extraction(), [*SHIFTED[:3], *right])[0] == []
    assert surveyed(Extraction(), right * 5)[0] == []
    many = [in_utf16(f"😀 in Rome {at}", "Rome") for at in range(12)]
    assert surveyed(Extraction(), [*many, *right])[0] == []
    assert surveyed(Extraction(), [*many, right[0]])[0] != []
    # Copies of one row are no more evidence than that row.
    assert surveyed(Extraction(), SHIFTED[:1] * 9)[0] == []
    # Broken spans that stay broken are no evidence either.
    noise = [ExtractionRow(text=f"😀 Romes {at}", spans=(Span(4, 6, "x"),)) for at in range(9)]
    assert surveyed(Extraction(), [*SHIFTED[:3], *noise])[0] == []
    # In these scripts nothing is cut, so nothing can be said.
    han = [ExtractionRow(text=f"😀我在北京{at}", spans=(Span(4, 6, "x"),)) for at in range(9)]
    assert surveyed(Extraction(), han)[0] == []


def inclusive(text: str, words: str) -> ExtractionRow:
    """A row whose span ends at its last character."""
    start = text.index(words)
    return ExtractionRow(text=text, spans=(Span(start, start + len(words) - 1, "x"),))


CITIES = [f"{at}. We fly to {city} on Monday" for at, city in enumerate(["Rome", "Bonn", "Linz"])]


def test_ends_that_are_all_short_by_one_are_recognised() -> None:
    rows = [inclusive(text, text.split()[4]) for text in CITIES]
    (found,), _ = surveyed(Extraction(), rows)
    assert (found.code, found.severity, found.row) == ("inclusive-ends", "warning", None)
    assert "ends='inclusive'" in str(found.suggestion)
    assert " 3 different rows" in found.message
    assert surveyed(Extraction(), rows[:2])[0] == []
    assert surveyed(Extraction(), rows[:1] * 9)[0] == []


def test_ends_that_are_right_in_many_rows_are_no_convention() -> None:
    short = [inclusive(text, text.split()[4]) for text in CITIES]
    right = [ExtractionRow(text=text, spans=(Span(6, 9, "x"),)) for text in CITIES]
    assert surveyed(Extraction(), [*short, *right])[0] == []
    # Where a number ends before a unit, a cut may be meant.
    units = [ExtractionRow(text=f"{at}m of it", spans=(Span(0, 1, "x"),)) for at in range(9)]
    assert surveyed(Extraction(), units)[0] == []


def test_a_set_that_counts_otherwise_in_the_end_alone_is_no_convention() -> None:
    right = [ExtractionRow(text=f"in Rome {at}", spans=(Span(3, 7, "x"),)) for at in range(1100)]
    short = [inclusive(f"in Rome {at}", "Rome") for at in range(1100, 1400)]
    assert surveyed(Extraction(), [*right, *short])[0] == []


# --- options --------------------------------------------------------------------------------------


def questions(
    count: int, best: Any, *, seed: int = 1, options: int = 4, ranked: bool = False
) -> list[PreferenceRow]:
    """Random words as options; ``best`` picks one of them."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        texts = tuple(
            " ".join(f"w{draw.randrange(300)}" for _ in range(draw.randrange(3, 9)))
            for _ in range(options)
        )
        chosen = best(draw, texts)
        order = {"ranks": tuple(int(at != chosen) for at in range(options))}
        rows.append(
            PreferenceRow(
                question=f"question {number}?",
                options=texts,
                **(order if ranked else {"best": chosen}),
            )
        )
    return rows


def at_random(draw: random.Random, texts: tuple[str, ...]) -> int:
    return draw.randrange(len(texts))


def longest(draw: random.Random, texts: tuple[str, ...]) -> int:
    if draw.random() < 0.4:
        return at_random(draw, texts)
    return max(range(len(texts)), key=lambda at: len(texts[at]))


def first(draw: random.Random, texts: tuple[str, ...]) -> int:
    return 0


def codes(rows: list[PreferenceRow], goal: Literal["choose", "answer"] = "choose") -> list[str]:
    return [found.code for found in surveyed(Preference(goal), rows)[0]]


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("count", [100, 5_000])
def test_a_length_that_gives_the_answer_away(count: int, ranked: bool) -> None:
    (found,), _ = surveyed(Preference(), questions(count, longest, ranked=ranked))
    assert (found.code, found.severity) == ("options-give-answer", "warning")
    assert "being the longest" in found.message
    assert "chance in 25.0%" in found.message


def test_a_word_that_gives_the_answer_away() -> None:
    rows = [
        row.model_copy(
            update={
                "options": tuple(
                    f"{text} NOT" if at == row.best else f"{text} yes"
                    for at, text in enumerate(row.options)
                )
            }
        )
        for row in questions(80, at_random)
    ]
    (found,), _ = surveyed(Preference(), rows)
    assert found.code == "options-give-answer"
    assert "the word 'not'" in found.message


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("count", [4, 30, 300, 3_000])
def test_luck_gives_nothing_away(seed: int, count: int) -> None:
    options = (2, 3, 4, 6)[seed % 4]
    assert codes(questions(count, at_random, seed=seed, options=options)) == []


def test_a_few_rows_are_never_evidence() -> None:
    assert codes(questions(6, longest)) == []
    assert codes(questions(4, first, options=2)) == []


def test_one_question_in_many_rows_teaches_nothing_about_others() -> None:
    """A rule that knew the answers to these questions by heart would be right in all of them."""
    draw = random.Random(3)
    answers = {
        question: [f"{question} w{draw.randrange(10**6)}" for _ in range(4)]
        for question in map(str, range(60))
    }
    rows = [
        PreferenceRow(
            question=question, options=(one[0], one[other])[:: draw.choice((1, -1))], best=0
        )
        for question, one in answers.items()
        for other in (1, 2, 3)
    ]
    rows = [
        row.model_copy(update={"best": row.options.index(answers[row.question][0])}) for row in rows
    ]
    assert codes(rows) == []


def test_the_best_at_one_place() -> None:
    (found,), _ = surveyed(Preference(), questions(60, first))
    assert (found.code, found.severity) == ("best-at-one-place", "info")
    assert "number 1 in 60 of 60 rows (100.0%, by chance 25.0%)" in found.message
    # Where a model is taught to answer it sees no options, so they have no places.
    assert codes(questions(60, first), "answer") == []


def test_a_survey_says_the_same_each_time() -> None:
    rows = questions(3_000, longest)
    assert surveyed(Preference(), rows) == surveyed(Preference(), rows)


def test_a_survey_keeps_a_sample_only() -> None:
    survey = Preference().survey()
    rows = questions(500, longest)
    for _ in range(20):
        survey.see(rows)
    kept = survey._sample._kept  # type: ignore[attr-defined]
    assert 500 <= len(kept) <= 2_000


def test_the_figures_of_options() -> None:
    rows = [
        PreferenceRow(question="q", options=("a", "b", "a"), best=0),
        PreferenceRow(question="q", options=("a", "b"), best=2),
        PreferenceRow(question="q", options=("a",), best=-1),
        PreferenceRow(question="q", options=("a", "b", "c", "d"), ranks=(0, 1, 2, 3)),
        PreferenceRow(question="q", options=("a", "b"), ranks=(0, 1, 2)),
        PreferenceRow(question="q", options=()),
    ]
    assert surveyed(Preference(), rows) == (
        [],
        {
            "options_min": 0,
            "options_max": 4,
            "rows_with_equal_options": 1,
            "best_out_of_range": 2,
        },
    )


# --- texts ----------------------------------------------------------------------------------------


def test_rows_that_need_no_change() -> None:
    rows = [TransformationRow(input=str(at), output=str(at - at % 4)) for at in range(8)]
    (found,), figures = surveyed(Transformation(), rows)
    assert figures == {"identity_rows": 2}
    assert (found.code, found.severity, found.row) == ("identity-rows", "info", None)
    assert "2 of 8 rows (25.0%)" in found.message
    assert surveyed(Transformation(), rows[1:4]) == ([], {"identity_rows": 0})


def test_copies_of_a_question_are_no_more_evidence_than_it() -> None:
    for seed in range(8):
        few = questions(6, lambda draw, texts: draw.randrange(2), seed=seed, options=2)
        assert "options-give-answer" not in [
            one.code for one in surveyed(Preference(), few * 50)[0]
        ]
