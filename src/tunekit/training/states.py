"""Weights, and what an optimizer remembers of them, as plain tensors in main memory: whole ones,
wherever parts of them are. What gathers them has to be called by all processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

__all__ = ["Tensors", "load_moments", "load_weights", "moments", "weights", "whole"]

Tensors = dict[str, torch.Tensor]


def weights(module: torch.nn.Module, *, keep: bool = True) -> Tensors:
    """A copy of what is trained. Who has no use for it and only takes part keeps nothing."""
    there = ((name, one) for name, one in module.named_parameters() if one.requires_grad)
    return _copies(((name, one.detach()) for name, one in there), keep)


def load_weights(module: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    """Take over the weights that there are values for."""
    with torch.no_grad():
        for name, one in module.named_parameters():
            if name in values:
                one.copy_(_like(values[name], one))


def moments(optimizer: Any, *, keep: bool = True) -> Tensors:
    """What an optimizer remembers, by number of the parameter and name; see :func:`weights`."""
    states = optimizer.state_dict()["state"].items()
    there = (
        (f"{number}.{name}", value) for number, state in states for name, value in state.items()
    )
    return _copies(there, keep)


def load_moments(optimizer: Any, values: Mapping[str, torch.Tensor]) -> None:
    """Let an optimizer remember what :func:`moments` gave."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    states: dict[int, Tensors] = {}
    for name, value in values.items():
        number, _, key = name.partition(".")
        same = value.shape == parameters[int(number)].shape
        one = _like(value, parameters[int(number)]) if same else value
        states.setdefault(int(number), {})[key] = one
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor as it is without other processes."""
    gather = getattr(tensor, "full_tensor", None)  # only a DTensor has it; importing it takes long
    return tensor if gather is None else gather()


def _copies(tensors: Iterable[tuple[str, torch.Tensor]], keep: bool) -> Tensors:
    found = {}
    for name, one in tensors:
        gathered = whole(one)  # by all processes, whoever keeps it
        if keep:
            found[name] = gathered.to("cpu", copy=True)
    return found


def _like(value: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    """The part of a value that this process has of such a tensor: all of it, or its shard."""
    if not hasattr(one, "full_tensor"):
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(one, DTensor)
    # Each process cuts out its own part: they all have read the same.
    there = value.to(one.device, one.dtype)
    return distribute_tensor(there, one.device_mesh, one.placements, src_data_rank=None)
