"""The accelerator that a training runs on, and the trackers that it tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.tracking import get_available_trackers
from accelerate.utils import DistributedDataParallelKwargs

from ..errors import ConfigError

__all__ = ["accelerator", "check_trackers"]


def check_trackers(trackers: Sequence[str]) -> None:
    """Raise ConfigError for a name that is none of a tracker here."""
    there = {str(getattr(one, "value", one)) for one in get_available_trackers()}
    for name in trackers:
        if name not in there:
            raise ConfigError(
                f"no tracker {name!r} here: install its package, or name one of "
                f"{', '.join(sorted(there)) or 'none (none is installed)'}."
            )


def accelerator(device: torch.device, trackers: Sequence[str], folder: Path) -> Accelerator:
    """An accelerator that leaves devices and precision to the trainee.

    Args:
        device: that the module is on.
        trackers: of accelerate, by name; they write into the folder.
        folder: of the run.

    Raises:
        ConfigError: there is no such tracker.
    """
    check_trackers(trackers)
    return Accelerator(
        cpu=device.type == "cpu",
        device_placement=False,  # the module is where it belongs
        mixed_precision="no",  # a trainee says itself what is computed in bf16
        log_with=list(trackers) or None,
        project_dir=str(folder),
        kwargs_handlers=[
            DistributedDataParallelKwargs(
                broadcast_buffers=False,  # nothing in them is learnt
                # A batch may leave weights out (of experts, say), for one process not a problem
                # either. And gradients are then summed in the same order after a resumption.
                find_unused_parameters=True,
            )
        ],
    )
