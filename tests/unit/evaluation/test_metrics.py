"""The figures, against scikit-learn and against an ECE written down once more."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from tunekit.evaluation.metrics import cells, interval
from tunekit.evaluation.reliability import calibration_error, log_loss, reliability_bins

labelled = st.integers(1, 6).flatmap(
    lambda labels: st.tuples(
        st.just(labels),
        st.lists(
            st.tuples(st.integers(0, labels - 1), st.integers(0, labels)), min_size=1, max_size=60
        ),
    )
)


def bins_one_by_one(probability: np.ndarray, right: np.ndarray) -> float:
    """ECE as the textbook has it: bin by bin, share times |accuracy - confidence|."""
    error = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        inside = (probability >= low) & ((probability < high) | (number == 14))
        if inside.any():
            gap = right[inside].mean() - probability[inside].mean()
            error += inside.mean() * abs(gap)
    return float(error)


# --- against references -------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(labelled)
def test_accuracy_and_macro_f1_are_scikit_learns(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    labels, pairs = drawn
    true, said = np.array(pairs).T
    found = cells(true, said, labels)
    assert found.accuracy(found.counts)[0] == pytest.approx(accuracy_score(true, said))
    # "No answer" is the number after the last label, and no label: it isn't in the mean.
    occurring = sorted({*true.tolist(), *said.tolist()} - {labels})
    expected = f1_score(true, said, labels=occurring, average="macro", zero_division=0)
    assert found.macro_f1(found.counts)[0] == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(labelled)
def test_a_resample_is_counted_as_if_it_were_the_rows(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    labels, pairs = drawn
    true, said = np.array(pairs).T
    found = cells(true, said, labels)
    draws = [np.random.default_rng(seed).integers(0, len(true), len(true)) for seed in range(3)]
    counts = np.array([np.bincount(found.of_row[d], minlength=len(found.true)) for d in draws])
    for draw, f1, accuracy in zip(
        draws,
        found.macro_f1(counts.astype(float)),
        found.accuracy(counts.astype(float)),
        strict=True,
    ):
        again = cells(true[draw], said[draw], labels)
        assert f1 == pytest.approx(again.macro_f1(again.counts)[0])
        assert accuracy == pytest.approx(again.accuracy(again.counts)[0])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=80))
def test_the_bins_are_the_textbooks(drawn: list[tuple[float, bool]]) -> None:
    probability = np.array([p for p, _ in drawn])
    right = np.array([ok for _, ok in drawn], dtype=bool)
    found = reliability_bins(probability, right)
    assert [(one.low, one.high) for one in found] == [(n / 15, (n + 1) / 15) for n in range(15)]
    assert sum(one.rows for one in found) == len(drawn)
    for one in found:
        inside = [(p, ok) for p, ok in drawn if int(min(p * 15, 14)) == round(one.low * 15)]
        assert one.rows == len(inside)
        if inside:
            assert one.confidence == pytest.approx(np.mean([p for p, _ in inside]))
            assert one.accuracy == pytest.approx(np.mean([ok for _, ok in inside]))
        else:
            assert (one.confidence, one.accuracy) == (0.0, 0.0)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80))
def test_the_calibration_error_is_the_textbooks(drawn: list[tuple[float, bool]]) -> None:
    probability = np.array([p for p, _ in drawn])
    right = np.array([r for _, r in drawn])
    # On the edge of a bin, rounding may put a number into either: move it off the edge.
    probability = np.where(np.abs(probability * 15 % 1) < 1e-9, probability * 0.999, probability)
    found = calibration_error(probability, right)
    assert found.value == pytest.approx(bins_one_by_one(probability, right), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert 0 <= found.floor <= 1


def test_log_loss() -> None:
    found = log_loss(np.array([0.5, 0.25, 1.0]))
    assert found.value == pytest.approx(-np.log([0.5, 0.25]).sum() / 3)
    assert found.low <= found.value <= found.high
    assert np.isfinite(log_loss(np.array([0.0])).value)


# --- intervals ----------------------------------------------------------------------------------


def test_intervals_are_the_same_at_every_call() -> None:
    random = np.random.default_rng(0)
    true, said = random.integers(0, 4, 200), random.integers(0, 4, 200)
    found = cells(true, said, 4)
    assert interval(found, found.macro_f1) == interval(found, found.macro_f1)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    accuracy, repeats, covered = 0.8, 150, 0
    for _ in range(repeats):
        true = random.integers(0, 3, 150)
        said = np.where(random.random(150) < accuracy, true, (true + 1) % 3)
        found = cells(true, said, 3)
        measure = interval(found, found.accuracy)
        assert measure.low <= measure.value <= measure.high
        covered += measure.low <= accuracy <= measure.high
    assert 0.88 <= covered / repeats <= 0.995


@pytest.mark.parametrize("overconfidence", [0.0, 0.2])
def test_the_interval_of_the_calibration_error_covers_the_true_one(overconfidence: float) -> None:
    """Percentiles of the resamples would cover a perfect model's error of 0 never."""
    random = np.random.default_rng(2)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        probability = 0.3 + 0.7 * random.beta(4, 1, rows)
        return probability, probability - overconfidence * (probability - 0.3)

    probability, honest = draw(200_000)
    edges = np.minimum((probability * 15).astype(int), 14)
    true = np.abs(np.bincount(edges, weights=honest - probability)).sum() / len(probability)
    repeats, covered = 60, 0
    for _ in range(repeats):
        probability, honest = draw(300)
        found = calibration_error(probability, random.random(300) < honest)
        covered += found.low <= true + 1e-9 <= found.high + 1e-9
    assert covered / repeats >= 0.85


def test_the_floor_is_what_a_calibrated_model_has() -> None:
    random = np.random.default_rng(3)
    probability = 0.5 + 0.5 * random.random(300)
    errors = [bins_one_by_one(probability, random.random(300) < probability) for _ in range(400)]
    found = calibration_error(probability, random.random(300) < probability)
    assert found.floor == pytest.approx(np.mean(errors), rel=0.05)
    assert found.low == 0.0, "nothing here speaks against a calibrated model"


def test_the_floor_falls_with_the_rows() -> None:
    random = np.random.default_rng(4)
    floors = []
    for rows in (50, 500, 5000):
        probability = 0.5 + 0.5 * random.random(rows)
        floors.append(calibration_error(probability, random.random(rows) < 0.7).floor)
    assert floors == sorted(floors, reverse=True)


def test_many_rows_and_labels_take_little_time_and_memory() -> None:
    random = np.random.default_rng(5)
    true = random.integers(0, 77, 3080)
    said = np.where(random.random(3080) < 0.9, true, random.integers(0, 77, 3080))
    tracemalloc.start()
    started = time.process_time()
    found = cells(true, said, 77)
    interval(found, found.accuracy)
    interval(found, found.macro_f1)
    calibration_error(random.random(3080), true == said)
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 4
    assert peak < 32 * 2**20
