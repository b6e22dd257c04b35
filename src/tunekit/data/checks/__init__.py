"""What is wrong with the meaning of rows, and with a set of them."""

from __future__ import annotations

from .checking import check
from .findings import Findings

__all__ = ["Findings", "check"]
