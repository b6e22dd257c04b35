"""How torch's threads wait. No torch here: it has to be said before torch is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["patient_threads"]

#: Waiting threads sleep. By default they burn their core, which on a machine with other work to do
#: doubled the CPU time and more.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


@contextmanager
def patient_threads() -> Iterator[None]:
    """Import torch for the first time within this. The user's own settings win.

    The thread library reads them once, when it is loaded, so they don't have to stay, and later
    imports leave the environment alone.
    """
    if "torch" in sys.modules:
        yield
        return
    added = {name: value for name, value in PATIENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
