"""A language model as a folder that transformers, vLLM and their like load.

::

    config.json, model*.safetensors     the base model with what was trained in it
    generation_config.json              the likeliest token each time, and what ends an answer
    tokenizer.json, …                   the base model's own files
    chat_template.jinja                 writes the prompts that the model was trained on
    usage.json                          the turns before every input, and what ends an answer

Weights are written in fp32, as they were added up. Rounded to bf16 they take half the room and gave
the same answers where that was measured (SmolLM2 with LoRA, 97 answers); but then nothing could be
compared to the fourth digit, and what is made of the folder (16 or 8 bits) would be rounded twice.
Servers round when they load.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import torch

from ..._version import __version__
from ...durable import disk_errors, write_file
from ...errors import ModelError
from ...shapes import Turn
from ..base_model import first_line, quiet
from ..card import Artifact
from ..language.language_model import LanguageModel
from .comparing import Array, compare
from .files import copy_tokenizer, write_json
from .template import conversations, settled_template

__all__ = ["ends_of", "write_language_folder", "write_usage"]

TEMPLATE = "chat_template.jinja"


def write_language_folder(
    model: LanguageModel, base_path: Path, folder: Path, before: Sequence[Turn]
) -> None:
    """Write a language model into an empty folder, and compare what is read from there.

    Args:
        model: what was trained is in its weights, in fp32 on the CPU.
        base_path: the folder of its base model.
        folder: empty.
        before: the turns before every input.

    Raises:
        ModelError: it can't be written so, or what was written answers otherwise.
        StoreError: the disk refused.
    """
    expected = _logits(model, model.module, before)
    with disk_errors(f"writing {folder}"):
        copy_tokenizer(base_path, folder)
    template = settled_template(model.tokenizer, model.speech.text, before, model.base.name)
    _write_template(folder, template)
    with disk_errors(f"writing {folder}"), quiet():
        model.module.save_pretrained(folder)
    _write_generation(model, folder)
    found = _logits(model, _read_again(model, folder), before)
    compare(expected, found, "the folder")


def write_usage(model: LanguageModel, card: Artifact, folder: Path, before: Sequence[Turn]) -> None:
    """Write ``usage.json``: what a program has to send, and how it gets the answer."""
    content = {
        "version": 1,
        "tunekit": __version__,
        "shape": str(card.shape),
        "max_length": card.max_length,
        "before": [{"role": turn.role, "content": turn.text} for turn in before],
        "ends": ends_of(model),
        "answer": "Send the turns of before, then the input as the user's turn, written by "
        "chat_template.jinja and with no other token before it; take the likeliest token each time "
        "(temperature 0, no penalties) until one of ends.",
    }
    write_json(folder / "usage.json", content)


def ends_of(model: LanguageModel) -> list[str]:
    """The tokens that end an answer, as text."""
    return [model.tokenizer.decode([end]) for end in sorted(model.speech.ends)]


def _write_template(folder: Path, template: str) -> None:
    write_file(folder / TEMPLATE, template.encode())
    config = folder / "tokenizer_config.json"
    if config.is_file():
        content = orjson.loads(config.read_bytes())
        if "chat_template" in content:  # older versions look here, and not into the file
            write_json(config, {**content, "chat_template": template})


def _write_generation(model: LanguageModel, folder: Path) -> None:
    """What the base model's makers say of sampling belongs to chats; this model was trained for
    one answer."""
    config = model.module.config.get_text_config()
    tokens = {"bos_token_id": config.bos_token_id, "pad_token_id": config.pad_token_id}
    content = {
        **{name: number for name, number in tokens.items() if number is not None},
        "do_sample": False,
        "eos_token_id": sorted(model.speech.ends),
    }
    write_json(folder / "generation_config.json", content)


def _logits(model: LanguageModel, module: Any, before: Sequence[Turn]) -> list[Array]:
    """What comes next in the probes, according to a module."""
    found = []
    for turns in conversations(before):
        text = model.speech.text(turns)
        ids = model.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            found.append(module(input_ids=ids, use_cache=False).logits.float().numpy())
    return found


def _read_again(model: LanguageModel, folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            return AutoModelForCausalLM.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                attn_implementation="sdpa",
                dtype=torch.float32,
            ).eval()
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise ModelError(
            f"{model.base.name} can't be loaded by transformers after it was exported "
            f"({first_line(error)}). save() writes it for tunekit."
        ) from error
