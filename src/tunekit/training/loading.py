"""An artifact on its way to answering."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeVar

from .base_model import BaseModel
from .card import Artifact
from .recipe import Precision, Writing
from .trained_weights import adapter_of, own_weights

__all__ = ["Kept"]

M = TypeVar("M", bound=BaseModel)


class Kept(NamedTuple):
    """An artifact, what it says about itself, the folder of its base weights, and the machine that
    it is to answer on (see :func:`tunekit.training.runtime.load`)."""

    card: Artifact
    folder: Path
    base_path: Path
    device: str = "auto"
    threads: int | None = None
    precision: Precision = "auto"
    writing: Writing = Writing()

    def model(self, kind: type[M]) -> M:
        """Its base model with what was trained of it. ``"auto"`` is fp32 here.

        Raises:
            ModelError: what was trained can't be read, or doesn't fit.
            WeightsError: the base weights can't be loaded.
            ConfigError: this machine has no such device.
        """
        model = kind(
            self.card.base,
            self.base_path,
            max_length=self.card.max_length,
            device=self.device,
            threads=self.threads,
            precision="fp32" if self.precision == "auto" else self.precision,
            own=own_weights(self.card, self.folder),
        )
        adapter_of(self.card, self.folder, model)
        return model
