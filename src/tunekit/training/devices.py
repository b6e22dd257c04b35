"""What torch can compute on here."""

from __future__ import annotations

import torch

from .base_model import choose_precision

__all__ = ["accelerators", "cpu_precision"]


def accelerators() -> list[tuple[str, str, int | None, str]]:
    """All devices besides the CPU: kind, name, bytes of memory where they are known, and the
    precision that ``"auto"`` is there."""
    found: list[tuple[str, str, int | None, str]] = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(number)
            precision = choose_precision("auto", torch.device("cuda", number))
            found.append(("cuda", card.name, card.total_memory, precision))
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU", None, choose_precision("auto", torch.device("mps"))))
    return found


def cpu_precision() -> str:
    """What ``"auto"`` is on the CPU."""
    return choose_precision("auto", torch.device("cpu"))
