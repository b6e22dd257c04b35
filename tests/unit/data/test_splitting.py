from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction, Transformation
from tunekit.errors import InputError


def labelled(**counts: int) -> Dataset:
    rows = [
        {"text": f"{label} {number}", "label": label, "n": number}
        for label, count in counts.items()
        for number in range(count)
    ]
    return Dataset.from_rows(rows, Classification())


def texts(data: Dataset) -> list[str]:
    return [row.text for row in data]


def test_a_small_split_is_the_same_on_every_machine() -> None:
    train, test = labelled(a=6, b=4).split(test=0.3, seed=7)
    assert texts(test) == GOLDEN_TEST
    assert len(train) == 7
    assert texts(labelled(a=6, b=4).sample(3, seed=7)) == GOLDEN_SAMPLE


GOLDEN_TEST = ["a 0", "a 5", "b 1"]
GOLDEN_SAMPLE = ["a 0", "a 5", "b 1"]


def test_parts_are_disjoint_and_whole_and_in_order() -> None:
    data = labelled(a=50, b=30, c=7)
    train, validation, test = data.split(test=0.2, validation=0.1, seed=1)
    together = [*texts(train), *texts(validation), *texts(test)]
    assert Counter(together) == Counter(texts(data))
    for part in (train, validation, test):
        order = [texts(data).index(text) for text in texts(part)]
        assert order == sorted(order)
    assert (len(train), len(validation), len(test)) == (61, 9, 17)


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    test=st.sampled_from([0.1, 0.2, 0.25, 0.5]),
    validation=st.sampled_from([0.0, 0.1, 0.3]),
    seed=st.integers(-(2**63), 2**63 - 1),
)
def test_every_label_gives_its_share(
    counts: list[int], test: float, validation: float, seed: int
) -> None:
    data = labelled(**{f"label{number}": count for number, count in enumerate(counts)})
    try:
        parts = data.split(test=test, validation=validation, seed=seed)
    except InputError:
        assert len(data) * min(test, validation or 1) < len(counts) + 1
        return
    shares = [1 - test - validation, *([validation] if validation else []), test]
    for label, count in data.label_counts.items():
        assert parts[0].label_counts.get(label, 0) >= 1
        if count * min(shares) >= 2:
            for part, share in zip(parts, shares, strict=True):
                assert abs(part.label_counts.get(label, 0) - share * count) <= 1 + 1e-9 or (
                    part is parts[0] and abs(part.label_counts[label] - share * count) <= 2
                )


def test_the_order_of_the_file_doesnt_matter() -> None:
    data = labelled(a=20, b=20)
    train, test = data.split(seed=4)
    backward_train, backward_test = data[::-1].split(seed=4)
    assert set(texts(test)) == set(texts(backward_test))
    assert set(texts(data.sample(9, seed=2))) == set(texts(data[::-1].sample(9, seed=2)))
    assert set(texts(train)) == set(texts(backward_train))


def test_another_seed_is_another_split() -> None:
    data = labelled(a=40)
    tests = {tuple(texts(data.split(seed=seed)[1])) for seed in range(5)}
    assert len(tests) == 5


def test_rare_types_of_spans_are_spread_too() -> None:
    rows = [
        {
            "text": "abcdef",
            "spans": [(0, 1, "often"), *([(1, 2, "rare")] if n % 10 == 0 else [])]
            + [(2, 3, f"once {n}")] * (n % 25 == 0),
            "id": str(n),
        }
        for n in range(200)
    ]
    data = Dataset.from_rows(rows, Extraction())
    train, test = data.split(test=0.2, seed=1)
    assert len(test) == 40
    assert 2 <= test.label_counts["rare"] <= 6
    assert all(train.label_counts[f"once {n}"] == 1 for n in range(0, 200, 25))


def test_a_task_without_labels_is_split_too() -> None:
    rows = [{"input": str(n), "output": "x"} for n in range(10)]
    train, test = Dataset.from_rows(rows, Transformation()).split()
    assert (len(train), len(test)) == (8, 2)


def test_a_label_with_one_row_stays_in_training() -> None:
    train, test = labelled(a=10, b=1).split(test=0.4)
    assert train.label_counts["b"] == 1
    assert len(test) == 4


def test_groups_stay_together() -> None:
    rows = [{"text": str(n), "label": "ab"[n % 2], "who": n // 5} for n in range(100)]
    data = Dataset.from_rows(rows, Classification())
    train, validation, test = data.split(test=0.2, validation=0.2, group="who")
    groups = [set(part.column("who")) for part in (train, validation, test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert [len(part) for part in (train, validation, test)] == [60, 20, 20]
    shuffled = Dataset.from_rows(rows[::-1], Classification())
    assert set(shuffled.split(test=0.2, validation=0.2, group="who")[2].column("who")) == groups[2]


@pytest.mark.parametrize(
    "values",
    [
        list(range(20)),
        [str(n) for n in range(20)],  # as texts 10 would come before 9
        [f"2026-01-{n + 1:02}" for n in range(20)],
        [f"2026-01-{n + 1:02}T10:00:00+01:00" for n in range(20)],
        [datetime(2026, 1, n + 1) for n in range(20)],
    ],
)
def test_the_last_rows_are_tested(values: list[Any]) -> None:
    rows = [{"text": str(n), "label": "ab"[n % 2], "when": v} for n, v in enumerate(values)]
    data = Dataset.from_rows(rows[::-1], Classification())
    train, validation, test = data.split(test=0.2, validation=0.1, time="when")
    assert sorted(map(int, texts(test))) == [16, 17, 18, 19]
    assert sorted(map(int, texts(validation))) == [14, 15]
    assert len(train) == 14


@pytest.mark.parametrize("values", [["1.2.2026", "2.1.2026"] * 5, [1, None] * 5, ["1", None] * 5])
def test_what_has_no_order_is_refused(values: list[Any]) -> None:
    rows = [{"text": str(n), "label": "ab"[n % 2], "when": v} for n, v in enumerate(values)]
    with pytest.raises(InputError, match="'when'"):
        Dataset.from_rows(rows, Classification()).split(time="when")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"test": 0}, "shares of the rows"),
        ({"test": 1}, "shares of the rows"),
        ({"test": float("nan")}, "shares of the rows"),
        ({"test": 0.6, "validation": 0.4}, "shares of the rows"),
        ({"validation": -0.1}, "shares of the rows"),
        ({"group": "n", "time": "n"}, "not by both"),
        ({"group": "none"}, "no column 'none'"),
        ({"seed": 2**63}, "seed"),
        ({"seed": "x"}, "seed"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        labelled(a=10, b=10).split(**options)


@pytest.mark.parametrize("options", [{}, {"group": "n"}, {"time": "n"}])
def test_too_few_rows_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="too few"):
        labelled(a=1).split(**options)


@pytest.mark.parametrize("n", [0, -1, 21, 2.0, True, "3"])
def test_a_sample_of_no_size_is_refused(n: Any) -> None:
    with pytest.raises(InputError, match="sample takes 1 to 20 rows"):
        labelled(a=20).sample(n)
