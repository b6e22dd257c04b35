"""A stock model in a folder of its own, with what has to be known to get its answers."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..._version import __version__
from ...durable import disk_errors
from ...shapes import Shape
from ..exporting.files import write_json
from ..loading import Kept

__all__ = ["write_stock"]

ANSWERS = {
    Shape.LABELLED: "Probabilities, in the order of labels: softmax(logits / temperature).",
    Shape.SPANNED: "A text is cut into words; the tag with the highest logit of a word's first "
    "token is the word's.",
    Shape.RANKED: "One logit for each option with its question is its score. Probabilities: "
    "softmax(scores / temperature) over a question's options.",
}


def write_stock(kept: Kept, folder: Path, *, temperature: float | None) -> None:
    """Write a stock model into an empty folder: its files are what transformers loads already.

    Raises:
        StoreError: the disk refused.
    """
    card = kept.card
    for name, _ in card.base.files:
        with disk_errors(f"writing {folder}"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept.base_path / name, folder / name)
    usage = {
        "version": 1,
        "tunekit": __version__,
        "shape": str(card.shape),
        "tokenizer": "tokenizer.json",
        "max_length": card.max_length,
        "temperature": temperature,
        "labels": list(card.labels),
        **card.options,
        "answer": ANSWERS[card.shape],
    }
    write_json(folder / "usage.json", usage)
