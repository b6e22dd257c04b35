"""How rows begin: what all of a batch have in common is computed once.

Conversations of one task begin with the same instruction, which is often longer than what is asked.
A causal model sees only what comes before, so its states there are the same in every row: their
keys and values are computed for one row and handed to all. Gradients come back through them, so
what is learnt is the same as well, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..padding import pad
from .language_model import with_cache

__all__ = ["shared_beginning", "states_of"]

#: Tokens that have to be saved for a second pass to be worth its while.
WORTH = 48


def shared_beginning(rows: Sequence[list[int]], most: int) -> int:
    """How many tokens all of these rows begin with, at most so many; 0 where sharing them would
    bring nothing.

    Example:
        >>> shared_beginning([[1, 2, 3, 4]] * 50, most=3)
        3
        >>> shared_beginning([[1, 2, 3, 4], [1, 2, 5]], most=3)
        0
    """
    first, last = min(rows), max(rows)  # what these have in common, all have
    longest = min(len(first), len(last), most)
    common = next((at for at in range(longest) if first[at] != last[at]), longest)
    return common if common * (len(rows) - 1) >= WORTH else 0


def states_of(
    decoder: Any, rows: Sequence[Sequence[int]], shared: int, device: torch.device, filler: int
) -> torch.Tensor:
    """The last hidden states of these rows behind what they share, (rows, tokens, dimensions).

    Args:
        decoder: of transformers, causal.
        rows: token ids.
        shared: tokens that all begin with.
        device: of the decoder.
        filler: a token to fill up shorter rows with, on the right, where no token looks.
    """
    rest = pad([row[shared:] for row in rows], device, filler=filler).ids
    if not shared:
        states: torch.Tensor = decoder(input_ids=rest, use_cache=False).last_hidden_state
        return states
    from transformers import DynamicCache

    cache = DynamicCache(config=decoder.config)
    beginning = torch.tensor([list(rows[0][:shared])], device=device)
    decoder(input_ids=beginning, use_cache=True, **with_cache(decoder, cache))
    cache.batch_repeat_interleave(len(rows))
    behind: torch.Tensor = decoder(
        input_ids=rest, use_cache=True, **with_cache(decoder, cache)
    ).last_hidden_state
    return behind
