"""Pages of the reference that are computed from the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .commands import commands
from .formats import formats
from .hyperparameters import hyperparameters
from .models import models
from .support import support

__all__ = ["PAGES"]

#: The page under docs/reference/, and what writes it.
PAGES: Mapping[str, Callable[[], str]] = {
    "command-line.md": commands,
    "formats.md": formats,
    "hyperparameters.md": hyperparameters,
    "models.md": models,
    "support.md": support,
}
