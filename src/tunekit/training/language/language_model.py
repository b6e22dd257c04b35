"""A causal language model with its tokenizer, on a device, in a precision."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch

from ...errors import ConfigError, WeightsError
from ..base_model import AdapterHabit, BaseModel, first_line, load_module, quiet
from ..language_costs import LORA_RANK
from ..recipe import Base
from .speech import Speech

__all__ = [
    "LanguageModel",
    "QuantisedModel",
    "narrowed",
    "read_tokenizer",
    "recomputes",
    "with_cache",
]


class LanguageModel(BaseModel):
    """A base model that goes on writing. ``module`` has a head that gives the odds of the next
    token."""

    loader: ClassVar[str] = "AutoModelForCausalLM"
    # Without dropout: what is learnt is the same however a batch is cut.
    adapter: ClassVar[AdapterHabit] = AdapterHabit(
        rank=LORA_RANK, alpha=2.0 * LORA_RANK, dropout=0.0
    )
    trains_tokens: ClassVar[bool] = True

    @cached_property
    def speech(self) -> Speech:
        """How conversations are written for it."""
        return Speech(self.tokenizer, self.base.name)

    @property
    def vocabulary(self) -> int:
        """The number of its tokens."""
        return int(self.module.config.get_text_config().vocab_size)

    @property
    def dimensions(self) -> int:
        config = self.module.config.get_text_config()
        return int(getattr(config, "hidden_size", None) or config.d_model)

    def save_memory(self) -> None:
        """Compute what is needed on the way back anew instead of keeping it: more time, and much
        less memory."""
        how = {"use_reentrant": False}
        if hasattr(self.module, "activation_checkpointing_enable"):  # its newer name
            self.module.activation_checkpointing_enable(how)
        else:
            self.module.gradient_checkpointing_enable(how)
        # Where the base's own weights ask for no gradient, none would reach an adapter otherwise.
        self.module.enable_input_require_grads()

    def _read_tokenizer(self, path: Path) -> Any:
        return read_tokenizer(self.base, path)


def read_tokenizer(base: Base, path: Path) -> Any:
    """The tokenizer in a folder, as transformers has it.

    Raises:
        WeightsError: there is none, or it can't be read.
    """
    from transformers import AutoTokenizer

    if not (path / "tokenizer.json").is_file():
        raise WeightsError(f"{base.name}: no tokenizer.json in {path}. Put the model there again.")
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(
                path, local_files_only=True, trust_remote_code=False, use_fast=True
            )
    except Exception as error:  # tokenizers raises bare Exception
        raise WeightsError(
            f"{base.name}: the tokenizer in {path} can't be read ({first_line(error)}). "
            "Put the model there again."
        ) from error


class QuantisedModel(LanguageModel):
    """A language model in four bits (NF4), which an adapter learns on top of: QLoRA.

    Needs a CUDA device and the package bitsandbytes. *Not run* on a GPU so far.
    """

    def _load(self, path: Path, own: Mapping[str, torch.Tensor] | None, dtype: torch.dtype) -> Any:
        if self.device.type != "cuda":
            raise ConfigError(
                f"method 'qlora' needs a CUDA device, and this is {self.device.type}. "
                "Take method='lora'."
            )
        from transformers import BitsAndBytesConfig

        four_bits = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        return load_module(
            self.base,
            path,
            self.loader,
            torch.bfloat16,
            quantization_config=four_bits,
            device_map={"": self.device},
        )


def recomputes(module: Any) -> bool:
    """Whether what is needed on the way back is computed anew there."""
    newer, older = "is_activation_checkpointing", "is_gradient_checkpointing"
    return bool(getattr(module, newer if hasattr(module, newer) else older, False))


def narrowed(module: Any) -> Any:
    """This module with its weights in bf16. What is counted and not learnt stays as it is: the
    frequencies of rotary positions, rounded, would put a later token somewhere else."""
    for one in module.parameters():
        one.data = one.data.to(torch.bfloat16)
    return module


def with_cache(module: Any, cache: Any) -> dict[str, Any]:
    """The argument by which a module of transformers takes the keys and values that it has seen.
    Its name isn't the same in all versions."""
    known = inspect.signature(module.forward).parameters
    return {"cache" if "cache" in known else "past_key_values": cache}
