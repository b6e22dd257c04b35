"""A model in a folder of its own: what was trained, the base model, and a list of what has to be
there.

::

    artifact.json, *.safetensors        what was trained
    base/                               a copy of the base model; without its weights where all of
                                        them were trained
    manifest.json                       the SHA-256 of each of these
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from ...durable import disk_errors, write_file
from ...errors import ModelError, WeightsError
from ...training.card import ADAPTER, CARD, ENCODER, HEAD, read_card
from ...weights import fingerprints, verify

__all__ = ["BASE", "check_kept", "keep"]

BASE = "base"
MANIFEST = "manifest.json"
#: The endings of files that hold nothing but weights, or say where those are.
WEIGHTS = (".safetensors", ".safetensors.index.json")


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    files: dict[str, str]


def keep(artifact: Path, base: Path, base_files: tuple[str, ...], folder: Path) -> None:
    """Copy a model into ``folder``, complete: nothing outside of it is needed any more.

    Raises:
        StoreError: the disk refused.
        ModelError: the artifact can't be read.
    """
    own = read_card(artifact).weights == "own"
    trained = [name for name in (HEAD, ENCODER, ADAPTER) if (artifact / name).exists()]
    copies = {name: artifact / name for name in (CARD, *trained)}
    copies |= {
        f"{BASE}/{name}": base / name for name in base_files if not (own and name.endswith(WEIGHTS))
    }
    with disk_errors(f"writing {folder}"):
        for name, source in copies.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    # Of the copies, not of what they were made from: a bad copy would be noticed.
    manifest = _Manifest(files=fingerprints(folder, copies))
    text = orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2)
    write_file(folder / MANIFEST, text)


def check_kept(folder: Path) -> None:
    """Check that all files of a kept model are there and are what they were.

    Raises:
        ModelError: one isn't; the message says which.
    """
    try:
        manifest = _Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"{folder} holds no model of the local backend ({error}). Save it again."
        ) from error
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ModelError(
                f"{folder / MANIFEST} points outside of its folder ({name}). Save the model again."
            )
    if CARD not in manifest.files:
        raise ModelError(f"{folder / MANIFEST} has no {CARD}. Save the model again.")
    try:
        verify(folder, manifest.files, way_out="Save the model again, or copy it again.")
    except WeightsError as error:
        raise ModelError(str(error)) from error
