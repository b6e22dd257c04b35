"""What all sources of base weights share: a file is copied only if it is the pinned one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

from ..errors import WeightsError
from .catalogue import Pin

__all__ = ["Unavailable", "copy_pinned"]

CHUNK = 1 << 20


class Unavailable(Exception):
    """A source that can't be used here, and why. The next one is tried."""


def copy_pinned(source: IO[bytes], target: Path, pin: Pin, *, origin: str) -> None:
    """Copy a stream into a file, and check that it is what was pinned.

    Never reads more than the pinned size, so that nothing can blow up the disk.

    Raises:
        WeightsError: another size or SHA-256; names the file and where it came from.
    """
    digest = hashlib.sha256()
    left = pin.size
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        while chunk := source.read(min(CHUNK, left)) if left else b"":
            left -= len(chunk)
            digest.update(chunk)
            stream.write(chunk)
    got = digest.hexdigest()
    if got != pin.sha256 or source.read(1):
        raise WeightsError(
            f"{origin} has another {target.name} than the one that was pinned: expected SHA-256 "
            f"{pin.sha256} ({pin.size} bytes), got {got}. Don't use it: "
            "get the file again from a place you trust, or pass model= a folder of your own."
        )
