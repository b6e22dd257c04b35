"""Rows that are nearly the same, within a set and beside another part."""

from __future__ import annotations

from tunekit import Classification, Dataset

PARCEL = "the parcel that was sent on monday from the town has still not arrived here"
WORDS = PARCEL.split()


def texts(*every: str) -> Dataset:
    return Dataset.from_rows(
        [{"text": text, "label": "ab"[n % 2]} for n, text in enumerate(every)], Classification()
    )


def changed(at: int, word: str = "really") -> str:
    return " ".join([*WORDS[:at], word, *WORDS[at + 1 :]])


OTHER = "my card was charged twice for one and the same invoice in the last month"


def test_a_near_copy_names_the_row_that_it_is_like() -> None:
    data = texts(OTHER, PARCEL, changed(5))
    (near,) = data.check().of_rows
    assert (near.code, near.severity, near.row) == ("near-duplicate", "warning", 2)
    assert "rows[1] (row 1)" in near.message
    assert "87% of their words" in near.message  # 13 of 15: "the" stands there twice
    assert data.check().figures["near_duplicates"] == 1


def test_it_can_be_left_out() -> None:
    found = texts(OTHER, PARCEL, changed(5)).check(near_duplicates=False)
    assert found.of_rows == ()
    assert "near_duplicates" not in found.figures


def test_texts_that_differ_are_no_near_copies() -> None:
    found = texts(OTHER, PARCEL).check()
    assert found.of_rows == ()
    assert found.figures["near_duplicates"] == 0


def test_the_very_same_text_is_told_once() -> None:
    found = texts(PARCEL, OTHER, PARCEL, PARCEL).check()
    assert [(one.code, one.row) for one in found.of_rows] == [
        ("repeated-row", 2),
        ("conflicting-answers", 3),
    ]


def test_the_same_words_in_other_clothes_are_told_as_such() -> None:
    (near,) = texts(PARCEL, OTHER, f"{PARCEL.upper()}!").check().of_rows
    assert near.code == "near-duplicate"
    assert "in the same words" in near.message


def test_a_near_copy_of_a_row_in_the_other_part_is_a_leak() -> None:
    train, test = texts(OTHER, PARCEL), texts("hello", changed(3))
    found = test.check(against=train)
    (near,) = found.of_rows
    assert (near.code, near.severity, near.row) == ("nearly-in-other-part", "warning", 1)
    assert "rows[1] (row 1) of the other part" in near.message
    assert found.figures["rows_nearly_in_other_part"] == 1
    assert found.figures["near_duplicates"] == 0


def test_pairs_within_the_other_part_are_its_own_affair() -> None:
    train, test = texts(PARCEL, changed(2)), texts("hello", OTHER)
    found = test.check(against=train)
    assert found.of_rows == ()


def test_a_repeated_leak_is_told_for_each_row() -> None:
    train, test = texts(OTHER, PARCEL), texts(changed(3), "hello", changed(3))
    found = test.check(against=train)
    assert [one.row for one in found if one.code == "nearly-in-other-part"] == [0, 2]
    assert [one.row for one in found if one.code == "repeated-row"] == [2]


def test_what_the_other_part_has_word_for_word_is_no_near_leak() -> None:
    train, test = texts(OTHER, PARCEL), texts(PARCEL, OTHER)
    assert [one.code for one in test.check(against=train).of_rows] == ["in-other-part"] * 2


def test_a_row_that_is_like_one_of_its_own_part_is_a_leak_all_the_same() -> None:
    found = texts(changed(3), changed(7), OTHER).check(against=texts(PARCEL, "hello"))
    leaks = [one.row for one in found if one.code == "nearly-in-other-part"]
    assert leaks == [0, 1]
