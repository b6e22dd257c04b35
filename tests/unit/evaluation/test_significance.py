"""Claims of a difference: as often false as they say, and made where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, bootstrap

from tunekit.comparison import judge_of
from tunekit.evaluation.metrics import Measure
from tunekit.evaluation.significance import Paired, holm, paired_difference
from tunekit.evaluation.tally import Tally, mean
from tunekit.shapes import Failure
from tunekit.tasks.classification import Classification, ClassificationRow, Label

#: Labels with their shares, as sets of messages have them.
LABELS, SHARES = tuple("abcdef"), (0.35, 0.25, 0.15, 0.12, 0.08, 0.05)
ROWS = 300
Random = np.random.Generator


def tallies(truth: Sequence[str], **said: Sequence[str | None]) -> dict[str, tuple[Tally, ...]]:
    """Accuracy and macro-F1 of models, as a comparison has them."""
    rows = [ClassificationRow(text="t", label=label) for label in truth]
    answers = {
        name: [Failure("f", "f") if one is None else Label(one) for one in given]
        for name, given in said.items()
    }
    return judge_of(Classification()).tallies(rows, answers)


def answers(random: Random, truth: Sequence[str], accuracy: float) -> list[str]:
    """Right answers in that share of rows, and any label in the others."""
    guesses = random.choice(LABELS, len(truth))
    right = random.random(len(truth)) < accuracy
    return [t if ok else str(g) for t, g, ok in zip(truth, guesses, right, strict=True)]


def claims_without_a_difference(comparisons: int, seed: int) -> list[int]:
    """How many comparisons claim a difference, by accuracy and by macro-F1, where each row's two
    answers were given to the two models at random: none is better."""
    random = np.random.default_rng(seed)
    claimed = [0, 0]
    for _ in range(comparisons):
        truth = [str(one) for one in random.choice(LABELS, ROWS, p=SHARES)]
        # Unlike each other, but whose answer is whose is luck.
        first, second = (answers(random, truth, accuracy) for accuracy in (0.85, 0.7))
        swapped = random.random(ROWS) < 0.5
        one = [b if swap else a for a, b, swap in zip(first, second, swapped, strict=True)]
        other = [a if swap else b for a, b, swap in zip(first, second, swapped, strict=True)]
        found = tallies(truth, one=one, other=other)
        for at, pair in enumerate(zip(found["one"], found["other"], strict=True)):
            claimed[at] += paired_difference(*pair).shown
    return claimed


def right_and_wrong(random: Random, rows: int, won: float, lost: float) -> tuple[Tally, Tally]:
    """Two models of which the first alone is right in the share ``won`` of rows and the second
    alone in ``lost``; of the others both are right in four of five."""
    kind = random.choice(4, rows, p=[won, lost, (1 - won - lost) * 0.8, (1 - won - lost) * 0.2])
    return mean("accuracy", (kind % 2 == 0).tolist()), mean(
        "accuracy", ((kind == 1) | (kind == 2)).tolist()
    )


def power(comparisons: int, rows: int, *, difference: float, discordant: float) -> float:
    """The share of comparisons that claim a true difference, of models that differ in the share
    ``discordant`` of rows in whether they are right."""
    random = np.random.default_rng(11)
    won, lost = (discordant + difference) / 2, (discordant - difference) / 2
    claims = 0
    for _ in range(comparisons):
        found = paired_difference(*right_and_wrong(random, rows, won, lost))
        claims += found.shown and found.difference.value > 0
    return claims / comparisons


# --- how often a claim is false, and how often a difference is seen -------------------------------


def test_few_claims_are_made_without_a_difference() -> None:
    comparisons = 60
    bounds = binom.interval(0.9999, comparisons, 0.05)
    for claimed in claims_without_a_difference(comparisons, seed=3):
        assert bounds[0] <= claimed <= bounds[1]


@pytest.mark.soak
def test_five_of_a_hundred_comparisons_claim_a_difference_where_there_is_none() -> None:
    comparisons = 2_000
    for claimed in claims_without_a_difference(comparisons, seed=4):
        assert 0.03 <= claimed / comparisons <= 0.07


def test_a_difference_of_five_points_is_claimed_on_600_rows() -> None:
    assert power(60, 600, difference=0.05, discordant=0.085) >= 0.9


@pytest.mark.soak
@pytest.mark.parametrize(
    ("discordant", "expected"), [(0.06, 0.97), (0.085, 0.95), (0.1, 0.93), (0.15, 0.8)]
)
def test_the_more_models_agree_the_surer_a_difference_is_seen(
    discordant: float, expected: float
) -> None:
    assert power(300, 600, difference=0.05, discordant=discordant) >= expected


# --- against other ways to the same figures -------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "lost"), [(1, 0), (3, 0), (5, 0), (9, 1), (10, 10), (30, 15), (12, 3), (80, 60)]
)
def test_p_of_accuracy_is_the_exact_mid_p_of_the_rows_that_one_model_alone_has_right(
    won: int, lost: int
) -> None:
    both, rows = 40, won + lost
    a = mean("accuracy", [True] * won + [False] * lost + [True] * both)
    b = mean("accuracy", [False] * won + [True] * lost + [True] * both)
    further = sum(
        binom.pmf(k, rows, 0.5) for k in range(rows + 1) if abs(2 * k - rows) > abs(won - lost)
    )
    equal = sum(
        binom.pmf(k, rows, 0.5) for k in range(rows + 1) if abs(2 * k - rows) == abs(won - lost)
    )
    exact = further + equal / 2
    assert paired_difference(a, b).p == pytest.approx(
        exact, abs=4 * sqrt(exact * (1 - exact) / 2_000) + 0.5 / 2_001
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_scipys_paired_bootstrap(seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = random.random((2, 200)) < [[0.8], [0.7]]
    found = paired_difference(
        mean("accuracy", first.tolist()), mean("accuracy", second.tolist())
    ).difference
    expected = bootstrap(
        (first, second),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=4_000,
        rng=random,
    ).confidence_interval
    near = 0.12 * (expected.high - expected.low)
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=near)


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_is_the_closed_test_of_bonferronis(p_values: list[float]) -> None:
    """A hypothesis falls where every set of hypotheses with it falls."""
    adjusted = holm(p_values)
    every = range(len(p_values))
    for at in every:
        sets = [
            chosen for size in every for chosen in combinations(every, size + 1) if at in chosen
        ]
        expected = max(
            min(1.0, len(chosen) * min(p_values[one] for one in chosen)) for chosen in sets
        )
        assert adjusted[at] == pytest.approx(expected, abs=1e-12)


# --- what holds always ----------------------------------------------------------------------------


def test_rows_that_are_hard_for_both_dont_blur_a_difference() -> None:
    random = np.random.default_rng(0)
    paired = [bool(one) for one in random.random(400) < 0.6]
    better = [one or at % 20 == 0 for at, one in enumerate(paired)]
    low, high = paired_difference(mean("a", better), mean("a", paired)).difference[1:]
    apart = sqrt(2 * 0.6 * 0.4 / 400) * 2 * 1.96  # the interval of two sets of rows
    assert low > 0 and high - low < apart / 3


def test_models_that_answer_alike_are_no_different() -> None:
    truth = list("abab")
    found = tallies(truth, one=["a", "a", None, "z"], other=["a", "a", None, "z"])
    for pair in zip(found["one"], found["other"], strict=True):
        assert paired_difference(*pair) == Paired(Measure(0.0, 0.0, 0.0), 1.0)


@settings(max_examples=8)
@given(st.lists(st.tuples(*[st.sampled_from("abz")] * 2, st.sampled_from("ab")), min_size=1,
                max_size=20))  # fmt: skip
def test_the_other_way_round_all_is_mirrored(drawn: list[tuple[str, str, str]]) -> None:
    found = tallies([t for *_, t in drawn], one=[a for a, *_ in drawn], b=[b for _, b, _ in drawn])
    for one, other in zip(found["one"], found["b"], strict=True):
        there, back = paired_difference(one, other), paired_difference(other, one)
        value, low, high = there.difference
        assert (-value, -high, -low) == pytest.approx(tuple(back.difference), abs=1e-12)
        assert there.p == back.p
        assert 0 < there.p <= 1 and low <= high


def test_a_label_that_one_model_alone_answers_is_no_error_of_the_other() -> None:
    """Sums of different labels once were taken for each other."""
    truth = ["a", "b"] * 40
    wrong = ["z" if at % 4 else one for at, one in enumerate(truth)]
    found = tallies(truth, good=truth, bad=wrong)
    shown = paired_difference(found["good"][1], found["bad"][1])
    assert shown.difference.value == pytest.approx(1 - found["bad"][1].once)
    assert shown.shown and shown.p < 0.001


@pytest.mark.parametrize(
    ("p", "low", "high", "shown"),
    [
        (0.05, 0.01, 0.1, True),
        (0.05, -0.2, -0.01, True),
        (0.0501, 0.01, 0.1, False),
        (0.001, 0.0, 0.1, False),
        (0.001, -0.1, 0.1, False),
    ],
)
def test_a_claim_takes_both_p_and_interval(p: float, low: float, high: float, shown: bool) -> None:
    assert Paired(Measure((low + high) / 2, low, high), p).shown is shown
