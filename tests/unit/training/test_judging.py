from __future__ import annotations

import math

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.judging import difference, worse  # noqa: E402


def test_the_interval_of_a_mean_of_paired_differences_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    chance = torch.Generator().manual_seed(0)
    one, other = torch.rand(200, generator=chance), torch.rand(200, generator=chance)
    found = difference(one, other)
    apart = (one - other).double().numpy()
    assert found.mean == pytest.approx(apart.mean())
    assert found.error == pytest.approx(stats.sem(apart))
    low, high = stats.norm.interval(0.95, loc=apart.mean(), scale=stats.sem(apart))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_rows_are_compared_one_by_one() -> None:
    """The rows differ far more among each other than the states do: no matter."""
    rows = torch.linspace(0, 100, 50)
    assert worse(rows + 0.01, rows)
    assert not worse(rows, rows)
    assert not worse(rows - 0.01, rows)


def test_one_standard_error_is_no_difference() -> None:
    rows = torch.tensor([-1.0, 1.0] * 50)  # their mean has a standard error of 0.1005
    nothing = torch.zeros(100)
    assert not worse(rows + 0.1, nothing)
    assert worse(rows + 0.11, nothing)


def test_a_single_row_says_nothing() -> None:
    assert not worse(torch.tensor([100.0]), torch.tensor([0.0]))
    assert difference(torch.tensor([2.0]), torch.tensor([1.0])) == (1.0, math.inf)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_losses_that_are_not_finite_are_worse(bad: float) -> None:
    good, lost = torch.ones(9), torch.ones(9)
    lost[3] = bad
    assert worse(lost, good)
    assert not worse(good, lost)
    assert worse(lost, lost), "that isn't progress"
