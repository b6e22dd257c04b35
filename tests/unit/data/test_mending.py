from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tunekit import (
    Classification,
    ClassificationRow,
    Dataset,
    Extraction,
    ExtractionRow,
    Preference,
    PreferenceRow,
    Span,
    Transformation,
    TransformationRow,
)
from tunekit.data.mending import Change, fixable
from tunekit.errors import DataChanged, InputError
from tunekit.findings import Finding
from tunekit.tasks.base import Row, Task

SHORT = {"text": "Call 555-1234.", "spans": [[5, 12, "phone"]]}
RIGHT = {"text": "in Rome", "spans": [[3, 7, "city"]]}


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def codes(changes: tuple[Change, ...]) -> list[str]:
    return [change.code for change in changes]


# --- what is fixed --------------------------------------------------------------------------------


def test_a_fixed_set_is_the_same_source_with_other_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [RIGHT, SHORT, RIGHT])
    data = Dataset.read(path, Extraction())
    fixed, changes = data.fix()
    assert changes == (
        Change("span-off-by-one", 1, "rows.jsonl:2", "spans", (5, 12, "phone"), (5, 13, "phone")),
    )
    assert str(changes[0]) == (
        "rows.jsonl:2, spans: 5–12 ('phone') → 5–13 ('phone') [span-off-by-one]"
    )
    assert isinstance(changes[0].after, Span)
    assert [row.spans for row in fixed] == [
        (Span(3, 7, "city"),),
        (Span(5, 13, "phone"),),
        (Span(3, 7, "city"),),
    ]
    assert [fixed.place(line) for line, _ in fixed.numbered()] == [
        "rows.jsonl:1",
        "rows.jsonl:2",
        "rows.jsonl:3",
    ]
    # What was there stays as it was.
    assert data[1].spans == (Span(5, 12, "phone"),)
    assert fixed[1] == fixed[1:2][0] == next(iter(fixed.filter(lambda row: "Call" in row.text)))
    assert fixed[1].spans == (Span(5, 13, "phone"),)
    again = Dataset.from_rows(list(fixed), Extraction())
    assert fixed.fingerprint == again.fingerprint != data.fingerprint
    assert fixed.column("spans") == again.column("spans")
    assert fixed.to("jsonl") == again.to("jsonl")


def test_nothing_to_fix_is_the_same_set(tmp_path: Path) -> None:
    data = Dataset.from_rows([RIGHT], Extraction())
    fixed = data.fix()
    assert fixed.data is data and fixed.changes == ()
    assert str(fixed) == "no changes"
    assert str(Dataset.from_rows([SHORT], Extraction()).fix()).count("\n") == 0


def test_a_file_that_changed_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", [SHORT, RIGHT])
    fixed = Dataset.read(path, Extraction()).fix().data
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataChanged):
        list(fixed)


def test_a_part_is_fixed_alone(tmp_path: Path) -> None:
    records = [{**SHORT, "text": f"Call 555-1234. {at}"} for at in range(40)]
    data = Dataset.read(written(tmp_path / "rows.jsonl", records), Extraction())
    part = data[10:20]
    fixed, changes = part.fix()
    assert [change.row for change in changes] == list(range(10))
    assert changes[3].source == "rows.jsonl:14"
    assert [row.spans[0].end for row in fixed] == [13] * 10
    assert [row.text for row in fixed] == [row.text for row in part]
    train, test = fixed.split(test=0.5)
    assert {row.spans[0].end for row in [*train, *test, *fixed.sample(3)]} == {13}
    assert fixed.fix().changes == ()


def test_a_fixed_set_is_fixed_further() -> None:
    rows = [SHORT, {"text": "in Rome", "spans": [[2, 7, "city"]]}]
    data = Dataset.from_rows(rows, Extraction())
    first, one = data.fix(["span-off-by-one"])
    second, two = first.fix(["span-outer-space"])
    assert codes(one) == ["span-off-by-one"] and codes(two) == ["span-outer-space"]
    assert [row.spans[0][:2] for row in second] == [(5, 13), (3, 7)]
    assert second.fingerprint == data.fix().data.fingerprint


