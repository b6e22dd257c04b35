"""The best tags of a text, given how likely each tag is for each token. No torch here.

Tags are those of :mod:`tunekit.training.alignment`. Of all sequences in which a span begins before
it goes on, the one with the highest sum of scores is taken (Viterbi 1967).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["best_tags"]


def best_tags(scores: Any, begins: Sequence[bool] | None = None) -> list[int]:
    """The tags of the best sequence.

    Args:
        scores: (tokens, tags), log-probabilities or anything that differs from them by the same
            number for all tags of a token.
        begins: whether each token begins a word. Where given, no span begins or ends within a word.

    Example:
        The second tag alone would go on with what hasn't begun.

        >>> best_tags(np.log([[0.5, 0.4, 0.1], [0.2, 0.1, 0.7]]))
        [1, 2]
    """
    tokens, tags = scores.shape
    if not tokens:
        return []
    came_from = np.zeros((tokens, tags), dtype=np.int64)
    best = scores[0].astype(np.float64)
    best[2::2] = -np.inf  # nothing goes on at the beginning
    spans = np.arange(1, tags, 2)
    for place in range(1, tokens):
        now = np.empty(tags)
        if begins is None or begins[place]:
            before = int(best.argmax())
            now[0] = now[1::2] = best[before]
            came_from[place] = before
        else:
            now[0], now[1::2] = best[0], -np.inf
        begun, going_on = best[1::2], best[2::2]
        now[2::2] = np.maximum(begun, going_on)
        came_from[place, 2::2] = spans + (going_on > begun)
        best = now + scores[place]
    path = [int(best.argmax())]
    for place in range(tokens - 1, 0, -1):
        path.append(int(came_from[place, path[-1]]))
    return path[::-1]
