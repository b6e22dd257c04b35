"""GGUF, for llama.cpp and what is built on it: what goes into the conversion, and what came of it.

The conversion itself is another project's program and runs in a process of its own: see
:mod:`tunekit.backends.trainer.gguf`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from ...errors import ModelError
from ..base_model import first_line
from .files import write_json

__all__ = ["check_gguf", "settle_tokens"]

TEMPLATE, ADDS_BEGIN = "tokenizer.chat_template", "tokenizer.ggml.add_bos_token"
WAY_OUT = "Export it again; kind='safetensors' writes it for other servers."


def settle_tokens(folder: Path) -> None:
    """Let no token be put before a prompt: the template writes all that training wrote."""
    config = folder / "tokenizer_config.json"
    content = orjson.loads(config.read_bytes()) if config.is_file() else {}
    write_json(config, {**content, "add_bos_token": False, "add_eos_token": False})


def check_gguf(file: Path, folder: Path) -> None:
    """Check that a file of GGUF has what it was made from.

    Args:
        file: the conversion of ``folder``.
        folder: see :mod:`.language_folder`.

    Raises:
        ModelError: it can't be read, lacks tensors, or has another template.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
        said = {name: _content(reader, name) for name in (TEMPLATE, ADDS_BEGIN)}
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise ModelError(
            f"{file.name} can't be read again ({first_line(error)}). {WAY_OUT}"
        ) from error
    if said[TEMPLATE] != (folder / "chat_template.jinja").read_text("utf-8"):
        raise ModelError(f"{file.name} has another chat template than the model. {WAY_OUT}")
    if said[ADDS_BEGIN] is not False:
        raise ModelError(
            f"{file.name} lets a token be put before every prompt, and training had none there. "
            f"{WAY_OUT}"
        )
    numbers = sum(int(one.n_elements) for one in reader.tensors)
    expected = _numbers(folder)
    if numbers < expected:
        raise ModelError(
            f"{file.name} has {numbers:,} weights, and the model has {expected:,}. {WAY_OUT}"
        )


def _content(reader: Any, name: str) -> Any:
    field = reader.get_field(name)
    return None if field is None else field.contents()


def _numbers(folder: Path) -> int:
    """How many weights the files of a folder have."""
    from safetensors import safe_open

    found = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as opened:
            for name in opened.keys():  # noqa: SIM118 - it is no mapping
                size = 1
                for length in opened.get_slice(name).get_shape():
                    size *= length
                found += size
    return found