def test_counts_follow_the_rows() -> None:
    rows = [
        {"text": "in Rome", "spans": [[3, 7, " city"], [3, 7, "city"]]},
        {"text": "in Rome", "spans": [[3, 7, "town"], [3, 7, "town"]]},
        {"text": "in Rome", "spans": [[3, 7, "town"]]},
    ]
    data = Dataset.from_rows(rows, Extraction())
    assert data.task.labels == (" city", "city", "town")
    assert data.needs == {"overlap": 2}
    fixed, changes = data.fix()
    assert codes(changes) == ["label-outer-space", "repeated-span"]
    assert fixed[0].spans == (Span(3, 7, "city"),)
    assert fixed.label_counts == {"city": 1, "town": 2}
    assert fixed.needs == {}
    assert fixed.task.labels == ("city", "town")
    assert fixed.check(near_duplicates=False).errors == ()
    # A part that is made of it has what it has.
    assert fixed[1:].label_counts == {"town": 2}
    assert fixed[:1].task.labels == ("city", "town")


def test_labels_are_resolved_again_unless_they_were_declared() -> None:
    rows = [{"text": str(at), "label": label} for at, label in enumerate(["a", "b ", "b", " c"])]
    data = Dataset.from_rows(rows, Classification(instruction="Go."))
    assert data.task.labels == (" c", "a", "b", "b ")
    fixed = data.fix().data
    assert fixed.task == Classification(["a", "b", "c"], instruction="Go.")
    assert fixed.label_counts == {"a": 1, "b": 2, "c": 1}
    # A part knows labels that it doesn't show, and gives up none that it does.
    part, _ = data[1:3].fix()
    assert part.task.labels == (" c", "a", "b")
    declared = Dataset.from_rows(rows, Classification(["c", "b ", "b", "a"]))
    fixed, changes = declared.fix()
    assert [(change.row, change.after) for change in changes] == [(3, "c")]
    assert fixed.task is declared.task or fixed.task == declared.task


@pytest.mark.parametrize(
    ("text", "code", "after"),
    [
        ("\ufeffHello", "byte-order-mark", "Hello"),
        ("cafe\u0301", "non-nfc", "café"),
        ("fÃ¼r MÃ¼ller", "damaged-encoding", "für Müller"),
        ("itâ€™s", "damaged-encoding", "it’s"),
    ],
)
@pytest.mark.parametrize("task", [Classification(), Transformation(), Extraction(), Preference()])
def test_texts_are_fixed_for_every_task(task: Task, text: str, code: str, after: str) -> None:
    row: Row
    match task.kind:
        case "classification":
            row = ClassificationRow(text=text, label="a")
        case "transformation":
            row = TransformationRow(input="in", output=text)
        case "extraction":
            end = len(text)
            row = ExtractionRow(text=f"{text} x", spans=(Span(0, end, "y"),), context=text)
        case _:
            row = PreferenceRow(question="q", options=("a", text), best=1)
    data = Dataset.from_rows([row], task)
    assert code in {found.code for found in data.check()}
    fixed, changes = data.fix([code])
    assert set(codes(changes)) == {code}
    assert code not in {found.code for found in fixed.check()}
    (now,) = fixed
    assert after in str(now) and text not in str(now)
    if isinstance(now, ExtractionRow):
        ((start, end, _),) = now.spans
        assert now.text[start:end] == after


def test_a_text_that_spans_cut_apart_isnt_rewritten() -> None:
    row = ExtractionRow(text="cafe\u0301", spans=(Span(0, 4, "x"),))
    assert Dataset.from_rows([row], Extraction()).fix().changes == ()


def test_one_fix_makes_room_for_another() -> None:
    # Decoded, "fÃ¼" is one letter shorter; then the span is one place short of "für".
    row = ExtractionRow(text="da fÃ¼r", spans=(Span(3, 6, "x"),))
    fixed, changes = Dataset.from_rows([row], Extraction()).fix()
    assert codes(changes) == ["damaged-encoding", "damaged-encoding", "span-off-by-one"]
    assert fixed[0] == ExtractionRow(text="da für", spans=(Span(3, 6, "x"),))


def test_a_change_of_a_long_text_shows_where_it_is() -> None:
    text = f"{'before ' * 30}fÃ¼r{' after' * 30}"
    rows = [TransformationRow(input="a", output=text)]
    (change,) = Dataset.from_rows(rows, Transformation()).fix().changes
    assert change.before == text and change.after == text.replace("Ã¼", "ü")
    assert str(change) == (
        "rows[0], output: '…fore before before fÃ¼r after after after …' → "
        "'…fore before before für after after after …' [damaged-encoding]"
    )


