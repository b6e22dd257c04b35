"""Prompts that have been read: what was computed of them, for whoever goes on from there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from .beginnings import shared_beginning
from .language_model import LanguageModel, with_cache

__all__ = ["Begun", "begin", "begun_together", "next_logits"]


class Begun(NamedTuple):
    """Prompts, a row each: their keys and values, where tokens of theirs are, (rows, tokens), 1 or
    0, and the logits of the token that comes next, (rows, vocabulary)."""

    cache: Any
    mask: torch.Tensor
    logits: torch.Tensor


def begin(model: LanguageModel, module: Any, prompts: Sequence[list[int]]) -> Begun:
    """Read some prompts; what all of them begin with is read once.

    Args:
        model: whose device and speech it is.
        module: that computes.
        prompts: token ids, one prompt or more.
    """
    shared, cache = begun_together(model, module, prompts)
    # Filled up on the left, so that all of them end where the answers begin.
    longest = max(map(len, prompts))
    gaps = [longest - len(prompt) for prompt in prompts]
    filler = model.speech.filler
    ids = torch.tensor(
        [[filler] * gap + prompt[shared:] for gap, prompt in zip(gaps, prompts, strict=True)]
    )
    mask = torch.tensor([[1] * shared + [0] * gap + [1] * (longest - gap - shared) for gap in gaps])
    mask = mask.to(model.device)
    return Begun(cache, mask, next_logits(module, ids.to(model.device), mask, cache))


def begun_together(
    model: LanguageModel, module: Any, prompts: Sequence[list[int]]
) -> tuple[int, Any]:
    """How many tokens all these prompts begin with, as far as sharing them is worth it, and their
    keys and values, a row for each prompt. The last token of a prompt isn't among them."""
    from transformers import DynamicCache

    cache = DynamicCache(config=module.config)
    shared = shared_beginning(prompts, min(map(len, prompts)) - 1)
    if shared:
        ids = torch.tensor([prompts[0][:shared]], device=model.device)
        next_logits(module, ids, torch.ones_like(ids), cache)
        cache.batch_repeat_interleave(len(prompts))
    return shared, cache


def next_logits(module: Any, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:
    """The logits of the token behind these, (rows, vocabulary), in fp32.

    Args:
        module: a causal language model of transformers.
        ids: new tokens, (rows, tokens).
        mask: of all tokens so far, the new ones among them.
        cache: of the tokens before. The new ones are added.
    """
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    # A place and not a number of places, for which states would be cut out where they stand: torch
    # then multiplies row by row, with a copy of all the head's weights for each.
    last = torch.tensor([ids.shape[1] - 1], device=ids.device)
    with torch.inference_mode():
        out = module(
            input_ids=ids,
            # Nothing is filled up where all are of one length: then a quicker way is taken.
            attention_mask=None if bool(mask.all()) else mask,
            position_ids=positions,
            use_cache=True,
            logits_to_keep=last,
            **with_cache(module, cache),
        )
    logits: torch.Tensor = out.logits[:, -1].float()
    return logits
