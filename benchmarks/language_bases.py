"""The language model of these benchmarks, fetched and converted once, outside every clock."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tunekit.training.recipe import Base
    from tunekit.weights import BaseWeights

__all__ = ["MODEL", "base_of", "found", "new_home"]

MODEL = "smollm2-135m"
#: What is fetched stays in the checkout, where the tests keep it as well.
KEPT = Path(__file__).resolve().parent.parent / ".cache" / "tunekit"


def found(model: str = MODEL) -> BaseWeights:
    """Base weights, ready to be trained."""
    from tunekit.backends.trainer.bases import base_weights

    return base_weights(model, home=KEPT)


def base_of(weights: BaseWeights) -> Base:
    """Base weights as a recipe names them."""
    from tunekit.training.recipe import Base

    return Base(
        name=weights.name,
        files=tuple(weights.files.items()),
        pooling=weights.pooling,
        max_length=weights.max_length,
        limit=weights.limit,
        family=weights.family,
    )


@contextmanager
def new_home(name: str, *models: str) -> Iterator[Path]:
    """A new TUNEKIT_HOME, where nothing was trained and these base models are."""
    for model in models:
        found(model)
    home = Path(tempfile.mkdtemp(prefix=f"tunekit-{name}-"))
    try:
        (KEPT / "weights").mkdir(parents=True, exist_ok=True)
        (home / "weights").symlink_to(KEPT / "weights", target_is_directory=True)
        os.environ["TUNEKIT_HOME"] = str(home)
        yield home
    finally:
        shutil.rmtree(home)
