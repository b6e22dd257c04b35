"""Parts of the rows: which there are, and how models do on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from tunekit.comparison import judge_of
from tunekit.comparison.slices import Slice, slices
from tunekit.evaluation.tally import Tally
from tunekit.evaluation.tally_intervals import interval_of
from tunekit.shapes import Span
from tunekit.tasks.classification import Classification, ClassificationRow, Label
from tunekit.tasks.extraction import Extracted, Extraction, ExtractionRow


def row(text: str, label: str, **meta: Any) -> ClassificationRow:
    return ClassificationRow(text=text, label=label, meta=tuple(meta.items()))


def sliced(rows: Sequence[ClassificationRow], **said: Sequence[str]) -> tuple[Slice, ...]:
    judge = judge_of(Classification())
    answers = {name: [Label(one) for one in given] for name, given in said.items()}
    main = {name: found[0] for name, found in judge.tallies(rows, answers).items()}
    return slices(judge, rows, main)


def named(found: Sequence[Slice]) -> dict[tuple[str, str], int]:
    return {(one.column, one.value): one.rows for one in found}


def test_labels_lengths_and_columns() -> None:
    rows = [row("x" * (n + 1), "ab"[n % 2], lang="de" if n < 10 else "en", n=n) for n in range(30)]
    found = sliced(rows, one=["a"] * 30)
    assert named(found) == {
        ("label", "a"): 15,
        ("label", "b"): 15,
        ("length", "up to 10 characters"): 10,
        ("length", "11 to 20 characters"): 10,
        ("length", "over 20 characters"): 10,
        ("meta:lang", "de"): 10,
        ("meta:lang", "en"): 20,
    }
    assert [one.measures["one"].value for one in found[:2]] == [1.0, 0.0]


def test_a_slice_has_the_figure_of_its_rows_alone() -> None:
    random = np.random.default_rng(0)
    truth = random.choice(list("ab"), 60).tolist()
    said = random.choice(list("ab"), 60).tolist()
    rows = [row(f"text {n:02}", label, third=str(n % 3)) for n, label in enumerate(truth)]
    for one in sliced(rows, model=said):
        third = int(one.value) if one.column == "meta:third" else None
        chosen = [
            n
            for n, label in enumerate(truth)
            if (label == one.value if third is None else n % 3 == third)
        ]
        hits = sum(truth[n] == said[n] for n in chosen)
        expected = binomtest(hits, len(chosen)).proportion_ci(method="wilson")
        assert one.rows == len(chosen)
        assert one.measures["model"].value == pytest.approx(hits / len(chosen))
        assert one.measures["model"][1:] == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("values", "sliced_by"),
    [
        ([1, 2] * 5, True),
        ([True, False] * 5, True),
        ([None, "x"] * 5, False),  # one value, and rows without
        ([None] * 4 + ["x", "y"] * 5, True),
        ([0.5, 1.5] * 5, False),  # a measurement
        (["same"] * 10, False),
        ([f"id {n}" for n in range(31)] * 5, False),  # tells rows apart, not kinds
        ([f"id {n}" for n in range(30)] * 5, True),
        (["often"] * 10 + ["seldom"] * 4, True),  # but the seldom one isn't shown
        ([("a", 1), ("b", 2)] * 5, True),
    ],
)
def test_columns_that_are_sliced_by(values: list[Any], sliced_by: bool) -> None:
    rows = [row("same length", "a", column=value) for value in values]
    found = sliced(rows, one=["a"] * len(rows))
    assert ({one.column for one in found} == {"meta:column"}) is sliced_by
    assert all(one.rows >= 5 for one in found) and "seldom" not in {one.value for one in found}


def test_a_column_that_some_rows_have() -> None:
    rows = [
        row("t", "a", **({"lang": "de"} if n % 2 else {"lang": "en", "more": 1})) for n in range(20)
    ]
    assert named(sliced(rows, one=["a"] * 20)) == {("meta:lang", "de"): 10, ("meta:lang", "en"): 10}


def test_one_label_or_one_length_is_no_slice() -> None:
    assert sliced([row("abc", "a")] * 20, one=["a"] * 20) == ()


def test_of_many_labels_the_frequent_ones() -> None:
    rows = [row("t", f"{n:03}") for n in range(110) for _ in range(5)] + [row("t", "109")]
    found = named(sliced(rows, one=["x"] * len(rows)))
    assert len(found) == 100
    assert ("label", "109") in found and ("label", "105") not in found
    assert list(found) == sorted(found)


def test_spans_have_resampled_intervals() -> None:
    task = Extraction()
    rows = [
        ExtractionRow(text="Ann", spans=(Span(0, 3, "N"),), meta=(("part", "xy"[n % 2]),))
        for n in range(40)
    ]
    answers = [Extracted(spans=row.spans if n % 3 else ()) for n, row in enumerate(rows)]
    judge = judge_of(task)
    main: Mapping[str, Tally] = {"one": judge.tallies(rows, {"one": answers})["one"][0]}
    found = slices(judge, rows, main)
    assert named(found) == {("meta:part", "x"): 20, ("meta:part", "y"): 20}
    assert found[0].measures["one"] == interval_of(main["one"].at(np.arange(0, 40, 2)))
