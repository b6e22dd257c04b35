from __future__ import annotations

import warnings
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.head import FOLDS, OUT_OF_FOLD_UP_TO, Head, fit, hold_out, solve  # noqa: E402


def clouds(rows: int, classes: int, *, spread: float, seed: int = 0) -> tuple:
    """Vectors of length 1 around one centre a class."""
    chance = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 24, generator=chance)
    truth = torch.arange(rows) % classes
    vectors = centres[truth] + spread * torch.randn(rows, 24, generator=chance)
    return torch.nn.functional.normalize(vectors, dim=1), truth


def assert_alike(head: Head, other: Head, vectors: torch.Tensor) -> None:
    ours, theirs = (one.logits(vectors).softmax(1) for one in (head, other))
    assert (ours - theirs).abs().max() < 1e-3


@pytest.mark.parametrize("strength", [0.3, 10.0, 100.0])
@pytest.mark.parametrize("classes", [2, 7])
def test_optimum_is_that_of_scikit_learn(strength: float, classes: int) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    vectors, truth = clouds(400, classes, spread=1.5)
    head = solve(vectors, truth, classes, weight_decay=1 / (strength * 400))
    reference = linear_model.LogisticRegression(C=strength, tol=1e-8, max_iter=5000)
    # Two classes: scikit-learn's own has one column for both, ours (and the multinomial) two.
    if classes == 2:
        reference.C = 2 * strength
    reference.fit(vectors.double().numpy(), truth.numpy())
    ours = head.logits(vectors).softmax(1).double().numpy()
    assert abs(ours - reference.predict_proba(vectors.double().numpy())).max() < 1e-3


def test_gradient_of_the_documented_loss_is_nought_at_the_solution() -> None:
    vectors, truth = clouds(300, 5, spread=1.0)
    decay = 1e-3
    head = solve(vectors, truth, 5, weight_decay=decay)
    weight = head.weight.double().requires_grad_()
    bias = head.bias.double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(vectors.double() @ weight + bias, truth)
    (loss + decay / 2 * weight.square().sum()).backward()
    assert weight.grad.abs().max() < 0.02 * decay
    assert bias.grad.abs().max() < 0.02 * decay


def test_start_changes_the_way_and_not_the_goal() -> None:
    vectors, truth = clouds(300, 5, spread=1.0)
    far = Head(torch.full((24, 5), 3.0), torch.arange(5.0))
    cold = solve(vectors, truth, 5, weight_decay=1e-3)
    warm = solve(vectors, truth, 5, weight_decay=1e-3, start=far)
    assert torch.allclose(
        cold.logits(vectors).softmax(1), warm.logits(vectors).softmax(1), atol=2e-3
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=60), st.integers(0, 3))
def test_parts_hold_out_each_row_once_and_leave_every_class_a_row(
    truth: list[int], seed: int
) -> None:
    splits = hold_out(truth, seed)
    assert splits == hold_out(truth, seed)
    counts = Counter(truth)
    held_out = Counter(place for split in splits for place in split.held_out)
    assert held_out == Counter(place for place, one in enumerate(truth) if counts[one] > 1)
    for split in splits:
        assert sorted([*split.fitted, *split.held_out]) == list(range(len(truth)))
        assert {truth[place] for place in split.fitted} == set(truth)


def test_many_rows_are_held_out_in_one_part() -> None:
    truth = [place % 3 for place in range(OUT_OF_FOLD_UP_TO + 1)]
    (split,) = hold_out(truth, 0)
    assert abs(len(split.held_out) - len(truth) / FOLDS) < 3
    assert hold_out(truth, 1) != [split]


def test_noise_gets_more_regularisation_than_clear_data() -> None:
    strengths = []
    for spread in (3.0, 0.5):
        vectors, truth = clouds(150, 4, spread=spread)
        fitted = fit(vectors, truth.tolist(), 4, weight_decay=None, seed=0)
        strengths.append(1 / (150 * fitted.weight_decay))
    assert strengths[0] < 1 < 10 <= strengths[1]


