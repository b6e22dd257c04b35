"""chrF: how far two texts agree in their character n-grams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from .metrics import Bools, Floats, Ints

__all__ = ["COLUMNS", "agreement", "chrf"]

ORDERS = 6
BETA = 2.0
#: Per order: n-grams of the answer, of the reference, and of both.
COLUMNS = 3 * ORDERS


def agreement(answer: str, reference: str) -> tuple[int, ...]:
    """What :func:`chrf` adds up over rows: per order from 1 to 6 the n-grams of the answer, of the
    reference, and those they share. White space doesn't count.

    Example:
        >>> agreement("ab", "a c")[:6]
        (2, 2, 1, 1, 1, 0)
    """
    said, true = "".join(answer.split()), "".join(reference.split())
    counted: list[int] = []
    for order in range(1, ORDERS + 1):
        of_said, of_true = Counter(_ngrams(said, order)), Counter(_ngrams(true, order))
        shared = sum((of_said & of_true).values())
        # An order that the reference is too short for says nothing about the answer.
        counted += [of_said.total() if of_true else 0, of_true.total(), shared]
    return tuple(counted)


def chrf(sums: Floats) -> Floats:
    """chrF from 0 to 1 of summed agreements: shape (resamples, 18) in, (resamples,) out.

    Mean precision ``P`` and mean recall ``R`` over the orders that both sides have n-grams of, then
    ``(1 + β²) P R / (β² P + R)`` with β = 2. Source: M. Popović, "chrF: character n-gram F-score
    for automatic MT evaluation" (WMT 2015); as sacrebleu computes it, over 100.

    Example:
        >>> float(chrf(np.array([agreement("the cat", "the cat")], float))[0])
        1.0
    """
    said, true, shared = (sums[:, column::3] for column in range(3))
    there = (said > 0) & (true > 0)
    orders = there.sum(axis=1)
    precision, recall = (_mean_share(shared, whole, there, orders) for whole in (said, true))
    below = BETA**2 * precision + recall
    above = (1 + BETA**2) * precision * recall
    score: Floats = np.divide(above, below, out=np.zeros(len(sums)), where=below > 0)
    return score


def _mean_share(part: Floats, whole: Floats, there: Bools, orders: Ints) -> Floats:
    shares = np.divide(part, whole, out=np.zeros_like(whole), where=there)
    mean: Floats = np.divide(shares.sum(axis=1), orders, out=np.zeros(len(part)), where=orders > 0)
    return mean


def _ngrams(text: str, order: int) -> Iterator[str]:
    return (text[at : at + order] for at in range(len(text) - order + 1))
