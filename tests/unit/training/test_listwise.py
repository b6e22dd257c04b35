"""The loss of lists, against torch's own and against all rankings there are."""

from __future__ import annotations

import itertools
import math

import pytest

torch = pytest.importorskip("torch", reason="needs the extra local")

from torch.nn.functional import cross_entropy, softplus  # noqa: E402

from tunekit.training.listwise import beside, choices, losses  # noqa: E402

pytestmark = pytest.mark.torch


def test_one_best_option_is_cross_entropy_and_of_two_the_logistic_loss() -> None:
    torch.manual_seed(0)
    scores = torch.randn(5, 4)
    best = [2, 0, 3, 3, 1]
    orders = [[float(at == one) for at in range(4)] for one in best]
    expected = cross_entropy(scores, torch.tensor(best), reduction="none")
    torch.testing.assert_close(losses(scores, choices(orders)), expected)

    pair = losses(scores[:, :2], choices([[1.0, 0.0]] * 5))
    torch.testing.assert_close(pair, softplus(scores[:, 1] - scores[:, 0]))


def test_a_ranking_costs_what_it_is_unlikely_and_all_of_them_add_up() -> None:
    scores = torch.tensor([[0.3, -1.2, 2.0, 0.7]])
    found = {
        ranking: math.exp(-float(losses(scores, choices([[float(-one) for one in ranking]]))))
        for ranking in itertools.permutations(range(4))
    }
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    # By hand: third, fourth, first, second.
    powers = scores[0].exp().tolist()
    likely = powers[2] / sum(powers)
    likely *= powers[3] / (powers[0] + powers[1] + powers[3])
    likely *= powers[0] / (powers[0] + powers[1])
    assert found[2, 3, 0, 1] == pytest.approx(likely, rel=1e-5)


def test_the_best_share_the_probability_equally() -> None:
    scores = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.SGD([scores], lr=1.0)
    for _ in range(300):
        optimizer.zero_grad()
        losses(scores, choices([[1.0, 1.0, 0.0]])).sum().backward()
        optimizer.step()
    first, second, third = scores.detach().softmax(1)[0].tolist()
    assert first == pytest.approx(second)
    assert third < 0.02


def test_what_is_tied_at_the_end_is_not_told_apart() -> None:
    scores = torch.tensor([[3.0, 1.0, -4.0]], requires_grad=True)
    losses(scores, choices([[2.0, 1.0, 1.0]])).sum().backward()
    assert scores.grad is not None
    first, second, third = scores.grad[0].tolist()
    assert first < 0 < third < second  # each pushed down by its share of the first choice alone
    assert float(losses(scores, choices([[1.0, 1.0, 1.0]])).detach()) == 0


def test_what_fills_up_a_shorter_row_counts_for_nothing() -> None:
    orders = [[0.0, 2.0, 1.0], [1.0, 0.0]]
    scores = beside([[0.5, 0.1, -0.3], [0.2, 0.4]])
    filled = scores.clone()
    filled[1, 2] = 99.0
    filled.requires_grad_()
    found = losses(filled, choices(orders))
    torch.testing.assert_close(found[1:], losses(scores[1:, :2], choices(orders[1:])))
    found.sum().backward()
    assert filled.grad is not None
    assert float(filled.grad[1, 2]) == 0


def test_no_rows_no_losses() -> None:
    assert losses(beside([]), choices([])).shape == (0,)
