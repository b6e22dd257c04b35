"""A diagnosis as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .extras import DISTRIBUTION, Extra
from .machine import Machine, Place

if TYPE_CHECKING:
    from ..backends.reaching import Reached
    from ..backends.survey import Surveyed
    from ..backends.trainer.devices import Device

__all__ = ["Diagnosis"]


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What this machine has and can do. Print it to read it; :meth:`to_dict` is for programs.

    Keys are in it by the names of their variables, never by their values.

    Attributes:
        version: of tunekit.
        machine: Python, platform, cores, memory.
        home: the folder that runs and weights live under, and the room there.
        devices: what trainings can compute on, that which they take first.
        extras: what is installed of each.
        weights: the base models of the catalogue, and whether each is on this machine.
        default: the backend that a call without ``backend=`` takes.
        default_from: where that is said.
        backends: those of config, then the types that there are.
        reached: what came of asking the addresses; ``None`` where nobody was asked.
        problems: what is configured and can't work.
        hints: what could be better.
    """

    version: str
    machine: Machine
    home: Place
    devices: tuple[Device, ...]
    extras: tuple[Extra, ...]
    weights: Mapping[str, bool]
    default: str
    default_from: str
    backends: tuple[Surveyed, ...]
    reached: tuple[Reached, ...] | None = None
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def trains(self) -> dict[str, tuple[str, ...]]:
        """The backends that can train each kind of task as things are, by name."""
        ready = [one for one in self.backends if one.ready]
        tasks = sorted({task for one in self.backends for task in one.trains})
        return {task: tuple(one.name for one in ready if task in one.trains) for task in tasks}

    @property
    def answers(self) -> tuple[str, ...]:
        """The backends whose models can answer as things are, by name."""
        return tuple(one.name for one in self.backends if one.ready and one.predicts)

    @property
    def ways_out(self) -> dict[str, str]:
        """What to type to get the rest, and what that brings."""
        missing = {one.command: one.purpose for one in self.extras if not one.installed}
        # An extra may be there in part and do for a backend, or the other way round.
        for backend in self.backends:
            if backend.missing:
                command = f"pip install '{DISTRIBUTION}[{backend.extra}]'"
                missing.setdefault(command, f"backend {backend.name}")
        variables: dict[str, list[str]] = {}
        for backend in self.backends:
            for name, there in backend.keys.items():
                if not there:
                    variables.setdefault(name, []).append(backend.name)
        keys = {
            f"export {name}=…": f"the key for {', '.join(names)}"
            for name, names in variables.items()
        }
        return missing | keys

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        reached = None if self.reached is None else [one._asdict() for one in self.reached]
        return {
            "version": self.version,
            "machine": self.machine._asdict(),
            "home": self.home._asdict(),
            "devices": [one._asdict() for one in self.devices],
            "extras": [
                {**one._asdict(), "packages": dict(one.packages), "installed": one.installed}
                for one in self.extras
            ],
            "weights": dict(self.weights),
            "default": self.default,
            "default_from": self.default_from,
            "backends": [one.to_dict() for one in self.backends],
            "reached": reached,
            "trains": {task: list(names) for task, names in self.trains.items()},
            "answers": list(self.answers),
            "ways_out": self.ways_out,
            "problems": list(self.problems),
            "hints": list(self.hints),
        }

    def __str__(self) -> str:
        from .rendering import as_text

        return as_text(self)
