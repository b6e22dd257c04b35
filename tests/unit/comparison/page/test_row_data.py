from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tunekit.comparison.page.row_data import row_data, script_safe

from . import samples

PLENTY = 10_000_000


def unpacked(comparison: Any, room: int = PLENTY) -> list[dict[str, Any]]:
    """The rows as the page's script reads them."""
    data = json.loads(row_data(comparison, room).json)

    def text(cell: Any) -> str:
        return data["strings"][cell] if isinstance(cell, int) else cell

    rows = []
    for number, id_, asked, truth, meta, right, *said in data["rows"]:
        answers = {}
        for at, name in enumerate(data["models"]):
            cell, sure = said[2 * at], said[2 * at + 1]
            failed = isinstance(cell, list)
            answers[name] = {
                "text": "" if failed else text(cell),
                "right": bool(right >> at & 1),
                "probability": None if sure < 0 else sure / 1000,
                "failure": text(cell[0]) if failed else None,
            }
        rows.append(
            {"row": number, "id": text(id_), "input": text(asked), "truth": text(truth),
             "meta": text(meta), "answers": answers}
        )  # fmt: skip
    return rows


def test_nothing_is_lost_where_there_is_room() -> None:
    for comparison in (samples.classification(), samples.extraction()):
        expected = [
            {**row, "meta": " · ".join(f"{k}: {v}" for k, v in row["meta"].items())}
            for row in comparison["rows"]
        ]
        assert unpacked(comparison) == expected


def test_repeated_texts_are_kept_once() -> None:
    comparison = samples.classification(400, 6)
    made = row_data(comparison, PLENTY).json

    for label in {row["truth"] for row in comparison["rows"]}:
        assert made.count(f'"{label}"') == 1


def test_texts_are_as_long_as_the_room_allows() -> None:
    comparison = samples.classification(100, 4)
    for row in comparison["rows"]:
        row["input"] *= 100
    limits = []
    for room in (1_000_000, 60_000, 25_000):
        made = row_data(comparison, room)
        assert len(made.json.encode()) <= room
        assert made.dropped == 0
        limits.append(made.limit)

    assert limits == sorted(limits, reverse=True)
    assert len(set(limits)) == 3


def test_a_model_that_was_not_asked_says_so() -> None:
    comparison = samples.classification(60, 4)
    name = comparison["models"][2]["name"]
    del comparison["rows"][0]["answers"][name]

    assert unpacked(comparison)[0]["answers"][name]["failure"] == "not asked"


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_json_in_a_page_is_json_and_no_markup(text: str) -> None:
    made = script_safe({text: text})

    assert json.loads(made) == {text: text}
    assert not set("<\u2028\u2029") & set(made)
