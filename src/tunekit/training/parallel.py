"""What the processes of a training do together, each of which computes a share of every batch.

All of them go through the same learner, so none may ever decide something by itself: what hangs on
time, on chance or on rounding is decided by the first one (:func:`agreed`, :func:`of_first`). With
one process all of this is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import orjson
import torch
import torch.distributed as dist

from ..errors import ConfigError
from .processes import Process

__all__ = [
    "agreed",
    "agreed_losses",
    "any_and_first",
    "count",
    "deal",
    "leads",
    "number",
    "of_first",
    "summed",
    "together",
]

T = TypeVar("T")
#: One waits for another: who judges or embeds for all takes as long as it takes. Whoever is gone is
#: noticed at once.
PATIENCE = timedelta(days=1)


@contextmanager
def together(device: str) -> Iterator[None]:
    """Meet the other processes, if there are any, for as long as the block lasts.

    Args:
        device: as a recipe has it.

    Raises:
        ConfigError: there is no device for this process.
    """
    process = Process.this()
    if process.in_all == 1:
        yield
        return
    on_gpu = device.partition(":")[0] == "cuda" or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        there = torch.cuda.device_count()
        if process.here >= there:
            raise ConfigError(
                f"here are {there} GPUs for more than {process.here} processes. Set processes to "
                "the number of GPUs, or device='cpu'."
            )
        torch.cuda.set_device(process.here)
    # Not by accelerate, which would know the GPUs' way alone: what is agreed is in main memory.
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=PATIENCE)
    yield
    # Not after an error: the others may wait for something else than for the end.
    dist.destroy_process_group()


def count() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def number() -> int:
    """Which one this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Whether this is the one that writes and decides."""
    return number() == 0


# --- decisions ------------------------------------------------------------------------------------


def agreed(mine: T) -> T:
    """What the first process has here: plain JSON."""
    if count() == 1:
        return mine
    text = orjson.dumps(mine) if leads() else b""
    length = torch.tensor([len(text)])
    dist.broadcast(length, 0)
    content = torch.empty(int(length), dtype=torch.uint8)
    if leads():
        content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
    dist.broadcast(content, 0)
    said: T = orjson.loads(bytes(content.tolist()))
    return said


def of_first(make: Callable[[], torch.Tensor], shape: Sequence[int]) -> torch.Tensor:
    """A float32 tensor of this shape in main memory that the first process makes for all."""
    if count() == 1:
        return make()
    made = make().contiguous() if leads() else torch.empty(*shape)
    dist.broadcast(made, 0)
    return made


def agreed_losses(
    judge: Callable[[], torch.Tensor | None], *, all_of_us: bool
) -> torch.Tensor | None:
    """The losses that the first process finds, float32 in main memory.

    Args:
        judge: finds them.
        all_of_us: it takes all processes to find them.
    """
    losses = judge() if all_of_us or leads() else None
    if losses is not None:
        losses = losses.detach().float().cpu()
    rows = agreed(None if losses is None else len(losses))
    if rows is None:
        return None
    found = losses
    return of_first(lambda: found if found is not None else torch.empty(0), [rows])


def any_and_first(anyone: bool, first: bool) -> tuple[bool, bool]:
    """Whether one of the processes says the former, and whether the first one says the latter."""
    if count() == 1:
        return anyone, first
    flags = torch.tensor([anyone, first and leads()], dtype=torch.uint8)
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    return bool(flags[0]), bool(flags[1])


# --- steps ----------------------------------------------------------------------------------------


def summed(value: float) -> float:
    """The sum of what each process has."""
    if count() == 1:
        return value
    total = torch.tensor([value], dtype=torch.float64)
    dist.all_reduce(total)
    return float(total)


def deal(lengths: Sequence[int], batch: Sequence[int]) -> list[list[int]]:
    """The share of each process in a batch, by turns from the longest example to the shortest, so
    that all have about the same to do.

    Example:
        >>> deal([5, 1, 4, 2], [0, 1, 2, 3])  # with one process
        [[0, 2, 3, 1]]
    """
    in_order = sorted(batch, key=lambda place: -lengths[place])
    return [in_order[first :: count()] for first in range(count())]
