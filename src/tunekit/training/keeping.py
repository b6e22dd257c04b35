"""Which weights of a training are kept, and when going on brings nothing any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from .judging import worse

__all__ = ["Kept"]

Tensors = dict[str, torch.Tensor]


class Kept:
    """The latest state that isn't worse than the best one (see :mod:`tunekit.training.judging`).

    ``step`` is ``None`` until a state was judged; ``losses`` are those of the kept state, (rows,).
    ``without_progress`` counts the judgements since then. ``weights`` are empty where the module
    has the kept ones still, since nothing comes after them.
    """

    def __init__(self) -> None:
        self.step: int | None = None
        self.losses: torch.Tensor | None = None
        self.weights: Tensors = {}
        self.without_progress = 0
        # What is worse is said in comparison with these. Compared with the kept state, one that
        # is a little worse would open the door for the next that is a little worse than that.
        self._lowest: torch.Tensor | None = None

    def judge(self, step: int, losses: torch.Tensor, weights: Callable[[], Tensors]) -> None:
        """Keep the state after so many steps, or count that it was no progress."""
        if self._lowest is not None and worse(losses, self._lowest):
            self.without_progress += 1
            return
        if self._lowest is None or not self._lowest.mean() <= losses.mean():
            self._lowest = losses
        self.step, self.losses, self.weights = step, losses, weights()
        self.without_progress = 0

    # --- for a checkpoint -----------------------------------------------------------------------

    @property
    def tensors(self) -> dict[str, Tensors]:
        """Parts by name."""
        if self.losses is None or self._lowest is None:
            return {}
        judged = {"losses": self.losses, "lowest": self._lowest.clone()}  # may be the same ones
        return {"best": self.weights, "judged": judged}

    @property
    def facts(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"best": self.step, "without_progress": self.without_progress}

    def take_up(self, tensors: Mapping[str, Mapping[str, torch.Tensor]], facts: Any) -> None:
        """Go on with what :attr:`tensors` and :attr:`facts` were."""
        self.step, self.without_progress = facts["best"], facts["without_progress"]
        if self.step is not None:
            self.weights = dict(tensors["best"])
            self.losses, self._lowest = tensors["judged"]["losses"], tensors["judged"]["lowest"]
