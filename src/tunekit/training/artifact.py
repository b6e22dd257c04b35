"""The artifact's files: tensors in safetensors, and JSON that says how to use them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..durable import new_folder, write_file
from ..errors import ModelError
from .card import CARD, HEAD, Artifact
from .parallel import leads

__all__ = ["Tensors", "read_tensors", "write_artifact"]

Tensors = Mapping[str, torch.Tensor]


def write_artifact(folder: Path, card: Artifact, tensors: Mapping[str, Tensors]) -> None:
    """Write a new folder, as a whole or not at all. Of several processes the first one does.

    Args:
        folder: new.
        card: what the artifact says about itself.
        tensors: by file (see :mod:`tunekit.training.card`) and name.

    Raises:
        StoreError: it exists, or the disk refused.
    """
    if not leads():
        return
    with new_folder(folder) as temporary:
        for file, named in tensors.items():
            ready = {name: one.detach().cpu().contiguous() for name, one in named.items()}
            write_file(temporary / file, save(ready))
        text = orjson.dumps(card.model_dump(mode="json"), option=orjson.OPT_INDENT_2)
        write_file(temporary / CARD, text)


def read_tensors(folder: Path, file: str = HEAD) -> dict[str, torch.Tensor]:
    """The tensors of one file, by name.

    Raises:
        ModelError: it is missing or damaged; the message says which file.
    """
    path = folder / file
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} can't be read ({error}). Train again, or copy it again."
        ) from error
