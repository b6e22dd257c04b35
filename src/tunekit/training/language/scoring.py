"""How likely each of a closed set of answers is: all are looked at, none is written.

The prompt is computed once, and what may follow it in a second pass, whose rows share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from ..memory import with_less
from ..padding import pad
from .language_model import LanguageModel, with_cache

__all__ = ["choice_odds"]

#: Tokens of prompts and choices whose keys and values are held at once.
CPU_TOKENS, GPU_TOKENS = 8_192, 131_072
#: Numbers of odds that are held at once.
AT_ONCE = 1 << 26


def choice_odds(
    model: LanguageModel, module: Any, prompt: Sequence[int], choices: Sequence[str]
) -> list[float]:
    """The probability of each choice, among all of them, as the whole answer to a prompt.

    It is that of all tokens of the choice and of the one that ends it, so a choice that begins
    another one isn't taken for it.
    """
    speech = model.speech
    answers = [speech.answer(choice) for choice in choices]
    budget = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    longest = max(map(len, answers))
    at_once = min(budget // (len(prompt) + longest), AT_ONCE // (longest * model.vocabulary))
    at_once = max(1, min(at_once, len(answers)))
    sums = with_less(partial(_sums, model, module, prompt, answers), at_once)
    odds: list[float] = sums.double().softmax(0).tolist()
    return odds


def _sums(
    model: LanguageModel,
    module: Any,
    prompt: Sequence[int],
    answers: Sequence[Sequence[int]],
    at_once: int,
) -> torch.Tensor:
    """The log-probability of each answer, (answers,)."""
    from transformers import DynamicCache

    device = model.device
    with torch.inference_mode():
        cache = DynamicCache(config=module.config)
        out = module(
            input_ids=torch.tensor([list(prompt)], device=device),
            use_cache=True,
            logits_to_keep=1,
            **with_cache(module, cache),
        )
        first = out.logits[0, -1].float().log_softmax(0)
        found = []
        for start in range(0, len(answers), at_once):
            some = answers[start : start + at_once]
            found.append(_rest(model, module, cache, len(prompt), first, some))
    return torch.cat(found).cpu()


def _rest(
    model: LanguageModel,
    module: Any,
    cache: Any,
    before: int,
    first: torch.Tensor,
    answers: Sequence[Sequence[int]],
) -> torch.Tensor:
    """The log-probabilities of some answers behind a prompt that was computed."""
    import copy

    device = model.device
    sums = first[torch.tensor([ids[0] for ids in answers], device=device)]
    if max(map(len, answers)) == 1:
        return sums
    # What an answer ends with is looked for, and never read.
    batch = pad([ids[:-1] for ids in answers], device, filler=model.speech.filler)
    shared = copy.deepcopy(cache)
    shared.batch_repeat_interleave(len(answers))
    seen = batch.mask.new_ones(len(answers), before)
    out = module(
        input_ids=batch.ids,
        attention_mask=torch.cat([seen, batch.mask], dim=1),
        position_ids=(before + batch.mask.cumsum(1) - 1).clamp(min=0),
        use_cache=True,
        **with_cache(module, shared),
    )
    following = pad([ids[1:] for ids in answers], device)
    odds = out.logits.float().log_softmax(2)
    picked = odds.gather(2, following.ids[..., None])[..., 0]
    rest: torch.Tensor = (picked * following.mask).sum(1)
    return sums + rest
