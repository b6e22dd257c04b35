"""A module that all processes train together: each has all of it, or a part of every weight.

Where each has all of it, gradients are averaged by torch's DDP, which accelerate puts around it;
where each has a part, by FSDP2 (see :mod:`tunekit.training.sharding`). Either way the gradient is
that of the whole batch, and one process would have got the same, but for rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
import torch.distributed as dist

from .memory import Budget, without_retry
from .parallel import agreed_losses, count, deal, number

__all__ = ["Part", "Spread"]


class Part(NamedTuple):
    """Examples that are computed at once. What doesn't count is computed only so that all processes
    compute as often as each other: they would wait for one that doesn't."""

    places: list[int]
    counts: bool = True


class Spread:
    """See the module.

    Args:
        module: on its device, the same on all processes.
        sharded: whether each process is to have a part of every weight. The module is changed in
            place until :meth:`undo`.
    """

    def __init__(self, module: torch.nn.Module, *, sharded: bool) -> None:
        self._module = module
        self._shards: Any = None
        if sharded and count() > 1:
            from .sharding import Shards  # takes a while to import

            device = next(module.parameters()).device
            for one in module.parameters():  # DDP does it by itself
                if one.requires_grad:
                    dist.broadcast(one.data, 0)
            self._shards = Shards(module, device, count())

    def trained(self, parameters: Sequence[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
        """What an optimizer has to know for these parameters of the module."""
        return self._shards.instead_of(parameters) if self._shards else list(parameters)

    def prepare(self, accelerator: Any, optimizer: Any) -> tuple[torch.nn.Module, Any]:
        """What computes losses, and what makes steps."""
        if self._shards is not None:
            return self._module, accelerator.prepare(optimizer)
        with warnings.catch_warnings():
            # Torch has a new name for a setting that accelerate gives its old one.
            warnings.filterwarnings("ignore", ".*broadcast_buffers", FutureWarning)
            module, ready = accelerator.prepare(self._module, optimizer)
        return module, ready

    def parts(self, budget: Budget, lengths: Sequence[int], batch: Sequence[int]) -> list[Part]:
        """What this process computes of a batch, one part after the other."""
        if count() == 1:
            return [Part(one) for one in budget.parts(batch)]
        shares = [budget.parts(share) for share in deal(lengths, batch)]
        mine = [Part(one) for one in shares[number()]]
        # Shards are gathered for each part, averaged gradients with the last one.
        least = max(map(len, shares)) if self._shards else 1
        shortest = min(batch, key=lambda place: lengths[place])
        return mine + [Part([shortest], counts=False)] * (least - len(mine))

    def judge(self, judge: Callable[[], torch.Tensor | None]) -> torch.Tensor | None:
        """The losses of rows that aren't trained on, the same on all processes: the first one's.
        The others have no part in finding them but to gather shards."""
        sharded = self._shards is not None
        with without_retry() if sharded else nullcontext():
            return agreed_losses(judge, all_of_us=sharded)

    def undo(self, accelerator: Any) -> None:
        """Give the module back as it was, with its weights as they are now."""
        if count() > 1:
            accelerator.free_memory()  # of what it prepared
        if self._shards is not None:
            self._shards.undo()
            self._shards = None
