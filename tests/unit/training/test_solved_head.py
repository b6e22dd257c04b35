"""The head on frozen features, against scikit-learn."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.scorer import Features  # noqa: E402
from tunekit.training.solved_head import scored, solve, solve_best  # noqa: E402

pytestmark = pytest.mark.torch


def rows(count: int, seed: int, noise: float = 0.5) -> tuple[Features, list[list[float]]]:
    """Pairs of which the first feature says more or less which is better."""
    chance = torch.Generator().manual_seed(seed)
    values = torch.randn(2 * count, 3, generator=chance)
    worth = values[:, 0] + noise * torch.randn(2 * count, generator=chance)
    orders = [
        [float(one > other), float(one <= other)] for one, other in worth.reshape(-1, 2).tolist()
    ]
    return Features(values, torch.zeros(2 * count)), orders


@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_of_pairs_it_is_logistic_regression_on_their_differences(strength: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    features, orders = rows(60, seed=0)
    head = solve(features, orders, range(60), strength=strength)
    apart = (features.values[0::2] - features.values[1::2]).numpy()
    reference = linear.LogisticRegression(C=strength, fit_intercept=False, tol=1e-8)
    reference.fit(apart, [order[0] for order in orders])
    assert head.tolist() == pytest.approx(reference.coef_[0].tolist(), abs=2e-3)


def test_only_the_rows_that_count_count() -> None:
    features, orders = rows(40, seed=1)
    changed = [*orders[:30], *[list(reversed(one)) for one in orders[30:]]]
    first = solve(features, orders, range(30), strength=1.0)
    assert torch.equal(first, solve(features, changed, range(30), strength=1.0))
    assert not torch.equal(first, solve(features, changed, range(40), strength=1.0))


def test_noise_is_smoothed_more_than_what_is_clear() -> None:
    clear = solve_best(*rows(100, seed=2, noise=0.0), range(100), seed=0)
    noisy = solve_best(*rows(100, seed=2, noise=9.0), range(100), seed=0)
    assert noisy.strength < clear.strength
    assert noisy.head.norm() < clear.head.norm()


def test_what_an_option_starts_from_stays_where_nothing_is_learnt() -> None:
    features, orders = rows(4, seed=3)  # too few to hold any out
    started = Features(torch.zeros_like(features.values), torch.arange(8.0))
    solved = solve_best(started, orders, range(4), seed=0)
    assert solved.head.tolist() == [0, 0, 0]
    assert scored(started, orders, [1, 3], solved.head) == [[2.0, 3.0], [6.0, 7.0]]