def test_no_text_is_emptied() -> None:
    rows = [PreferenceRow(question="q", options=("a", "", "\ufeff"), best=0)]
    assert Dataset.from_rows(rows, Preference()).fix().changes == ()


def test_what_was_lost_stays_visible() -> None:
    rows = [TransformationRow(input="a", output="dÃ©jÃ? vu")]
    assert Dataset.from_rows(rows, Transformation()).fix().changes == ()


def test_what_was_out_of_range_is_looked_at_again() -> None:
    row = ExtractionRow(text="cafe\u0301", spans=(Span(0, 6, "x"),))
    fixed, changes = Dataset.from_rows([row], Extraction()).fix()
    assert codes(changes) == ["span-out-of-range", "non-nfc", "non-nfc"]
    assert fixed[0] == ExtractionRow(text="café", spans=(Span(0, 4, "x"),))


def test_copies_of_options_are_left_out() -> None:
    row = {"question": "q", "options": ["a", "b", "a"], "best": 2}
    fixed, changes = Dataset.from_rows([row], Preference()).fix()
    assert [str(change) for change in changes] == [
        "rows[0], options: ['a', 'b', 'a'] → ['a', 'b'] [equal-options]",
        "rows[0], best: 2 → 0 [equal-options]",
    ]
    assert fixed[0] == PreferenceRow(question="q", options=("a", "b"), best=0)
    assert fixed.check(near_duplicates=False).errors == ()


def test_repeated_rows_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    records = [RIGHT, SHORT, RIGHT, {**RIGHT, "id": "x"}, SHORT, {"text": "in Rome", "spans": []}]
    data = Dataset.read(written(tmp_path / "rows.jsonl", records), Extraction())
    assert len(data.fix().data) == 6
    fixed, changes = data.fix(["repeated-row"])
    assert [(change.row, change.source) for change in changes] == [
        (2, "rows.jsonl:3"),
        (3, "rows.jsonl:4"),
        (4, "rows.jsonl:5"),
    ]
    assert str(changes[0]) == "rows.jsonl:3: left out [repeated-row]"
    assert changes[0].before == data[2] and changes[0].after is None
    assert [fixed.place(line) for line, _ in fixed.numbered()] == [
        "rows.jsonl:1",
        "rows.jsonl:2",
        "rows.jsonl:6",
    ]
    assert fixed.label_counts == {"city": 1, "phone": 1}
    assert "repeated-row" not in {found.code for found in fixed.check()}
    both, changes = data[1:].fix(["repeated-row", "span-off-by-one"])
    assert [(change.row, change.code) for change in changes] == [
        (0, "span-off-by-one"),
        (2, "repeated-row"),
        (3, "repeated-row"),
    ]
    assert [row.spans for row in both] == [(Span(5, 13, "phone"),), (Span(3, 7, "city"),), ()]
    assert data.filter(lambda row: False).fix(["repeated-row"]).changes == ()


@pytest.mark.parametrize("wrong", [["span-cut-in-word"], "nonsense", ["label-outer-space", "x"]])
def test_what_cant_be_fixed_is_said(wrong: Any) -> None:
    data = Dataset.from_rows([SHORT], Extraction())
    with pytest.raises(InputError, match=r"byte-order-mark, .*utf16-offsets") as raised:
        data.fix(wrong)
    named = wrong if isinstance(wrong, str) else wrong[-1]
    assert repr(named) in str(raised.value)
    with pytest.raises(InputError, match="damaged-encoding"):
        Dataset.from_rows([TransformationRow(input="a", output="b")], Transformation()).fix(
            ["equal-options"]
        )


def test_codes_may_be_one_or_many() -> None:
    data = Dataset.from_rows([SHORT], Extraction())
    assert codes(data.fix("span-off-by-one").changes) == ["span-off-by-one"]
    assert data.fix([]).changes == ()
    assert codes(data.fix(iter(["span-off-by-one"])).changes) == ["span-off-by-one"]


