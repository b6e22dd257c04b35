from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.comparison.page.drawing import SERIES, scale, symbol

NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


@given(st.lists(NUMBERS, max_size=8), st.integers(2, 8))
def test_every_value_lies_on_its_scale(values: list[float], ticks: int) -> None:
    made = scale(values, 10, 300, ticks=ticks)

    assert all(10 <= made(value) <= 300 for value in values)
    assert 2 <= len(made.ticks) <= 2 * ticks + 3
    assert all(made.low - 1e-6 <= tick <= made.high + 1e-6 for tick in made.ticks)
    assert len({made.label(tick) for tick in made.ticks}) == len(made.ticks)


def test_a_scale_keeps_its_bounds() -> None:
    made = scale([0.97, 0.999], 0, 100, bounds=(0.0, 1.0))

    assert made.high == 1.0
    assert made(1.4) == 100


def test_a_share_of_one_has_an_axis() -> None:
    made = scale([1.0, 1.0], 0, 100, bounds=(-1.0, 1.0))

    assert made.low < 1.0 == made.high
    assert made.ticks


@pytest.mark.parametrize("way", [1, -1])
def test_up_is_a_scale_from_high_to_low(way: int) -> None:
    start, end = (0, 100)[::way]

    assert scale([0, 1], start, end)(0) == start


def test_series_differ_without_colours() -> None:
    shapes = set()
    for series in range(SERIES):
        tag, attributes, _ = symbol(series, 0, 0)
        look = str(attributes["class"]).replace(f"s{series}", "")
        shapes.add((tag, attributes.get("points"), look))
    assert len(shapes) == SERIES
