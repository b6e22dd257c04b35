"""Whether probabilities mean what they say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .metrics import RESAMPLES, SEED, Bools, Floats, Ints, Measure, mean_interval, resamples

__all__ = ["Bin", "Calibration", "calibration_error", "log_loss", "reliability_bins"]


BINS = 15
#: What a probability of 0 counts as in the log loss.
FLOOR = 1e-15


class Calibration(NamedTuple):
    """The expected calibration error, ``value``, with the ends of its 95 % interval, ``low`` and
    ``high``, and ``floor``: what a perfectly calibrated model would have on as many rows."""

    value: float
    low: float
    high: float
    floor: float

    def to_dict(self) -> dict[str, float]:
        """``{"value", "low", "high", "floor"}``."""
        return self._asdict()


class Bin(NamedTuple):
    """The answers whose probability lies from ``low`` to ``high``: how many rows, how sure they are
    on average, and how many of them are right."""

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


def reliability_bins(probability: Floats, right: Bools) -> tuple[Bin, ...]:
    """The 15 bins that :func:`calibration_error` is made of; those without rows hold zeros."""
    at = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(at, minlength=BINS)
    sure, hits = (np.bincount(at, weights=one, minlength=BINS) for one in (probability, right))
    whole = np.maximum(rows, 1)
    return tuple(
        Bin(one / BINS, (one + 1) / BINS, int(rows[one]), *map(float, (mean, share)))
        for one, (mean, share) in enumerate(zip(sure / whole, hits / whole, strict=True))
    )


def calibration_error(probability: Floats, right: Bools) -> Calibration:
    """ECE over 15 equal-width bins of the probability of the answer that was given.

    ``sum over bins of |right answers - sum of probabilities| / rows``. Source: Naeini, Cooper,
    Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI 2015).

    On few rows even a perfect model has some. ``floor`` is the mean of what it would have: the
    same probabilities, with answers drawn right as often as they say.

    For the same reason every resample of the rows has more of it than the rows have, and an
    interval from the resamples' percentiles would miss the truth most of the time. The one given
    is the *basic* bootstrap, which mirrors them (Davison & Hinkley, "Bootstrap Methods and their
    Application", 1997, section 5.2), and it begins at 0 where a perfectly calibrated model would
    be expected to show as much.
    """
    rows = len(probability)
    at = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    gap = right - probability
    value = _error(at, gap)
    drawn = np.array([_error(at[draw], gap[draw]) for draw in resamples(rows)])
    random = np.random.default_rng(SEED)
    perfect = np.array(
        [_error(at, (random.random(rows) < probability) - probability) for _ in range(RESAMPLES)]
    )
    below, above = np.quantile(drawn, [0.025, 0.975])
    plausible = value <= np.quantile(perfect, 0.975)
    low = 0.0 if plausible else max(0.0, 2 * value - above)
    return Calibration(
        value,
        float(min(low, value)),
        float(min(1.0, max(2 * value - below, value))),
        float(perfect.mean()),
    )


def _error(at: Ints, gap: Floats) -> float:
    return float(np.abs(np.bincount(at, weights=gap, minlength=BINS)).sum() / len(at))


def log_loss(of_truth: Floats) -> Measure:
    """The mean of ``-log p`` over rows, p being the probability of the true label.

    A probability of 0, and that of a label which the model doesn't know, counts as 1e-15.
    """
    losses = -np.log(np.clip(of_truth, FLOOR, 1.0))
    return mean_interval(losses)
