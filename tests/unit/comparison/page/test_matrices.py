from __future__ import annotations

from typing import Any

from tunekit.comparison.page.matrices import NO_ANSWER, confused_pairs, confusion_matrix


def report(*pairs: tuple[str, str | None, int]) -> dict[str, Any]:
    return {"confusion": [{"truth": t, "predicted": p, "rows": n} for t, p, n in pairs]}


def test_the_matrix_has_every_pair() -> None:
    made = confusion_matrix("m", report(("a", "a", 7), ("a", "b", 2), ("b", None, 1)))
    assert made is not None

    assert [column.name for column in made.table.columns] == ["true label", "a", "b", NO_ANSWER]
    assert made.table.rows == [["a", "7", "2", "0"], ["b", "0", "0", "1"]]
    assert "3 of 10 rows lie off the diagonal" in made.summary
    assert not made.note


def test_of_many_labels_the_most_confused_are_shown_and_the_rest_is_said() -> None:
    right = [(f"label {at:02}", f"label {at:02}", 50) for at in range(40)]
    wrong = [("label 38", "label 39", 9), ("label 00", "label 01", 1)]
    # Each of these is confused more often than the last pair above.
    others = [(f"label {at:02}", f"label {at + 1:02}", 3) for at in range(2, 30, 2)]
    made = confusion_matrix("m", report(*right, *wrong, *others))
    assert made is not None

    shown = [row[0] for row in made.table.rows]
    assert len(shown) == 20 == len(made.table.columns) - 1
    assert {"label 38", "label 39"} <= set(shown)
    assert "label 00" not in shown
    assert "The 20 most confused of 40 labels." in made.note
    assert "of 52 wrong rows" in made.note


def test_pairs_are_sorted_by_rows_and_the_rest_is_counted() -> None:
    made = confused_pairs("m", report(*((f"{at:02}", "x", at + 1) for at in range(20))))
    assert made is not None

    assert made.rows[0] == ["19", "x", "20"]
    assert (len(made.rows), made.note) == (15, "5 more pairs.")


def test_without_pairs_there_is_no_matrix() -> None:
    assert confusion_matrix("m", {}) is None
    assert confused_pairs("m", report(("a", "a", 3))) is None
