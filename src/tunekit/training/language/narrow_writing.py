"""Many answers in bf16, and those that it leaves in doubt once more in fp32: no answer changes.

bf16 moves the odds of tokens by a little. How little is measured on some of the very answers, in
both precisions: how far the lead of the token taken over the next best moves. An answer all of
whose leads are larger than twice the most that was seen is the one that fp32 gives. The others are
read once more in fp32, and written anew from where that takes another token.
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
from .generation import Prompt, Written, write
from .language_model import LanguageModel, narrowed, with_cache
from .prompts import begun_together

__all__ = ["narrow_copy", "write_many"]

#: Answers that are read in both precisions: spread over all lengths, and the closest calls.
SPREAD = CLOSEST = 8
#: How much further than the worst of their leads another one may move.
MARGIN = 2.0
#: Tokens that are read at once. Few, so that rows of a batch are of about one length: what fills
#: them up costs as much as what is read.
CPU_TOKENS, GPU_TOKENS = 1_024, 32_768


def narrow_copy(module: Any) -> Any:
    """A copy of a module in bf16."""
    return narrowed(copy.deepcopy(module))


def write_many(
    model: LanguageModel,
    narrow: Any,
    prompts: Sequence[Prompt],
    progress: Callable[[int], None] | None = None,
) -> list[Written]:
    """The greedy answers to these prompts, in order, as fp32 gives them.

    Args:
        model: in fp32.
        narrow: its module in bf16.
        prompts: as many as make it worth the while.
        progress: told after each batch how many prompts it had.
    """
    found = write(model, narrow, prompts, progress=progress)
    by_lead = sorted(range(len(found)), key=lambda place: found[place].lead)
    by_length = sorted(range(len(found)), key=lambda place: len(found[place].ids))
    sample = sorted({*by_lead[:CLOSEST], *by_length[:: max(1, len(found) // SPREAD)]})
    exact = _leads(model, model.module, prompts, found, sample)
    rough = _leads(model, narrow, prompts, found, sample)
    moved = max(
        (float((one - other).abs().max()) for one, other in zip(exact, rough, strict=True)),
        default=0.0,
    )
    doubtful = [place for place in by_lead if found[place].lead <= MARGIN * moved]
    known = dict(zip(sample, exact, strict=True))
    unread = [place for place in doubtful if place not in known]
    known |= dict(zip(unread, _leads(model, model.module, prompts, found, unread), strict=True))
    again = [place for place in sorted(known) if float(known[place].min()) <= 0]
    right = [_right(found[place].ids, known[place]) for place in again]
    rest = [
        Prompt([*prompts[place].ids, *ids], prompts[place].room - len(ids))
        for place, (ids, _) in zip(again, right, strict=True)
    ]
    anew = write(model, model.module, rest)
    for place, (ids, lead), one in zip(again, right, anew, strict=True):
        found[place] = Written([*ids, *one.ids], one.ended, min(lead, one.lead))
    return found


def _right(ids: Sequence[int], leads: torch.Tensor) -> tuple[Sequence[int], float]:
    """The tokens before the first that isn't what fp32 takes, and the least of their leads."""
    end = int((leads <= 0).int().argmax())
    return ids[:end], float(leads[:end].min()) if end else float("inf")


def _leads(
    model: LanguageModel,
    module: Any,
    prompts: Sequence[Prompt],
    found: Sequence[Written],
    places: Sequence[int],
) -> list[torch.Tensor]:
    """By how much each token taken leads the best of all others, (tokens,), for some answers; below
    0 where another one is better, 0 where another one is as good."""
    rows = [(list(prompts[place].ids), found[place].ids) for place in places]
    lengths = [len(asked) + len(said) for asked, said in rows]
    leads: list[torch.Tensor] = [torch.empty(0)] * len(rows)
    tokens = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    for batch in within(lengths, range(len(rows)), tokens):
        some = [rows[row] for row in batch]
        read = with_less(partial(_read, model, module, some), len(some))
        for row, one in zip(batch, read, strict=True):
            leads[row] = one
    return leads


def _read(
    model: LanguageModel,
    module: Any,
    rows: Sequence[tuple[list[int], list[int]]],
    at_once: int,
) -> list[torch.Tensor]:
    found = []
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        shared, cache = begun_together(model, module, [asked for asked, _ in some])
        rest = [(asked + said)[shared:] for asked, said in some]
        ids = pad(rest, model.device, filler=model.speech.filler).ids
        begun = min(len(asked) for asked, _ in some) - 1 - shared
        tokens = torch.arange(ids.shape[1], device=model.device)
        with torch.inference_mode():
            # Filled up on the right, where no token looks.
            odds = module(
                input_ids=ids,
                position_ids=shared + tokens[None],
                use_cache=True,
                logits_to_keep=tokens[begun:],
                **with_cache(module, cache),
            ).logits
            for row, (asked, said) in enumerate(some):
                first = len(asked) - 1 - shared - begun
                where = odds[row, first : first + len(said)].float()
                taken = torch.tensor(said, device=model.device)[:, None]
                own = where.gather(1, taken)[:, 0]
                others = where.scatter(1, taken, float("-inf")).amax(1)
                found.append((own - others).cpu())
    return found
