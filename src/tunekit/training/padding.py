"""Token ids of a batch, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

__all__ = ["Padded", "pad"]


class Padded(NamedTuple):
    """``ids`` and ``mask``, both (examples, tokens of the longest); the mask is 1 where a token
    is and 0 where none is."""

    ids: torch.Tensor
    mask: torch.Tensor


def pad(rows: Sequence[Sequence[int]], device: torch.device, *, filler: int = 0) -> Padded:
    """The ids of these examples on a device, filled up on the right.

    Example:
        >>> pad([[7, 8], [9]], torch.device("cpu")).mask.tolist()
        [[1, 1], [1, 0]]
    """
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return Padded(ids.to(device), mask.to(device))
