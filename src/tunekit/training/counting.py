"""An encoder that counts what it computes, for the plans of later trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .costs import Depth, Reading
from .encoder import Encoder, Progress

__all__ = ["CountingEncoder"]


class CountingEncoder(Encoder):
    """An encoder that counts what it computes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sums = Reading()
        self._forms: set[tuple[int, ...]] = set()

    @property
    def reading(self) -> Reading:
        """What was computed so far."""
        return self._sums._replace(forms=len(self._forms))

    @property
    def depth(self) -> Depth:
        """How large the base model is."""
        config = self.module.config
        wide = getattr(config, "intermediate_size", None) or getattr(config, "hidden_dim", None)
        return Depth(
            layers=int(config.num_hidden_layers),
            inner=int(wide or 4 * self.dimensions),
            stored=sum(one.numel() * one.element_size() for one in self.module.parameters()),
        )

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> torch.Tensor:
        self._sums = self._sums._replace(
            texts=self._sums.texts + len(texts),
            characters=self._sums.characters + sum(map(len, texts)),
        )
        return super().encode(texts, progress)

    def _forward(self, ids: torch.Tensor) -> torch.Tensor:
        self._forms.add(tuple(ids.shape))
        self._sums = self._sums._replace(
            tokens=self._sums.tokens + ids.numel(),
            squares=self._sums.squares + ids.numel() * ids.shape[1],
            batches=self._sums.batches + 1,
        )
        return super()._forward(ids)
