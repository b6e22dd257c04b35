"""An encoder as a folder that transformers and sentence-transformers load.

::

    config.json, model.safetensors      all weights of the encoder, with what was trained in them
    tokenizer.json, …                   its tokenizer
    head.safetensors                    what was trained on top of it
    modules.json, 1_Pooling/, …         how tokens become a vector, for sentence-transformers
    usage.json                          labels, temperature, and how to get answers

The head isn't part of what those load: they have none that works on vectors of length 1.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..._version import __version__
from ...durable import disk_errors
from ...shapes import Shape
from ..base_model import quiet
from ..card import HEAD
from ..loading import Kept
from .comparing import compare
from .files import copy_tokenizer, write_json, write_tokenizer
from .subjects import Subject, subject_of

__all__ = ["write_encoder_folder"]

#: The head's tensors, by shape.
HEADS = {
    Shape.LABELLED: "logits = vector @ weight + bias",
    Shape.SPANNED: "logits = states @ weight.T + bias, for every token",
    Shape.RANKED: "see answer; head has the weights of the vector, and of the likeness where there "
    "is one",
}


def write_encoder_folder(kept: Kept, folder: Path, *, temperature: float | None) -> None:
    """Write an encoder into an empty folder, and compare what is read from there.

    Args:
        kept: the model; it is computed in fp32 on the CPU.
        folder: empty.
        temperature: what the model's probabilities want.

    Raises:
        ModelError: it can't be read, or what was written answers otherwise.
        WeightsError: the base weights can't be loaded.
        StoreError: the disk refused.
    """
    subject = subject_of(kept)
    with disk_errors(f"writing {folder}"), quiet():
        copy_tokenizer(kept.base_path, folder)
        subject.model.module.save_pretrained(folder)
        shutil.copyfile(kept.folder / HEAD, folder / HEAD)
    write_tokenizer(subject.model, folder, cuts=subject.cuts)
    if kept.card.shape is not Shape.SPANNED:
        _write_modules(kept, folder, subject.model.dimensions)
    write_json(folder / "usage.json", _usage(subject, kept, temperature))
    whole = kept.card.model_copy(update={"weights": "base"})
    again = subject_of(kept._replace(card=whole, folder=folder, base_path=folder))
    compare(subject.expected(), again.expected(), "the folder")


def _usage(subject: Subject, kept: Kept, temperature: float | None) -> dict[str, Any]:
    vector = f"{kept.card.base.pooling} of the last hidden states, then scaled to length 1"
    spans = kept.card.shape is Shape.SPANNED
    return {
        "version": 1,
        "tunekit": __version__,
        "shape": str(kept.card.shape),
        "tokenizer": "tokenizer.json",
        "max_length": kept.card.max_length,
        **({} if spans else {"vector": vector}),
        "head": {"file": HEAD, "use": HEADS[kept.card.shape]},
        "temperature": temperature,
        **subject.usage(),
    }


def _write_modules(kept: Kept, folder: Path, dimensions: int) -> None:
    """The layout of sentence-transformers."""
    kinds = ("Transformer", "Pooling", "Normalize")
    places = ("", "1_Pooling", "2_Normalize")
    modules = [
        {
            "idx": number,
            "name": str(number),
            "path": place,
            "type": f"sentence_transformers.models.{kind}",
        }
        for number, (kind, place) in enumerate(zip(kinds, places, strict=True))
    ]
    pooling = kept.card.base.pooling
    write_json(folder / "modules.json", modules)
    length = {"max_seq_length": kept.card.max_length, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", length)
    with disk_errors(f"writing {folder}"):
        for place in places[1:]:
            (folder / place).mkdir()
    config = {
        "word_embedding_dimension": dimensions,
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
    }
    write_json(folder / "1_Pooling" / "config.json", config)
