"""The small files beside an exported model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from ...durable import write_file
from ..base_model import BaseModel

__all__ = ["copy_tokenizer", "write_json", "write_tokenizer"]

#: What belongs to a tokenizer, in the layouts of transformers.
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "spiece.model",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
)


def write_json(file: Path, content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write JSON as a person would read it."""
    write_file(file, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def copy_tokenizer(base_path: Path, folder: Path) -> None:
    """Copy the files of a tokenizer as its makers published them: any version reads them."""
    for name in TOKENIZER_FILES:
        if (base_path / name).is_file():
            shutil.copyfile(base_path / name, folder / name)


def write_tokenizer(model: BaseModel, folder: Path, *, cuts: bool) -> None:
    """Write ``tokenizer.json``, which pads a batch to its longest text.

    ``cuts``: whether it also cuts texts at the model's ``max_length``.
    """
    tokenizer = model.tokenizer.from_str(model.tokenizer.to_str())  # the model's own stays as it is
    tokenizer.no_truncation()
    if cuts:
        tokenizer.enable_truncation(model.max_length)
    filler = tokenizer.id_to_token(model.padding) or "[PAD]"
    tokenizer.enable_padding(pad_id=model.padding, pad_token=filler)
    write_file(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
