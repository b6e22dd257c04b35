"""Small tools for arrays with a number for every row."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Integers", "run_begins", "tie", "tie_equal"]

Integers: TypeAlias = NDArray[np.int64]


def run_begins(ordered: NDArray[Any]) -> Integers:
    """For each place where the run of equal values begins that it is in."""
    places = np.arange(len(ordered))
    places[1:][ordered[1:] == ordered[:-1]] = 0
    np.maximum.accumulate(places, out=places)
    return places


def tie(component: Integers, rows: Integers, others: Integers) -> None:
    """Give rows that are tied, over others too, the same number: that of the first of them."""
    while True:
        one, other = component[rows], component[others]
        if not (apart := one != other).any():
            return
        rows, others = rows[apart], others[apart]
        one, other = one[apart], other[apart]
        np.minimum.at(component, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(shorter := component[component], component):
            component[:] = shorter


def tie_equal(component: Integers, values: NDArray[Any]) -> None:
    """Tie the rows that have the same value."""
    order = np.argsort(values, kind="stable")
    repeated = np.flatnonzero(np.diff(values[order]) == 0) + 1
    tie(component, order[repeated], order[repeated - 1])
