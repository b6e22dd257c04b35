"""What a GGUF became when it was converted: a folder of transformers that says what it was made of.

The libraries that convert may write other bytes from one version to the next, so that nothing can
be pinned beforehand. What came out is written down beside it instead, and has to stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from ..durable import write_file
from ..errors import WeightsError
from .folder import BaseWeights, read_folder, verify

__all__ = ["NOTE", "note_conversion", "place_of", "read_converted"]

#: The file that says what a converted folder was made of, and the SHA-256 of each of its files.
NOTE = "converted.json"
VERSION = 1


def place_of(gguf: BaseWeights, *, home: Path) -> Path:
    """Where the folder lies that is made of a GGUF: changes with the GGUF."""
    assert gguf.gguf is not None
    return home / "weights" / f"{gguf.name}-{gguf.files[gguf.gguf][:12]}"


def note_conversion(folder: Path, gguf: BaseWeights, versions: Mapping[str, str]) -> None:
    """Write down what was made of a GGUF, once it is whole.

    Args:
        folder: what it became.
        gguf: what it was made of.
        versions: of the packages that did it, by name.

    Raises:
        WeightsError: the folder isn't one of a model that is read.
        StoreError: the disk refused.
    """
    assert gguf.gguf is not None
    note = {
        "version": VERSION,
        "gguf": {"file": gguf.gguf, "sha256": gguf.files[gguf.gguf]},
        "files": dict(read_folder(folder, name=gguf.name).files),
        "made_with": dict(sorted(versions.items())),
    }
    write_file(folder / NOTE, orjson.dumps(note, option=orjson.OPT_INDENT_2))


def read_converted(folder: Path, *, name: str, sha256: str, hashed: bool = True) -> BaseWeights:
    """A converted folder, checked against what was written down when it was made.

    Args:
        folder: what a GGUF became.
        name: what the weights are called.
        sha256: that of the GGUF.
        hashed: whether every file is compared.

    Raises:
        WeightsError: it was made of something else, or isn't what it was.
    """
    way_out = f"Delete {folder}, and it is made again."
    try:
        note = orjson.loads((folder / NOTE).read_bytes())
        origin, files = note["gguf"]["sha256"], note["files"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{name}: {folder / NOTE} can't be read ({type(error).__name__}). {way_out}"
        ) from error
    if origin != sha256 or not _checksums(files):
        raise WeightsError(f"{name}: {folder} was made of something else. {way_out}")
    if hashed:
        verify(folder, files, way_out=way_out)
    return read_folder(folder, name=name, files=files)


def _checksums(files: object) -> bool:
    return isinstance(files, dict) and all(isinstance(one, str) for one in files.values())
