"""How likely each of a closed set of answers is: all are looked at, none is written.

Prompts are read once, many together, and what may follow them in a second pass, in which the
answers share what was computed of their prompt.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from ..batches import within
from ..memory import with_less
from ..padding import pad
from .language_model import LanguageModel, with_cache
from .prompts import Begun, begin

__all__ = ["choice_odds"]

#: Tokens of prompts and choices whose keys and values are held at once.
CPU_TOKENS, GPU_TOKENS = 8_192, 131_072
#: Numbers of odds that are held at once.
AT_ONCE = 1 << 26


def choice_odds(
    model: LanguageModel,
    module: Any,
    prompts: Sequence[list[int]],
    choices: Sequence[str],
    progress: Callable[[int], None] | None = None,
) -> list[list[float]]:
    """The probability of each choice, among all of them, as the whole answer to each prompt.

    It is that of all tokens of the choice and of the one that ends it, so a choice that begins
    another one isn't taken for it.

    Args:
        model: whose device and speech it is.
        module: that computes.
        prompts: token ids.
        choices: the same for all of them.
        progress: told after each batch how many prompts it had.
    """
    answers = [model.speech.answer(choice) for choice in choices]
    budget = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    longest = max(map(len, answers))
    # As if each prompt were as long as it gets once all choices stand behind it.
    lengths = [len(prompt) + longest * len(answers) for prompt in prompts]
    found: list[list[float]] = [[]] * len(prompts)
    for places in within(lengths, range(len(prompts)), budget):
        some = [prompts[place] for place in places]
        pairs = len(some) * len(answers)
        sums = with_less(partial(_in_parts, model, module, some, answers), pairs)
        odds: list[list[float]] = sums.double().softmax(1).tolist()
        for place, of_prompt in zip(places, odds, strict=True):
            found[place] = of_prompt
        if progress is not None:
            progress(len(places))
    return found


def _in_parts(
    model: LanguageModel,
    module: Any,
    prompts: Sequence[list[int]],
    answers: Sequence[list[int]],
    at_once: int,
) -> torch.Tensor:
    """The log-probability of each answer to each prompt, (prompts, answers), on the CPU, so many of
    these at once."""
    parts = []
    size = max(1, at_once // len(answers))
    for start in range(0, len(prompts), size):
        begun = begin(model, module, prompts[start : start + size])
        parts.append(_sums(model, module, begun, answers, at_once).cpu())
    return torch.cat(parts)


def _sums(
    model: LanguageModel,
    module: Any,
    begun: Begun,
    answers: Sequence[list[int]],
    at_once: int,
) -> torch.Tensor:
    rows, seen = begun.mask.shape
    longest = max(map(len, answers))
    budget = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    at_once = min(at_once, budget // (seen + longest), AT_ONCE // (longest * model.vocabulary))
    size = max(1, at_once // rows)
    odds = begun.logits.log_softmax(1)
    parts = [
        _of_some(model, module, begun, odds, answers[start : start + size])
        for start in range(0, len(answers), size)
    ]
    return torch.cat(parts, dim=1)


def _of_some(
    model: LanguageModel,
    module: Any,
    begun: Begun,
    odds: torch.Tensor,
    answers: Sequence[list[int]],
) -> torch.Tensor:
    """The log-probabilities of some answers behind prompts that were read, (prompts, answers)."""
    device, rows = model.device, len(begun.mask)
    sums = odds[:, torch.tensor([ids[0] for ids in answers], device=device)]
    if max(map(len, answers)) == 1:
        return sums
    # What an answer ends with is looked for, and never read.
    read = pad([ids[:-1] for ids in answers] * rows, device, filler=model.speech.filler)
    cache = copy.deepcopy(begun.cache)
    cache.batch_repeat_interleave(len(answers))
    before = begun.mask.repeat_interleave(len(answers), dim=0)
    positions = before.sum(1, keepdim=True) + read.mask.cumsum(1) - 1
    with torch.inference_mode():
        out = module(
            input_ids=read.ids,
            attention_mask=torch.cat([before, read.mask], dim=1),
            position_ids=positions.clamp(min=0),
            use_cache=True,
            **with_cache(module, cache),
        )
        following = pad([ids[1:] for ids in answers] * rows, device)
        after = out.logits.float().log_softmax(2).gather(2, following.ids[..., None])[..., 0]
        rest: torch.Tensor = (after * following.mask).sum(1)
    return sums + rest.view(rows, len(answers))
