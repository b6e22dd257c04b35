"""Files that are whole or not there.

Everything tunekit writes goes through here: into a temporary neighbour first, flushed to the disk,
then renamed. A full disk or a kill leaves the old file, or none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from .errors import StoreError, TunekitError

__all__ = ["disk_errors", "locked", "new_folder", "sweep", "write_file"]


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn the operating system's refusals into StoreError, saying what was being done."""
    try:
        yield
    except TunekitError:
        raise  # says already what is wrong, and may be an OSError too
    except OSError as error:
        reason = error.strerror or str(error)
        advice = _ADVICE.get(error.errno or 0, "Check the disk and your permissions")
        raise StoreError(f"{what}: {reason}. {advice}, then try again.") from error


_ADVICE = {
    errno.ENOSPC: "Free some space",
    errno.EFBIG: "Raise the limit on file sizes, or write less",
    errno.ENOENT: "Make the folder first",
    errno.ENOTDIR: "Name another folder",
    errno.ENAMETOOLONG: "Give a shorter name",
}


def write_file(path: Path, chunks: bytes | Iterable[bytes]) -> None:
    """Write a file as a whole, or replace one.

    Raises:
        StoreError: the disk is full, or the folder isn't writable. Nothing is left behind.
    """
    if isinstance(chunks, bytes):
        chunks = (chunks,)
    with disk_errors(f"writing {path}"):
        path = Path(os.path.realpath(path))  # a link stays one; what it points to is replaced
        if path.exists() and not path.is_file():
            raise StoreError(f"{path} is no file. Give another name.")
        temporary = _neighbour(path)
        try:
            # Much larger than the default, since many small chunks come.
            with temporary.open("wb", buffering=1 << 20) as stream:
                stream.writelines(chunks)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes. The kernel lets go of it when its holder dies."""
    with disk_errors(f"locking {path}"):
        lock = FileLock(path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary neighbour to fill; it gets the name ``path`` once the block ends well.

    Raises:
        StoreError: ``path`` exists already, or the disk refused. Nothing is left behind.
    """
    with disk_errors(f"writing {path}"):
        if path.exists():
            raise StoreError(f"{path} exists already. Give another name, or remove it first.")
        temporary = _neighbour(path)
        try:
            temporary.mkdir(parents=True)
            yield temporary
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _sync_folder(path.parent)


def sweep(folder: Path, pattern: str) -> None:
    """Remove temporaries that a killed process left. Callers hold the lock of what they belong to,
    so nobody alive is writing them."""
    for left in folder.glob(pattern):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _neighbour(path: Path) -> Path:
    """A name in the same folder that nobody has: ``.NAME.RANDOM.tmp``, so that a later run can
    sweep away what a kill left behind."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")


def _sync_folder(folder: Path) -> None:
    """Make a rename durable where the platform can (Windows opens no folders)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
