"""``python -m tunekit.training.language.dequantised GGUF TARGET``: make a GGUF trainable.

``GGUF`` is a file of llama.cpp's format with a language model in it, ``TARGET`` an empty folder,
which becomes one of transformers: weights in bf16, the tokenizer, the template of its turns. What
the quantisation lost stays lost.

Exit status: 0 when the folder is whole, 1 with a sentence on standard error when it couldn't be
made, 2 for wrong use. In a process of its own, since it takes the memory of the whole model.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

__all__ = ["dequantise", "main"]

DONE, FAILED, WRONG_USE = range(3)
#: What a GGUF calls the splitting of texts in which each digit is a token.
SPLITTING_DIGITS = ("smollm", "starcoder")
#: What the library notes about how it found the file, which says nothing of the model.
NOTES_OF_LOADING = ("is_local", "local_files_only", "name_or_path", "vocab_file", "gguf_file")


def main(arguments: list[str]) -> int:
    """Convert one file; see the module."""
    if len(arguments) != 2 or not (Path(arguments[0]).is_file() and Path(arguments[1]).is_dir()):
        usage = "usage: python -m tunekit.training.language.dequantised GGUF TARGET"
        print(usage, file=sys.stderr)  # noqa: T201
        return WRONG_USE
    os.environ.setdefault("TQDM_DISABLE", "1")  # is read when it is imported
    try:
        # The library also prints, and says on standard output what nobody asked.
        with contextlib.redirect_stdout(None), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dequantise(Path(arguments[0]), Path(arguments[1]))
    except Exception as error:
        print(_sentence(error), file=sys.stderr)  # noqa: T201
        return FAILED
    return DONE


def dequantise(gguf: Path, target: Path) -> None:
    """Write what a GGUF holds as a folder of transformers.

    Args:
        gguf: the file.
        target: an empty folder.

    Raises:
        ValueError: it holds no language model with a tokenizer. Whatever else the library raises
            comes through.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    place: dict[str, Any] = {
        "pretrained_model_name_or_path": gguf.parent,
        "gguf_file": gguf.name,
        "local_files_only": True,
        "trust_remote_code": False,
    }
    tokenizer: Any = AutoTokenizer.from_pretrained(**place)
    # Asked for at once, since fp32 on the way would take twice the memory for the same numbers.
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        **place, dtype=torch.bfloat16, output_loading_info=True
    )
    model, loading = loaded
    if loading["missing_keys"]:
        # They would be random numbers, and nobody would hear of it.
        raise ValueError(f"{gguf.name} has no {', '.join(sorted(loading['missing_keys'])[:3])}")
    if tokenizer.eos_token_id is None:
        raise ValueError(f"{gguf.name} names no token that ends a text")
    _split_as_in(gguf, tokenizer)
    _save_model(model, tokenizer, target)
    _save_tokenizer(tokenizer, model.config.max_position_embeddings, target)


def _split_as_in(gguf: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Split digits where the model's own tokenizer does, which the library doesn't read.

    It makes a difference where white space stands before a number.
    """
    from gguf import GGUFReader, Keys
    from tokenizers import pre_tokenizers

    stated = GGUFReader(gguf).get_field(Keys.Tokenizer.PRE)
    if stated is not None and stated.contents() in SPLITTING_DIGITS:
        backend = tokenizer.backend_tokenizer
        digits = pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])


def _save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, target: Path) -> None:
    from transformers import GenerationConfig

    # All weights are dense by now; the library still takes the model for a quantised one, and
    # refuses to save it.
    for thing, names in (
        (model, ("hf_quantizer", "is_quantized")),
        (model.config, ("quantization_config", "_model_name_or_path")),
    ):
        for name in names:
            if hasattr(thing, name):
                delattr(thing, name)
    # What a GGUF says of generation is in its tokenizer; the library fills in the rest from its
    # defaults, among them switches that only say that nothing is switched.
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(target)


def _save_tokenizer(tokenizer: PreTrainedTokenizerFast, positions: int, target: Path) -> None:
    for note in NOTES_OF_LOADING:
        tokenizer.init_kwargs.pop(note, None)
    if tokenizer.unk_token is None:
        tokenizer.init_kwargs.pop("unk_token", None)
    tokenizer.model_max_length = positions
    tokenizer.save_pretrained(target)


def _sentence(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name!r} isn't installed"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
