from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tunekit.training.batches import TOGETHER, epoch, within

lengths = st.lists(st.integers(0, 40), max_size=60)


@settings(max_examples=200)
@given(lengths, st.integers(1, 200))
def test_parts_hold_each_example_once_and_no_more_than_fits(
    lengths: list[int], tokens: int
) -> None:
    parts = list(within(lengths, range(len(lengths)), tokens))
    assert sorted(place for part in parts for place in part) == list(range(len(lengths)))
    for part in parts:
        assert part
        padded = len(part) * max(lengths[place] for place in part)
        assert padded <= tokens or len(part) == 1
    flat = [lengths[place] for part in parts for place in part]
    assert flat == sorted(flat, reverse=True)


@given(lengths, st.integers(1, 200))
def test_parts_are_as_full_as_they_can_be(lengths: list[int], tokens: int) -> None:
    """The next part's first example would have been too much."""
    parts = list(within(lengths, range(len(lengths)), tokens))
    for part in parts[:-1]:
        assert (len(part) + 1) * max(1, lengths[part[0]]) > tokens


def test_parts_of_some_examples_only() -> None:
    assert list(within([9, 1, 5, 7], [1, 3], 100)) == [[3, 1]]
    assert list(within([9], [], 100)) == []


@settings(max_examples=200)
@given(
    st.lists(st.integers(0, 40), max_size=300),
    st.integers(1, 9),
    st.integers(0, 5),
    st.data(),
)
def test_an_epoch_has_each_place_once_in_batches_of_one_size(
    lengths: list[int], size: int, seed: int, data: st.DataObject
) -> None:
    everything = (
        st.lists(st.sampled_from(range(len(lengths))), unique=True) if lengths else st.just([])
    )
    places = data.draw(everything)
    batches = epoch(lengths, places, size, random.Random(seed))
    assert sorted(place for batch in batches for place in batch) == sorted(places)
    assert len(batches) == math.ceil(len(places) / size)
    short = [batch for batch in batches if len(batch) != size]
    assert len(short) <= 1
    assert all(0 < len(batch) < size for batch in short)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=100), st.integers(1, 9), st.integers(0, 5))
def test_chance_alone_decides(lengths: list[int], size: int, seed: int) -> None:
    places = range(len(lengths))
    once, again = (epoch(lengths, places, size, random.Random(seed)) for _ in range(2))
    assert once == again


def test_batches_hold_examples_alike_in_length_that_chance_put_together() -> None:
    chance = random.Random(0)
    lengths = [chance.randint(1, 100) for _ in range(8 * TOGETHER * 3)]
    batches = epoch(lengths, range(len(lengths)), 8, chance)
    padded = sum(8 * max(lengths[place] for place in batch) for batch in batches)
    assert padded < 1.03 * sum(lengths)
    longest = [max(lengths[place] for place in batch) for batch in batches]
    assert longest != sorted(longest)
    # Each third of the epoch has long and short ones: chance put the thirds together.
    for third in range(3):
        part = longest[third * TOGETHER : (third + 1) * TOGETHER]
        assert min(part) < 10 and max(part) > 90


def test_another_epoch_meets_in_other_batches() -> None:
    first, second = (
        {frozenset(batch) for batch in epoch([5] * 64, range(64), 8, random.Random(seed))}
        for seed in (0, 1)
    )
    assert not first & second
