"""What a training leaves: a head in safetensors, and JSON that says how to use it."""

from __future__ import annotations

from pathlib import Path

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ..durable import new_folder, write_file
from ..errors import ModelError
from .card import CARD, HEAD, Artifact, read_card
from .head import Head

__all__ = ["read_artifact", "write_artifact"]


def write_artifact(folder: Path, card: Artifact, head: Head) -> None:
    """Write a new folder, as a whole or not at all.

    Raises:
        StoreError: it exists, or the disk refused.
    """
    with new_folder(folder) as temporary:
        tensors = {"weight": head.weight.contiguous(), "bias": head.bias.contiguous()}
        write_file(temporary / HEAD, save(tensors))
        text = orjson.dumps(card.model_dump(mode="json"), option=orjson.OPT_INDENT_2)
        write_file(temporary / CARD, text)


def read_artifact(folder: Path) -> tuple[Artifact, Head]:
    """Read what :func:`write_artifact` wrote.

    Raises:
        ModelError: something is missing or damaged; the message says which file.
    """
    card = read_card(folder)
    path = folder / HEAD
    try:
        tensors = load_file(path)
        head = Head(tensors["weight"], tensors["bias"])
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelError(
            f"{path} can't be read ({error}). Train again, or copy it again."
        ) from error
    fits = head.weight.ndim == 2 and head.weight.shape[1] == len(card.labels) == len(head.bias)
    if not fits or head.weight.dtype != torch.float32:
        raise ModelError(
            f"{path} doesn't fit the {len(card.labels)} labels of {CARD}. "
            "Train again, or copy it again."
        )
    return card, head
