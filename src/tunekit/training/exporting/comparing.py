"""Whether an exported model answers as the original does, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ModelError

__all__ = ["TOLERANCE", "Array", "compare"]

Array = np.ndarray[Any, Any]

#: How far a logit may be from the original's.
TOLERANCE = 1e-4


def compare(expected: Sequence[Array], found: Sequence[Array], what: str) -> None:
    """Compare what an exported model says of the probes with what the original says.

    Raises:
        ModelError: a number differs by more than :data:`TOLERANCE`.
    """
    for one, other in zip(expected, found, strict=True):
        furthest = np.abs(one - other).max(initial=0.0) if one.shape == other.shape else np.inf
        if not furthest <= TOLERANCE:  # as with what is no number
            raise ModelError(
                f"{what} doesn't answer as the original does: a number differs by {furthest:.2g} "
                f"where {TOLERANCE:g} is allowed. save() writes the model for tunekit."
            )
