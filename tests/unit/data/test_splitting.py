from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit import Classification, Dataset, Extraction, Transformation
from tunekit.data.near import near_duplicates
from tunekit.errors import InputError


def test_a_share_of_no_row_is_said_to_be_that() -> None:
    rows = [{"input": f"x{n // 2}", "output": "y"} for n in range(10)]
    data = Dataset.from_rows(rows, Transformation())
    with pytest.raises(InputError, match="10 rows are too few"):
        data.split(test=0.2, validation=0.02)


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
            "text": f"abcdef {n}",
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


# --- what belongs together ------------------------------------------------------------------------


def asking(texts: list[str], **more: list[Any]) -> Dataset:
    rows = [
        {"input": text, "output": str(n), **{name: cells[n] for name, cells in more.items()}}
        for n, text in enumerate(texts)
    ]
    return Dataset.from_rows(rows, Transformation())


def inputs(data: Dataset) -> set[str]:
    return {row.input for row in data}


def test_rows_that_ask_the_very_same_stay_together_whatever_is_said() -> None:
    data = asking([f"question {n // 4}" for n in range(200)])
    for options in ({}, {"near_duplicates": False}, {"validation": 0.1}):
        parts = data.split(test=0.2, seed=3, **options)
        assert sum(len(inputs(part)) for part in parts) == 50
        assert len(parts[-1]) == 40


SENTENCE = "please tell me when order {} arrives at the new address in town"


def test_near_duplicates_stay_together_unless_they_may_part() -> None:
    texts = [SENTENCE.format(n) for n in range(20)]
    texts += [f"{n} {n + 1000} {n + 2000} {n + 3000}" for n in range(180)]
    data = asking(texts)
    train, test = data.split(test=0.2, seed=1)
    alike = inputs(data) & set(texts[:20])
    assert alike <= inputs(train) or alike <= inputs(test)
    assert len(test) == 40
    train, test = data.split(test=0.2, seed=1, near_duplicates=False)
    assert alike & inputs(train)
    assert alike & inputs(test)


@pytest.mark.parametrize("seed", range(5))
def test_a_template_of_most_rows_is_learnt_and_the_test_part_is_the_rest(seed: int) -> None:
    texts = [SENTENCE.format(n) for n in range(120)]
    texts += [f"{n} {n + 1000} {n + 2000} {n + 3000}" for n in range(80)]
    train, validation, test = asking(texts).split(test=0.2, validation=0.1, seed=seed)
    assert (len(train), len(validation), len(test)) == (140, 20, 40)
    assert set(texts[:120]) <= inputs(train)


def test_other_labels_give_more_where_one_is_a_single_template() -> None:
    rows = [{"text": SENTENCE.format(n), "label": "order"} for n in range(60)]
    rows += [{"text": f"{n} {n + 1000} {n + 2000}", "label": "ab"[n % 2]} for n in range(40)]
    train, test = Dataset.from_rows(rows, Classification()).split(test=0.2, seed=2)
    assert train.label_counts["order"] == 60
    assert test.label_counts == {"a": 8, "b": 8}  # twice their share, and no more


def test_what_would_leave_a_part_empty_names_the_way_out() -> None:
    data = asking([SENTENCE.format(n) for n in range(50)])
    with pytest.raises(InputError, match="near_duplicates=False"):
        data.split()
    assert [len(part) for part in data.split(near_duplicates=False)] == [40, 10]
    same = asking(["the same"] * 50)
    with pytest.raises(InputError, match="ask the same, and stay together"):
        same.split(near_duplicates=False)
    with pytest.raises(InputError, match="'who'"):
        asking([f"q {n}" for n in range(9)], who=[1] * 9).split(group="who")


def test_a_part_gets_a_unit_that_is_larger_than_its_share_rather_than_none() -> None:
    train, test = asking([f"question {n // 5}" for n in range(20)]).split(test=0.1)
    assert (len(train), len(test)) == (15, 5)


def test_labels_are_spread_over_parts_of_units() -> None:
    counts = {"a": 150, "b": 90, "c": 30}
    rows = [
        {"text": f"{label} {n // (1 + n % 3)}", "label": label}
        for label, count in counts.items()
        for n in range(count)
    ]
    data = Dataset.from_rows(rows, Classification())
    for seed in range(5):
        train, test = data.split(test=0.2, seed=seed)
        assert len(test) == 54
        for label, count in counts.items():
            assert abs(test.label_counts[label] - 0.2 * count) <= 1, label
        assert not set(texts(train)) & set(texts(test))


def test_units_larger_than_a_labels_share_are_taken_where_that_is_nearer() -> None:
    rows = [{"text": f"{label} {n // 5}", "label": label} for label in "ab" for n in range(20)]
    _, test = Dataset.from_rows(rows, Classification()).split(test=0.2)
    assert test.label_counts == {"a": 5, "b": 5}  # 4 would be their shares


