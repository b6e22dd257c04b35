"""What trainings on this machine compute on. Torch is imported only where it knows more."""

from __future__ import annotations

import importlib.util
import sys
from typing import NamedTuple

from ...training.threads import patient_threads
from ...training.timings import machine_name
from .pace import expected_device, likely_precision

__all__ = ["Device", "devices"]


class Device(NamedTuple):
    """Something to compute on. ``auto`` says whether trainings take it where no device is named,
    ``precision`` what they compute in there, ``memory`` the bytes of its own memory."""

    kind: str
    name: str
    memory: int | None
    precision: str
    auto: bool


def devices() -> tuple[Device, ...]:
    """The devices of this machine, that which trainings take first.

    Raises:
        Exception: torch is installed and can't be imported; whatever that raised.

    >>> devices()[-1].kind
    'cpu'
    """
    cpu = Device("cpu", machine_name(), None, likely_precision(), auto=True)
    told = expected_device("auto") != "cpu" or sys.platform == "darwin"
    if not told or importlib.util.find_spec("torch") is None:
        return (cpu,)  # torch would take seconds to say the same
    with patient_threads():
        from ...training.devices import accelerators, cpu_precision
    found = [
        Device(kind, name, memory, precision, auto=kind == "cuda")
        for kind, name, memory, precision in accelerators()
    ]
    cpu = cpu._replace(precision=cpu_precision(), auto=not any(one.auto for one in found))
    return (*found, cpu)
