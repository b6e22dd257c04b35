"""A module whose weights are spread over all processes while it is trained (torch's FSDP2).

Each process keeps a part of every weight, of its gradient and of what the optimizer remembers of
it, and has a layer whole only while it computes it. It is torch's own: accelerate shards on GPUs
alone, and what can't be run on a CPU can't be tested everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.distributed import _composable_state
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from .states import whole

__all__ = ["Shards"]


class Shards:
    """A module that is sharded from here on, until :meth:`undo`.

    Args:
        module: the same on all processes. It stays the same object, and so do its modules;
            meanwhile other parameters take the places of its own.
        device: that it is on.
        count: of processes.
    """

    def __init__(self, module: torch.nn.Module, device: torch.device, count: int) -> None:
        self._module = module
        self._before = [_Before(one) for one in module.modules()]
        named = dict(module.named_parameters())
        mesh = init_device_mesh(device.type, (count,))
        # The whole last: it takes care of what no layer has.
        for part in [*_layers(module), module]:
            fully_shard(part, mesh=mesh, reshard_after_forward=True)
        for before in self._before:
            before.note_added()
        # By name: a parameter that stands in two places has the first one's.
        self._own = named
        self._name = {id(one): name for name, one in named.items()}
        for one in named.values():  # somebody may still hold it
            one.data = torch.empty(0, dtype=one.dtype, device=one.device)

    def instead_of(self, parameters: Sequence[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
        """What is trained in the places of these parameters."""
        there = dict(self._module.named_parameters())
        return [there[self._name[id(one)]] for one in parameters]

    def undo(self) -> None:
        """Put every weight back whole. All processes have to."""
        there: Mapping[str, torch.Tensor] = dict(self._module.named_parameters())
        with torch.no_grad():
            for name, own in self._own.items():
                own.data = whole(there[name].detach())
        for before in self._before:
            before.restore()


class _Before:
    """A module as it was. Torch has no way back from ``fully_shard``: this one takes away what it
    adds, which are hooks, attributes, a class of its own, and other parameters."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module, self._class = module, type(module)
        self._names = set(vars(module))
        self._parameters = dict(module._parameters)
        self._hooks = {name: dict(hooks) for name, hooks in _hooks(module)}
        self._added = set[str]()

    def note_added(self) -> None:
        """What there is now and wasn't before, was added."""
        self._added = set(vars(self._module)) - self._names

    def restore(self) -> None:
        module = self._module
        module.__class__ = self._class
        getattr(_composable_state, "_module_state_mapping", {}).pop(module, None)
        for name in self._added:
            vars(module).pop(name, None)
        for name, hooks in _hooks(module):
            hooks.clear()
            hooks.update(self._hooks[name])
        module._parameters.update(self._parameters)


def _hooks(module: torch.nn.Module) -> Iterator[tuple[str, dict[Any, Any]]]:
    for name, one in vars(module).items():
        if name.startswith("_") and "_hooks" in name and isinstance(one, dict):
            yield name, one


def _layers(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """The layers of a transformer: what stands in a list, not within another such list."""
    for one in module.children():
        if isinstance(one, torch.nn.ModuleList) and len(one) > 1:
            yield from one
        else:
            yield from _layers(one)
