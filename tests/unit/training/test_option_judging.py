from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.training.option_judging import (  # noqa: E402
    Judged,
    could_win,
    decide,
    hopeless,
    judged,
)

pytestmark = pytest.mark.torch


def losing(mean: float, *, rows: int = 100, seed: int = 0) -> Judged:
    noise = torch.randn(rows, generator=torch.Generator().manual_seed(seed))
    return Judged(0.5, 1.0, mean + 0.5 * (noise - noise.mean()))


def test_the_bi_encoder_stays_unless_another_is_clearly_better() -> None:
    frozen, tuned = losing(1.0, seed=1), losing(0.9, seed=2)
    assert decide(frozen, tuned, losing(0.85, seed=3)).took == "bi-encoder"
    assert decide(frozen, tuned, losing(0.4, seed=3)).took == "cross-encoder"
    assert decide(frozen, tuned, losing(1.5, seed=3)).took == "bi-encoder"
    assert decide(frozen, tuned, None).took == "bi-encoder"


def test_tuning_that_makes_it_clearly_worse_is_left() -> None:
    frozen = losing(1.0, seed=1)
    assert decide(frozen, losing(1.05, seed=2), None).took == "bi-encoder"
    assert decide(frozen, losing(1.6, seed=2), None).took == "frozen"
    # A cross-encoder has to be clearly better than what would be taken without it.
    assert decide(frozen, losing(1.6, seed=2), losing(1.1, seed=3)).took == "frozen"
    assert decide(frozen, losing(1.6, seed=2), losing(0.5, seed=3)).took == "cross-encoder"


def test_a_trial_goes_on_only_where_it_could_win() -> None:
    assert hopeless(losing(1.0, seed=1), losing(0.9, seed=2))
    assert not hopeless(losing(0.9, seed=1), losing(1.0, seed=2))
    assert could_win(losing(0.9))
    assert not could_win(Judged(1.0, 1.0, torch.tensor([0.0, 0.0, 0.3])))


def test_judged_by_the_best_option_at_the_temperature_that_fits() -> None:
    # Sure of itself and right half of the time.
    scores = [[9.0, 0.0], [9.0, 0.0]] * 20
    orders = [[1.0, 0.0], [0.0, 1.0]] * 20
    found = judged(scores, orders)
    assert found.accuracy == 0.5
    assert found.temperature == 20.0  # the largest that is fitted
    assert float(found.losses.mean()) == pytest.approx(0.693, abs=0.05)


def test_any_of_the_best_is_right_and_ties_alone_fit_no_temperature() -> None:
    found = judged([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]], [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    assert found.accuracy == 0.5
    assert found.temperature is None
