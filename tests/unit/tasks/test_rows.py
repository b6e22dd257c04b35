from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tunekit import ClassificationRow, ExtractionRow, Span


def test_a_row_is_a_frozen_value() -> None:
    row = ClassificationRow(text="a", label="b")
    assert row == ClassificationRow(text="a", label="b")
    with pytest.raises(ValidationError):
        row.text = "c"


def test_the_id_is_the_given_one_or_made_from_the_content() -> None:
    made = ClassificationRow(text="a", label="b").id
    assert made == ClassificationRow(text="a", label="b", meta=(("x", 1),)).id
    assert made != ClassificationRow(text="a", label="c").id
    assert ClassificationRow(id="7", text="a", label="b").id == "7"
    assert ClassificationRow(id="", text="a", label="b").id == made


def test_meta_is_read_by_name() -> None:
    row = ClassificationRow(text="a", label="b", meta=(("lang", "de"),))
    assert row.get("lang") == "de"
    assert row.get("none") is None
    assert row.get("none", 0) == 0


@pytest.mark.parametrize("value", [1, 1.5, True, None, b"x", ["x"]])
def test_types_are_checked_and_never_converted(value: Any) -> None:
    with pytest.raises(ValidationError):
        ClassificationRow(text=value, label="b")


def test_spans_may_be_given_as_triples() -> None:
    row = ExtractionRow(text="abc", spans=((0, 1, "x"),))  # type: ignore[arg-type]
    assert row.spans == (Span(0, 1, "x"),)
    assert isinstance(row.spans[0], Span)