def test_utf16_offsets_are_converted_on_evidence_only() -> None:
    def shifted(number: int) -> dict[str, Any]:
        return {"text": f"😀 in Rome {number}", "spans": [[6, 10, "city"]]}

    few = Dataset.from_rows([shifted(0), RIGHT], Extraction())
    assert few.fix(["utf16-offsets"]).changes == ()
    data = Dataset.from_rows([RIGHT, *map(shifted, range(9))], Extraction())
    assert "utf16-offsets" in {found.code for found in data.check()}
    for fixed, changes in (data.fix(), data.fix(["utf16-offsets"])):
        assert codes(changes) == ["utf16-offsets"] * 9
        assert [row.text[row.spans[0].start : row.spans[0].end] for row in fixed] == ["Rome"] * 10
        assert "utf16-offsets" not in {found.code for found in fixed.check()}
        assert fixed.fix().changes == ()


def test_ends_that_are_all_short_by_one_are_moved_together() -> None:
    def short(number: int) -> dict[str, Any]:
        # "7p" alone has no safe reading; in a set that counts so it has one.
        return {"text": f"{number}. at 7pm, Rome", "spans": [[6, 8, "time"], [11, 14, "city"]]}

    assert Dataset.from_rows([short(0)], Extraction()).fix(["inclusive-ends"]).changes == ()
    data = Dataset.from_rows(list(map(short, range(5))), Extraction())
    assert "inclusive-ends" in {found.code for found in data.check()}
    for fixed, changes in (data.fix(), data.fix(["inclusive-ends"])):
        assert codes(changes) == ["inclusive-ends"] * 10
        assert {row.text[one.start : one.end] for row in fixed for one in row.spans} == {
            "7pm",
            "Rome",
        }
        assert fixed.check(near_duplicates=False).of_rows == ()
        assert fixed.fix().changes == ()


def test_counting_otherwise_breaks_no_row_that_is_right() -> None:
    rows = [{"text": f"{at} in Rome", "spans": [[5, 8, "city"]]} for at in "abcdefghijkl"]
    mixed = Dataset.from_rows([*rows, {**RIGHT, "text": "in Rome so"}], Extraction())
    fixed, changes = mixed.fix(["inclusive-ends"])
    assert codes(changes) == ["inclusive-ends"] * 12
    assert fixed[12] == mixed[12]


def test_what_shows_once_rows_are_mended_is_not_left_for_a_second_time() -> None:
    # Read in UTF-16 these spans are whole words only once the marks are gone.
    rows = [{"text": f"{at} 😀 Ã¼ber \ufeffx at noon", "spans": [[6, 10, "x"]]} for at in range(4)]
    fixed, changes = Dataset.from_rows(rows, Extraction()).fix()
    assert "utf16-offsets" in codes(changes)
    assert fixed.fix().changes == ()


@pytest.mark.parametrize(
    ("text", "code", "after"),
    [
        ("e\ufeff\u0301", "byte-order-mark", "é"),  # an accent that a mark kept apart
        ("fu\u00cc\u0081r e\u00cc\u0081", "damaged-encoding", "fúr é"),
    ],
)
def test_what_comes_to_light_is_mended_along(text: str, code: str, after: str) -> None:
    data = Dataset.from_rows([{"input": text, "output": "x"}], Transformation())
    assert {one.code for one in data.check().of_rows} == {code}
    fixed, changes = data.fix([code])
    assert codes(changes) == [code]
    assert fixed[0].input == after
    assert fixed.check().of_rows == ()


def test_capitals_before_a_quotation_mark_are_no_damage() -> None:
    rows = [{"input": text, "output": "x"} for text in ("“MANHÃ” é", "MAÇÃ® e pão")]
    data = Dataset.from_rows(rows, Transformation())
    assert data.check().of_rows == ()
    assert data.fix().changes == ()
    assert (
        Dataset.from_rows([{"input": "HÃ”TEL", "output": "x"}], Transformation())
        .fix()
        .data[0]
        .input
        == "HÔTEL"
    )


def test_only_what_changed_is_kept() -> None:
    rows = [ClassificationRow(text=str(at), label="a") for at in range(500)]
    rows[77] = ClassificationRow(text="x", label="a ")
    fixed = Dataset.from_rows(rows, Classification()).fix().data
    mended = ClassificationRow(text="x", label="a")
    assert fixed._table.patches == {77: mended}  # type: ignore[attr-defined]
    assert list(fixed) == [*rows[:77], mended, *rows[78:]]
    assert list(fixed[40:]) == [*rows[40:77], mended, *rows[78:]]


