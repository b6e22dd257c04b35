from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from tunekit import calibration
from tunekit.calibration import LARGEST, SMALLEST, apply, fit_temperature
from tunekit.errors import InputError, ModelError
from tunekit.shapes import Marks, Order, Said, Span, Weights

WEIGHTS = Weights((("a", 0.2), ("b", 0.7), ("c", 0.1)))

shares = st.lists(st.floats(0, 1), min_size=2, max_size=8).filter(lambda ps: sum(ps) > 1e-3)
temperatures = st.floats(SMALLEST, LARGEST)


def weights(parts: list[float]) -> Weights:
    return Weights(tuple((f"l{i}", p / sum(parts)) for i, p in enumerate(parts)))


# --- apply --------------------------------------------------------------------------------------


def test_probabilities_are_raised_and_scaled() -> None:
    raised = {label: p ** (1 / 3) for label, p in WEIGHTS.by_label}
    expected = {label: p / sum(raised.values()) for label, p in raised.items()}
    got = apply(WEIGHTS, 3.0)
    assert isinstance(got, Weights)
    assert dict(got.by_label) == pytest.approx(expected)
    assert [label for label, _ in got.by_label] == ["b", "a", "c"]


def test_what_was_said_stays_and_its_probabilities_change() -> None:
    said = Said("b", (("a", 0.1), ("b", 0.9)))
    got = apply(said, 0.5)
    assert isinstance(got, Said)
    assert got.text == "b"
    assert got.probabilities == (
        ("b", pytest.approx(0.81 / 0.82)),
        ("a", pytest.approx(0.01 / 0.82)),
    )


@pytest.mark.parametrize(
    "target", [Said("b"), Marks((Span(0, 1, "x"),)), Order((0.1, 0.9)), Weights(())]
)
def test_targets_without_probabilities_are_left_alone(target: Said | Marks | Order) -> None:
    assert apply(target, 2.0) == target


def test_the_probabilities_of_options_stay_in_their_places() -> None:
    got = apply(Order((3.0, 7.0), (0.1, 0.9)), 0.5)
    assert got == Order((3.0, 7.0), (pytest.approx(0.01 / 0.82), pytest.approx(0.81 / 0.82)))


def test_no_temperature_changes_nothing() -> None:
    assert apply(WEIGHTS, None) is WEIGHTS


def test_all_zero_weights_are_left_alone() -> None:
    nothing = Weights((("a", 0.0), ("b", 0.0)))
    assert apply(nothing, 2.0) == nothing


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_broken_temperature_is_said(temperature: float) -> None:
    with pytest.raises(ModelError, match="positive"):
        apply(WEIGHTS, temperature)


@given(shares, temperatures)
def test_the_sum_is_one_and_the_order_is_kept(parts: list[float], temperature: float) -> None:
    before = weights(parts)
    got = apply(before, temperature)
    assert isinstance(got, Weights)
    values = [p for _, p in got.by_label]
    assert math.fsum(values) == pytest.approx(1)
    assert values == sorted(values, reverse=True)
    assert [label for label, _ in got.by_label] == [
        label for label, _ in sorted(before.by_label, key=lambda pair: -pair[1])
    ]


@given(shares, temperatures)
def test_applying_the_inverse_comes_back(parts: list[float], temperature: float) -> None:
    before = Weights(tuple((label, max(p, 1e-3)) for label, p in weights(parts).by_label))
    there = apply(before, 1 + temperature)
    back = apply(there, 1 / (1 + temperature))
    assert isinstance(back, Weights)
    total = sum(p for _, p in before.by_label)
    expected = {label: p / total for label, p in before.by_label}
    assert dict(back.by_label) == pytest.approx(expected, rel=1e-6)


def test_tiny_probabilities_survive_a_high_and_a_low_temperature() -> None:
    tiny = Weights((("a", 1e-300), ("b", 1e-310), ("c", 0.0)))
    for temperature in (SMALLEST, LARGEST):
        got = apply(tiny, temperature)
        assert isinstance(got, Weights)
        assert math.fsum(p for _, p in got.by_label) == pytest.approx(1)
        assert got.by_label[0][0] == "a"


# --- fit ----------------------------------------------------------------------------------------


