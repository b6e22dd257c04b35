"""The machine as far as trainings care: cores, memory, room on the disk."""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["Machine", "Place", "look_at_home", "look_at_machine"]

#: What a container may use, where one was said: version 2 of cgroups, then version 1.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Machine(NamedTuple):
    """What runs here, and how much of it there is: ``cores`` that this process may use, ``memory``
    in bytes, or ``None`` where the system doesn't say."""

    python: str
    platform: str
    cores: int
    memory: int | None


class Place(NamedTuple):
    """A folder, the bytes that are free on its disk, and whether something can be written there.
    ``free`` is ``None`` where the system doesn't say."""

    path: str
    free: int | None
    writable: bool


def look_at_machine() -> Machine:
    """The machine that this process runs on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return Machine(python, platform.platform(), _cores(), _memory())


def look_at_home(home: Path) -> Place:
    """The folder that runs live under. It is looked at, and not made."""
    there = next((one for one in (home, *home.parents) if one.exists()), home)
    try:
        free: int | None = shutil.disk_usage(there).free
    except OSError:
        free = None
    return Place(str(home), free, there.is_dir() and os.access(there, os.W_OK))


def _cores() -> int:
    with suppress(AttributeError, OSError):  # macOS and Windows have no affinity
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int | None:
    """The memory of the machine, or that of the container where it is less."""
    found: list[int] = []
    with suppress(AttributeError, ValueError, OSError):  # Windows
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in LIMITS:
        with suppress(OSError, ValueError):  # "max" is no number
            found.append(int(Path(path).read_text(encoding="ascii")))
            break
    return min(found, default=None)
