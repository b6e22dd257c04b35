"""Calibration by one number: a temperature that makes probabilities mean what they say.

A temperature belongs to a model and stands between backend and ``parse``, so that hosted models
get one as well as local ones. It changes how sure a model says it is, never which answer it gives.

Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017),
section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from .errors import InputError, ModelError
from .shapes import Order, Said, Target, Weights

__all__ = ["LARGEST", "SMALLEST", "Probabilities", "apply", "fit_temperature"]

#: What one prediction says: (answer, probability) pairs, or a mapping.
Probabilities: TypeAlias = Mapping[str, float] | Iterable[tuple[str, float]]

#: A fitted temperature lies between these.
SMALLEST, LARGEST = 0.05, 20.0

#: Stands in for a probability of 0, whose logarithm would end every comparison.
FLOOR = 1e-12


def apply(target: Target, temperature: float | None) -> Target:
    """A backend's answer with its probabilities at this temperature.

    Each becomes ``p ** (1 / temperature)``, and all are scaled to sum to 1. Those with a name come
    back highest first, those of an Order by position as they were. Targets without probabilities,
    and all where ``temperature`` is None, come back as they are. Raises ModelError where the
    temperature isn't a positive number.

    >>> apply(Weights((("no", 0.2), ("yes", 0.8))), 2.0)
    Weights(by_label=(('yes', 0.6666666666666666), ('no', 0.3333333333333333)))
    """
    if temperature is None:
        return target
    if not (math.isfinite(temperature) and temperature > 0):
        raise ModelError(
            f"The model's temperature is {temperature!r}, and must be a positive number. "
            "Tune the model again."
        )
    if isinstance(target, Weights):
        return Weights(_tempered(target.by_label, temperature))
    if isinstance(target, Said) and target.probabilities:
        return target._replace(probabilities=_tempered(target.probabilities, temperature))
    if isinstance(target, Order) and target.probabilities:
        return target._replace(probabilities=tuple(_scaled(target.probabilities, temperature)))
    return target


def _tempered(
    pairs: tuple[tuple[str, float], ...], temperature: float
) -> tuple[tuple[str, float], ...]:
    # Sorted before scaling: two that differ may be equal, or a hair the other way, after it.
    ranked = sorted(pairs, key=lambda pair: -pair[1])
    scaled = _scaled([p for _, p in ranked], temperature)
    return tuple((answer, p) for (answer, _), p in zip(ranked, scaled, strict=True))


def _scaled(probabilities: Sequence[float], temperature: float) -> Sequence[float]:
    highest = max(probabilities, default=0.0)
    if not highest > 0:
        return probabilities  # nothing to scale
    # Relative to the highest, so that no power of a small number is lost to underflow.
    powers = [(p / highest) ** (1 / temperature) if p > 0 else 0.0 for p in probabilities]
    total = math.fsum(powers)
    return [power / total for power in powers]


def fit_temperature(probabilities: Sequence[Probabilities], truth: Sequence[str]) -> float:
    """The temperature that fits held-out predictions best.

    Minimises the negative log likelihood of the true answers over ``1 / T``, in which it is convex
    (so there is one minimum, found by bisecting its derivative)::

        sum_i -log softmax(log p_i / T)[truth_i]   +   mean_i mean_k -log softmax(log p_i / T)[k]

    The second term is one imaginary row about whose truth nothing is known. It counts for one row
    and no more, so it vanishes in large data; in small data, where often every answer is right, it
    keeps the fit from calling the model infallible. It is the idea of Platt, "Probabilistic
    Outputs for Support Vector Machines" (1999), section 2.2.

    Args:
        probabilities: per row what the model said, at temperature 1; rows needn't name the same
            answers.
        truth: per row the true answer. A row whose truth the model doesn't know is passed over:
            no temperature can help it.

    Returns:
        A number in [0.05, 20]; 1.0 where no row says anything.

    Raises:
        InputError: the two differ in length.

    Example:
        A model that says 0.99 and is right three times in four needs cooling down.

        >>> said = (("yes", 0.99), ("no", 0.01))
        >>> temperature = fit_temperature([said] * 400, ["yes"] * 300 + ["no"] * 100)
        >>> round(apply(Weights(said), temperature).by_label[0][1], 2)
        0.75
    """
    import numpy as np

    if len(probabilities) != len(truth):
        raise InputError(
            f"{len(probabilities)} predictions for {len(truth)} true answers: give one for each."
        )
    rows: list[list[float]] = []
    true_at: list[int] = []
    for said, answer in zip(probabilities, truth, strict=True):
        pairs = list(said.items()) if isinstance(said, Mapping) else list(said)
        place = next((i for i, (name, _) in enumerate(pairs) if name == answer), None)
        if place is not None and len(pairs) > 1:
            rows.append([p for _, p in pairs])
            true_at.append(place)
    if not rows:
        return 1.0
    lengths = np.array([len(row) for row in rows])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    logs = np.log(np.clip(np.concatenate([np.asarray(row, float) for row in rows]), FLOOR, None))
    logs -= np.repeat(np.maximum.reduceat(logs, starts), lengths)
    wanted = logs[starts + np.array(true_at)].sum()
    even = (np.add.reduceat(logs, starts) / lengths).mean()

    def slope(sharpness: float) -> float:
        """The derivative of the sum above with respect to ``1 / T``: rises, crosses 0 once."""
        powers = np.exp(sharpness * logs)
        expected = np.add.reduceat(powers * logs, starts) / np.add.reduceat(powers, starts)
        return float(expected.sum() - wanted + expected.mean() - even)

    low, high = 1 / LARGEST, 1 / SMALLEST
    if slope(low) >= 0:
        return LARGEST
    if slope(high) <= 0:
        return SMALLEST
    for _ in range(50):
        middle = math.sqrt(low * high)
        if slope(middle) < 0:
            low = middle
        else:
            high = middle
    return 1 / math.sqrt(low * high)
