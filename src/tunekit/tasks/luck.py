"""Whether a count is more than luck."""

from __future__ import annotations

from math import exp, log

__all__ = ["luck"]


def luck(hits: int, tries: int, chance: float) -> float:
    """An upper bound on the probability of so many hits or more, if each try hits by ``chance``.

    ``chance`` may be the mean of different ones. The bound is ``exp(-tries * KL(rate || chance))``
    (Chernoff; W. Hoeffding, "Probability inequalities for sums of bounded random variables",
    1963, theorem 1). It holds for any number of tries, so few of them never count as evidence by
    accident; where the rate isn't over chance it is 1.

    Example:
        >>> round(luck(4, 4, 0.25), 4), luck(1, 4, 0.25)
        (0.0039, 1.0)
    """
    if not tries or not 0 < chance < 1 or hits / tries <= chance:
        return 1.0
    rate = hits / tries
    exponent = rate * log(rate / chance)
    if rate < 1:
        exponent += (1 - rate) * log((1 - rate) / (1 - chance))
    return exp(-tries * exponent)
