from __future__ import annotations

import pytest

from tunekit import shapes
from tunekit.shapes import Example, Marks, Passage, Said, Shape, Span, Turn, Turns


def test_everything_named_is_there() -> None:
    assert all(hasattr(shapes, name) for name in shapes.__all__)


def test_shapes_are_written_by_their_names() -> None:
    assert f"{Shape.TEXT_TO_TEXT}" == "text-to-text"
    assert Shape("chat") is Shape.CHAT


def test_values_compare_by_content_and_are_hashable() -> None:
    first = Example(Turns((Turn("user", "hi"),)), Said("ho"))
    again = Example(Turns((Turn("user", "hi"),), (), None), Said("ho", ()))
    assert first == again
    assert len({first, again}) == 1


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Passage("a").text = "b"  # type: ignore[misc]


def test_spans_sort_by_where_they_stand() -> None:
    marks = Marks((Span(5, 9, "b"), Span(0, 3, "z"), Span(0, 2, "y")))
    assert sorted(marks.spans) == [(0, 2, "y"), (0, 3, "z"), (5, 9, "b")]