def draw(
    rows: int, classes: int, temperature: float, seed: int
) -> tuple[list[dict[str, float]], list[str]]:
    """Predictions of a model that would be calibrated at this temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, classes)) * 2
    honest = np.exp(logits)
    honest /= honest.sum(axis=1, keepdims=True)
    truth = (honest.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)
    said = np.exp(logits * temperature)
    said /= said.sum(axis=1, keepdims=True)
    names = [f"l{k}" for k in range(classes)]
    return [dict(zip(names, row.tolist(), strict=True)) for row in said], [names[t] for t in truth]


def loss(probabilities: list[dict[str, float]], truth: list[str], temperature: float) -> float:
    """The documented sum, written down once more from its formula."""
    total, imaginary = 0.0, 0.0
    for said, answer in zip(probabilities, truth, strict=True):
        powers = {k: max(p, calibration.FLOOR) ** (1 / temperature) for k, p in said.items()}
        norm = sum(powers.values())
        total -= math.log(powers[answer] / norm)
        imaginary -= sum(math.log(p / norm) for p in powers.values()) / len(powers)
    return total + imaginary / len(truth)


@pytest.mark.parametrize(("rows", "classes"), [(1, 2), (12, 3), (60, 5), (300, 2)])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_it_finds_what_scipy_finds(rows: int, classes: int, temperature: float) -> None:
    probabilities, truth = draw(rows, classes, temperature, seed=rows)
    reference = minimize_scalar(
        lambda t: loss(probabilities, truth, math.exp(t)),
        bounds=(math.log(SMALLEST), math.log(LARGEST)),
        method="bounded",
        options={"xatol": 1e-8},
    )
    assert fit_temperature(probabilities, truth) == pytest.approx(math.exp(reference.x), rel=1e-4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_it_recovers_the_temperature_of_a_simulated_model(temperature: float) -> None:
    probabilities, truth = draw(4000, 6, temperature, seed=1)
    assert fit_temperature(probabilities, truth) == pytest.approx(temperature, rel=0.06)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_it_is_bounded_and_finite_whatever_the_rows(data: st.DataObject) -> None:
    rows = data.draw(st.lists(shares, min_size=1, max_size=5))
    said = [dict(weights(parts).by_label) for parts in rows]
    truth = [data.draw(st.sampled_from([*row, "unknown"])) for row in said]
    temperature = fit_temperature(said, truth)
    assert SMALLEST <= temperature <= LARGEST
    assert temperature == fit_temperature([list(row.items()) for row in said], truth)


def test_few_rows_that_are_all_right_make_nobody_infallible() -> None:
    said = [{"a": 0.9, "b": 0.1}] * 10
    temperature = fit_temperature(said, ["a"] * 10)
    tempered = apply(Weights((("a", 0.9), ("b", 0.1))), temperature)
    assert isinstance(tempered, Weights)
    assert 0.9 < tempered.by_label[0][1] < 0.99


def test_a_model_that_knows_nothing_is_cooled_to_the_bound() -> None:
    said = [{"a": 0.99, "b": 0.01}] * 50
    assert fit_temperature(said, ["b"] * 50) == LARGEST


def test_a_model_that_is_far_too_modest_is_sharpened_to_the_bound() -> None:
    said = [{"a": 0.6, "b": 0.4}] * 5000
    assert fit_temperature(said, ["a"] * 5000) == SMALLEST


def test_certain_and_impossible_are_no_obstacle() -> None:
    said = [{"a": 1.0, "b": 0.0}] * 99 + [{"a": 1.0, "b": 0.0}]
    temperature = fit_temperature(said, ["a"] * 99 + ["b"])
    assert 1 < temperature < LARGEST


def test_rows_whose_truth_the_model_does_not_know_are_passed_over() -> None:
    probabilities, truth = draw(100, 3, 2.0, seed=2)
    more = [*probabilities, {"l0": 1.0, "l1": 0.0}]
    assert fit_temperature(more, [*truth, "new"]) == fit_temperature(probabilities, truth)


@pytest.mark.parametrize("rows", [[], [{"a": 1.0}], [{}]])
def test_rows_that_say_nothing_leave_the_model_as_it_is(rows: list[dict[str, float]]) -> None:
    assert fit_temperature(rows, ["a"] * len(rows)) == 1.0


def test_lengths_must_agree() -> None:
    with pytest.raises(InputError, match="2 predictions for 1"):
        fit_temperature([{"a": 1.0}, {"a": 1.0}], ["a"])


def test_the_size_of_banking77_takes_well_under_a_second() -> None:
    probabilities, truth = draw(3080, 77, 1.5, seed=3)
    started = time.process_time()
    fit_temperature(probabilities, truth)
    assert time.process_time() - started < 2


def test_applying_needs_no_numpy() -> None:
    source = str(Path(calibration.__file__).parents[1])
    program = (
        f"import sys; sys.path.insert(0, {source!r})\n"
        "from tunekit.calibration import apply\nfrom tunekit.shapes import Weights\n"
        "apply(Weights((('a', 1.0),)), 2.0)\nprint('numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
