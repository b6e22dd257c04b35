from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.training.course import Course, epochs_for


@given(st.integers(1, 500), st.integers(1, 6), st.integers(1, 64), st.floats(0, 0.99))
def test_the_learning_rate_rises_to_all_of_it_and_falls_towards_nothing(
    rows: int, epochs: int, batch_size: int, warmup: float
) -> None:
    course = Course(rows=rows, epochs=epochs, batch_size=batch_size, tokens=1, warmup=warmup)
    rates = [course.rate(step) for step in range(course.steps)]
    assert all(0 < rate <= 1 for rate in rates), "no step is for nothing"
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == 1.0
    assert top <= round(warmup * course.steps)


def test_without_warm_up_it_begins_with_all_of_it() -> None:
    course = Course(rows=4, epochs=1, batch_size=1, tokens=1, warmup=0.0)
    assert [course.rate(step) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]


def test_steps() -> None:
    course = Course(rows=21, epochs=3, batch_size=4, tokens=1)
    assert (course.steps_per_epoch, course.steps) == (6, 18)


@pytest.mark.parametrize(
    ("rows", "epochs"), [(8, 10), (320, 10), (3_200, 2), (32_000, 1), (1, 10), (1_000, 5)]
)
def test_small_sets_are_seen_more_often(rows: int, epochs: int) -> None:
    assert epochs_for(rows, 32, steps=150, least=1, most=10) == epochs