def test_groups_that_share_a_question_stay_together() -> None:
    texts = [f"question number {n}" for n in range(60)]
    texts[7] = texts[43]  # of the groups 0 and 4
    data = asking(texts, who=[n // 10 for n in range(60)])
    for seed in range(6):
        train, test = data.split(test=0.3, seed=seed, group="who")
        sides = [set(part.column("who")) for part in (train, test)]
        assert not sides[0] & sides[1]
        assert {0, 4} <= sides[0] or {0, 4} <= sides[1]


def test_by_time_nothing_else_is_kept_together() -> None:
    data = asking(["the same"] * 10, when=list(range(10)))
    assert [len(part) for part in data.split(test=0.2, time="when")] == [8, 2]


def dated(*days: int) -> Dataset:
    """So many rows of each day."""
    when = [day for day, count in enumerate(days) for _ in range(count)]
    return asking([f"question {n}" for n in range(len(when))], when=when)


@pytest.mark.parametrize(
    ("days", "shares", "sizes"),
    [
        ([10] * 10, (0.25, 0), (80, 20)),  # 30 is as near: the fewer
        ([10] * 10, (0.27, 0), (70, 30)),
        ([10] * 10, (0.2, 0.2), (60, 20, 20)),
        ([10] * 10, (0.01, 0), (90, 10)),  # better a larger part than none
        ([60, 40], (0.25, 0), (60, 40)),
        ([10, 10, 10], (0.5, 0.1), (10, 10, 10)),  # and a time for each of them
        ([1, 1, 98], (0.9, 0.01), (1, 1, 98)),
    ],
)
def test_rows_of_the_same_time_stay_together(
    days: list[int], shares: tuple[float, float], sizes: tuple[int, ...]
) -> None:
    data = dated(*days)
    test, validation = shares
    parts = data.split(test=test, validation=validation, time="when")
    assert tuple(map(len, parts)) == sizes
    times = [set(part.column("when")) for part in parts]
    assert sum(map(len, times)) == len(set().union(*times)) == len(days)
    assert all(max(one) < min(two) for one, two in pairwise(times))


def test_the_same_time_may_be_written_otherwise() -> None:
    when = ["2026-01-01T00:00+00:00", *["2026-01-02T10:00+00:00", "2026-01-02T11:00+01:00"] * 2]
    data = asking([f"question {n}" for n in range(5)], when=when)
    assert [len(part) for part in data.split(test=0.6, time="when")] == [1, 4]


@pytest.mark.parametrize("days", [[40, 60], [100]])
def test_times_too_large_to_part_are_said(days: list[int]) -> None:
    with pytest.raises(InputError, match=r"of 100 rows too many have the same 'when', and stay"):
        dated(*days).split(test=0.25, time="when")


def test_a_label_that_others_are_rarer_than_stays_in_training() -> None:
    rows = [
        {"text": f"{n} abc", "spans": [(0, 1, label) for label in labels]}
        for n, labels in enumerate([("a", "t"), ("a",), ("b", "t"), ("b",), *[("c",)] * 4])
    ]
    data = Dataset.from_rows(rows, Extraction())
    for seed in range(40):
        train, test = data.split(test=0.4, seed=seed)
        assert train.label_counts["t"] >= 1
        assert len(test) >= 2


@st.composite
def tied_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of some labels, some of which ask what others ask."""
    labels = draw(st.integers(1, 4))
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=25))
    rows = [
        {"text": f"question {unit}", "label": f"L{draw(st.integers(0, labels - 1))}", "unit": unit}
        for unit, size in enumerate(sizes)
        for _ in range(size)
    ]
    return draw(st.permutations(rows))


@given(
    rows=tied_sets(),
    test=st.sampled_from([0.1, 0.2, 0.34, 0.5]),
    validation=st.sampled_from([0.0, 0.1, 0.25]),
    seed=st.integers(0, 1_000),
    near_duplicates=st.booleans(),
)
def test_no_unit_is_torn(
    rows: list[dict[str, Any]], test: float, validation: float, seed: int, near_duplicates: bool
) -> None:
    data = Dataset.from_rows(rows, Classification())
    options: dict[str, Any] = {
        "test": test,
        "validation": validation,
        "seed": seed,
        "near_duplicates": near_duplicates,
    }
    try:
        parts = data.split(**options)
    except InputError as error:
        if "would be empty" not in str(error):
            raise
        return
    together = [(row.text, row.label) for part in parts for row in part]
    assert Counter(together) == Counter((row.text, row.label) for row in data)
    units = [set(part.column("unit")) for part in parts]
    assert sum(map(len, units)) == len(set().union(*units))
    assert set(parts[0].label_counts) == set(data.label_counts)
    again = data.split(**options)
    assert [texts(part) for part in again] == [texts(part) for part in parts]
    backwards = Dataset.from_rows(rows[::-1], Classification()).split(**options)
    assert [Counter(texts(part)) for part in backwards] == [Counter(texts(part)) for part in parts]
    # No part is further from its share than by the largest unit that is held.
    sizes = Counter(row["unit"] for row in rows)
    for part, share in zip(parts[1:], ([validation] if validation else []) + [test], strict=True):
        largest = max(sizes[unit] for unit in set(part.column("unit")))
        assert len(part) <= share * len(data) + largest


@pytest.mark.shared
def test_real_sets_keep_their_questions_whole(shared: Path) -> None:
    data = Dataset.read(shared / "data/tra_e2e_nlg/train.jsonl", Transformation())
    train, validation, test = data.split(test=0.2, validation=0.1)
    assert not inputs(train) & inputs(test)
    assert not inputs(train) & inputs(validation)
    assert not inputs(validation) & inputs(test)
    for part, share in ((validation, 0.1), (test, 0.2)):
        assert abs(len(part) - share * len(data)) <= 0.01 * len(data)
    before = len(train)
    leaks = [one for one in near_duplicates(train, test) if one.row >= before > one.earlier]
    assert leaks == []
