"""Whether options are put in the right order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["rank_correlation"]


def rank_correlation(ranks: Sequence[int], scores: Sequence[float]) -> float:
    """Kendall's tau-b between ranks (0 is best) and scores (the highest is best) of the same
    options.

    ``(agreeing - disagreeing pairs) / sqrt(pairs untied in ranks * pairs untied in scores)``;
    0 where all of one side are tied. Source: M. G. Kendall, "The treatment of ties in ranking
    problems", Biometrika 33 (1945).

    Example:
        >>> rank_correlation([0, 1, 2], [0.7, 0.2, 0.1])
        1.0
        >>> round(rank_correlation([0, 1, 2], [0.7, 0.1, 0.2]), 3)
        0.333
    """
    better = -np.asarray(ranks, dtype=float)
    said = np.asarray(scores, dtype=float)
    truth_signs = np.sign(better[:, None] - better)
    said_signs = np.sign(said[:, None] - said)
    untied = np.count_nonzero(truth_signs) * np.count_nonzero(said_signs)
    return float((truth_signs * said_signs).sum() / np.sqrt(untied)) if untied else 0.0