def test_temperature_makes_probabilities_of_unseen_rows_true() -> None:
    vectors, truth = clouds(2150, 4, spread=2.0)
    # Hardly regularised, so far too sure of itself.
    fitted = fit(vectors[:150], truth[:150].tolist(), 4, weight_decay=1e-6, seed=0)
    assert fitted.weight_decay == pytest.approx(1e-6)
    assert fitted.temperature is not None
    logits, unseen = fitted.head.logits(vectors[150:]), truth[150:]
    loss = torch.nn.functional.cross_entropy
    best = min(float(loss(logits / t, unseen)) for t in torch.logspace(-1, 2, 60))
    assert float(loss(logits / fitted.temperature, unseen)) < best + 0.02
    assert float(loss(logits, unseen)) > best + 0.5


def test_same_seed_same_head_other_seed_other_parts() -> None:
    vectors, truth = clouds(200, 4, spread=2.0)
    first, again, other = (
        fit(vectors, truth.tolist(), 4, weight_decay=None, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first.head.weight, again.head.weight)
    assert (first.temperature, first.metrics) == (again.temperature, again.metrics)
    assert first.metrics != other.metrics


def test_validation_rows_decide_instead_and_are_not_trained_on() -> None:
    vectors, truth = clouds(300, 3, spread=3.0)
    judging = (vectors[200:], truth[200:].tolist())
    for decay in (None, 1e-3):
        fitted = fit(
            vectors[:200], truth[:200].tolist(), 3, weight_decay=decay, seed=0, validation=judging
        )
        assert fitted.metrics["held_out_rows"] == 100
    alone = solve(vectors[:200], truth[:200], 3, weight_decay=1e-3)
    assert_alike(alone, fitted.head, vectors)


def test_one_row_a_class_trains_without_a_temperature() -> None:
    vectors, _ = clouds(4, 4, spread=0.1)
    fitted = fit(vectors, [0, 1, 2, 3], 4, weight_decay=None, seed=0)
    assert fitted.temperature is None
    assert fitted.metrics == {}
    assert fitted.head.logits(vectors).argmax(1).tolist() == [0, 1, 2, 3]


def test_values_that_were_tried_are_reported() -> None:
    vectors, truth = clouds(100, 3, spread=2.0)
    said: list[tuple[str, dict]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(
            vectors,
            truth.tolist(),
            3,
            weight_decay=None,
            seed=0,
            report=lambda message, data: said.append((message, data)),
        )
    assert len(said) >= 2
    assert said[0][1]["C"] == 10.0
    assert "held-out accuracy" in said[0][0]


# --- rows of the same text ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_the_same_text_stay_together(seed: int) -> None:
    texts = [f"text {n % 40}" for n in range(120)]
    truth = [n % 40 % 4 for n in range(120)]
    for split in hold_out(truth, seed, texts=texts):
        fitted = {texts[place] for place in split.fitted}
        held_out = {texts[place] for place in split.held_out}
        assert not fitted & held_out
        assert {truth[place] for place in split.fitted} == set(range(4))
    again = [f"text {n}" for n in range(120)]
    assert hold_out(truth, seed, texts=again) == hold_out(truth, seed)


@pytest.mark.parametrize("seed", range(20))
def test_a_class_whose_texts_are_all_of_others_stays_fitted(seed: int) -> None:
    texts = [f"text {n}" for n in range(20)] * 2
    truth = [n % 2 for n in range(20)] + [2] * 20
    for split in hold_out(truth, seed, texts=texts):
        assert {truth[place] for place in split.fitted} == {0, 1, 2}


def test_a_part_has_so_many_texts_at_the_most() -> None:
    texts = [f"text {n % 1000}" for n in range(3_000)]
    (split,) = hold_out([n % 2 for n in range(3_000)], 0, texts=texts, most=50)
    assert len(split.held_out) == 150
    assert len({texts[place] for place in split.held_out}) == 50