# --- properties -----------------------------------------------------------------------------------

#: Few letters, so that faults meet: marks, damage, white space, what isn't in the BMP.
PIECES = st.sampled_from(
    [
        "a",
        "b1",
        " ",
        "  ",
        "-",
        ".",
        "\n",
        "e\u0301",
        "\u0301",
        "\ufeff",
        "Ã¼",
        "â€™",
        "😀",
        "中",
        "7",
    ]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
LABELS = st.sampled_from(["x", " x", "y", "e\u0301", "é", "", " "])


@st.composite
def spanned(draw: st.DrawFn) -> ExtractionRow:
    text = draw(TEXTS)
    places = st.integers(-1, len(text) + 1)
    spans = draw(st.lists(st.builds(Span, places, places, LABELS), max_size=3))
    context = draw(st.one_of(st.none(), TEXTS))
    return ExtractionRow(text=text, spans=tuple(spans), context=context)


PREFERENCES = st.builds(
    PreferenceRow,
    question=TEXTS,
    options=st.lists(TEXTS, max_size=4).map(tuple),
    best=st.one_of(st.none(), st.integers(-1, 4)),
    ranks=st.one_of(st.none(), st.lists(st.integers(0, 2), max_size=4).map(tuple)),
)
SETS = st.one_of(
    st.tuples(st.just(Extraction()), st.lists(spanned(), min_size=1, max_size=5)),
    st.tuples(st.just(Extraction(["x", "é"])), st.lists(spanned(), min_size=1, max_size=5)),
    st.tuples(
        st.just(Classification()),
        st.lists(st.builds(ClassificationRow, text=TEXTS, label=LABELS), min_size=1, max_size=5),
    ),
    st.tuples(
        st.just(Transformation()),
        st.lists(st.builds(TransformationRow, input=TEXTS, output=TEXTS), min_size=1, max_size=5),
    ),
    st.tuples(st.just(Preference()), st.lists(PREFERENCES, min_size=1, max_size=5)),
)


def found(data: Dataset) -> Iterator[Counter[str]]:
    """The codes of what is wrong with each row, as its task sees it."""
    for row in data:
        yield Counter(one.code for one in data.task.findings(row))


@settings(max_examples=300)
@given(SETS)
def test_fixing_is_safe(case: tuple[Task, list[Row]]) -> None:
    task, rows = case
    data = Dataset.from_rows(rows, task)
    fixed, changes = data.fix()
    # Nothing is changed silently, and nothing is said that wasn't done.
    differ = {at for at, (one, two) in enumerate(zip(data, fixed, strict=True)) if one != two}
    assert differ == {change.row for change in changes}
    assert {change.code for change in changes} <= fixable(task) - {"repeated-row"}
    # No fault is invented.
    for before, after in zip(found(data), found(fixed), strict=True):
        assert after <= before
    # Once is enough.
    assert fixed.fix().changes == ()
    # What a set knows of its rows is true of them.
    again = Dataset.from_rows(list(fixed), task)
    assert fixed.label_counts == again.label_counts
    assert fixed.needs == again.needs
    assert fixed.fingerprint == again.fingerprint
    assert fixed.task == again.task
    assert list(fixed[: len(fixed)]) == list(fixed)


def promised(data: Dataset) -> Counter[tuple[int | None, str, str | None]]:
    """Row, code and field of what fix() is said to mend in rows."""
    return places(one for one in data.check(near_duplicates=False) if promises(one))


def promises(finding: Finding) -> bool:
    said = finding.suggestion or ""
    return "data.fix() " in said and "data.fix() leaves that to you" not in said


def places(found: Iterable[Finding]) -> Counter[tuple[int | None, str, str | None]]:
    return Counter((one.row, one.code, one.field) for one in found)


@settings(max_examples=300)
@given(SETS)
def test_what_is_said_to_be_mended_is(case: tuple[Task, list[Row]]) -> None:
    task, rows = case
    data = Dataset.from_rows(rows, task)
    every = data.check(near_duplicates=False)
    # Where a set counts otherwise as a whole, its rows are mended otherwise.
    assume(not task.mends_of_set & every.counts.keys())
    left = places(data.fix().data.check(near_duplicates=False))
    before = places(every)
    for place, count in promised(data).items():
        assert left[place] <= before[place] - count


@pytest.mark.parametrize(
    ("task", "row", "kept", "broken"),
    [
        # A span cuts a letter from its accent, one character of damage, or is out of range.
        (Extraction(), ("e\u0301cole normale", (0, 1, "L")), [], ["non-nfc"]),
        (Extraction(), ("fÃ¼r uns", (0, 2, "L")), [], ["damaged-encoding"]),
        (Extraction(), ("\ufeffa cafe\u0301", (0, 99, "L")), [], ["byte-order-mark", "non-nfc"]),
        (Extraction(), ("cafe\u0301 noir", (0, 5, "L")), ["non-nfc"], []),
        # As one letter it would be in the middle of a word.
        (Extraction(), ("e\u0301cole normale", (0, 2, "L")), [], ["non-nfc"]),
        # A neighbour is in the way of one span, and of another none is.
        (
            Extraction(),
            ("x Köln Bob 123-45, in Rome so", (1, 3, "Q"), (3, 7, "Q"), (21, 26, "R")),
            ["span-outer-space"],
            ["span-off-by-one", "span-outer-space"],
        ),
        # Labels are declared.
        (Extraction(["x "]), ("in Rome", (3, 7, "x ")), [], ["label-outer-space"]),
        (Extraction(["x"]), ("in Rome", (3, 7, "x ")), ["label-outer-space"], []),
        (Extraction(["e\u0301"]), ("in Rome", (3, 7, "e\u0301")), [], ["non-nfc"]),
        # An option would be empty, or the same as another.
        (Preference(), ("cafe\u0301?", "a", "\ufeff"), ["non-nfc"], ["byte-order-mark"]),
        (Preference(), ("q", "é", "e\u0301"), [], ["non-nfc"]),
        (Preference(), ("cafe\u0301?", "fÃ¼r", "x"), ["damaged-encoding", "non-nfc"], []),
    ],
)
def test_what_fix_leaves_alone_is_said(
    task: Task, row: tuple[Any, ...], kept: list[str], broken: list[str]
) -> None:
    text, *parts = row
    record = (
        {"text": text, "spans": parts}
        if isinstance(task, Extraction)
        else {"question": text, "options": parts, "best": 0}
    )
    data = Dataset.from_rows([record], task)
    every = [one for one in data.check() if "data.fix() " in (one.suggestion or "")]
    assert sorted(one.code for one in every if promises(one)) == kept
    assert sorted(one.code for one in every if not promises(one)) == broken
    left = Counter(one.code for one in data.fix().data.check())
    assert not {*kept} - {*broken} & left.keys()
    assert {*broken} <= left.keys()
    for one in every:
        assert promises(one) or "data.fix() leaves that to you: " in str(one)


def test_a_promise_is_looked_at_for_the_right_row() -> None:
    alone = {"text": "in Köln", "spans": [[4, 7, "Q"]]}
    blocked = {"text": "x Köln Bob 123-45", "spans": [[1, 3, "Q"], [3, 7, "Q"]]}
    rows = [{**(blocked if at % 7 == 3 else alone), "n": at} for at in range(1500)]
    data = Dataset.from_rows(rows, Extraction())[700:]
    found = [one for one in data.check(near_duplicates=False) if one.code == "span-off-by-one"]
    assert len(found) == 800
    assert [promises(one) for one in found] == [at % 7 != 3 for at in range(700, 1500)]


@given(SETS)
def test_each_code_does_its_own_work(case: tuple[Task, list[Row]]) -> None:
    task, rows = case
    data = Dataset.from_rows(rows, task)
    for code in sorted(fixable(task)):
        fixed, changes = data.fix([code])
        assert {change.code for change in changes} <= {code}
        if code == "repeated-row":
            contents = [row.content for row in data]
            assert [row.content for row in fixed] == list(dict.fromkeys(contents))


@given(st.lists(spanned(), min_size=1, max_size=4))
def test_words_stay_the_same_where_texts_are_composed(rows: list[ExtractionRow]) -> None:
    data = Dataset.from_rows(rows, Extraction())
    for before, after in zip(data, data.fix(["non-nfc"]).data, strict=True):
        if after.text == before.text:
            continue
        for was, now in zip(before.spans, after.spans, strict=True):
            words = normalize("NFC", before.text[was.start : was.end])
            assert after.text[now.start : now.end] == words
