"""Many texts in bf16, and those that it leaves in doubt once more in fp32: no answer changes.

bf16 moves logits by a little. How little is measured on some of the very texts, in both precisions:
how far the lead of the best class over another one moves, for each unit of ``|w_a - w_b|``. Where a
lead is larger than twice the most that was seen, the best class is the best in fp32 as well.
All other texts are computed anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import normalize

from .encoder import Encoder, Progress
from .head import Head
from .pooled import pooled, tokens_of

__all__ = ["logits_of_many"]

#: Texts that are computed in both precisions: spread over all lengths, as a text's error hangs on
#: its length most; and the closest calls, which would have to be computed anew anyway.
SPREAD = CLOSEST = 16
#: How much further than the worst of their leads another one may move.
MARGIN = 2.0
#: Classes that are compared with the best: the others are further away.
COMPARED = 8
#: Tokens in a batch of texts that needn't be alike in length, and texts between two reports.
CPU_TOKENS, GPU_TOKENS = 1_024, 65_536
AT_ONCE = 512


def logits_of_many(
    encoder: Encoder, head: Head, texts: Sequence[str], progress: Progress | None = None
) -> torch.Tensor:
    """The logits of these texts, (texts, classes), whose highest is the one that fp32 gives.

    Args:
        encoder: of texts, in fp32.
        head: on its vectors.
        texts: as many as make it worth the while; a few hundred.
        progress: told how many texts were done since it was told last.
    """
    by_length = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    logits = torch.empty(len(texts), head.weight.shape[1])
    # Around all batches, so that weights are turned into bf16 once.
    with torch.inference_mode(), encoder.autocast("bf16"):
        for start in range(0, len(texts), AT_ONCE):
            part = by_length[start : start + AT_ONCE]
            logits[part] = head.logits(_rough(encoder, [texts[place] for place in part]))
            if progress is not None:
                progress(len(part))
    room = _room(head, logits)
    sample = _sample(by_length, room)
    exact = head.logits(encoder.encode([texts[place] for place in sample]))
    doubtful = room <= MARGIN * _moved(head, logits[sample], exact)
    logits[sample] = exact
    doubtful[sample] = False
    again: list[int] = doubtful.nonzero()[:, 0].tolist()
    if again:
        logits[again] = head.logits(encoder.encode([texts[place] for place in again]))
    return logits


def _sample(by_length: Sequence[int], room: torch.Tensor) -> list[int]:
    """Places of the texts that are computed in both precisions."""
    spread = by_length[:: max(1, len(by_length) // SPREAD)]
    closest = room.argsort()[: SPREAD + CLOSEST].tolist()
    known = set(spread)
    return [*spread, *[place for place in closest if place not in known][:CLOSEST]]


def _rough(encoder: Encoder, texts: Sequence[str]) -> torch.Tensor:
    """Vectors that are a little off: bf16, and padded so that batches are full."""
    budget = CPU_TOKENS if encoder.device.type == "cpu" else GPU_TOKENS
    tokens = list(tokens_of(encoder, texts))
    vectors = pooled(encoder, tokens, precision="bf16", budget=budget)
    return normalize(vectors, dim=-1).float().cpu()


def _leads(
    head: Head, logits: torch.Tensor, classes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """By how much the first of these classes leads the others, and how far apart their weights are,
    both (rows, classes - 1)."""
    values, weights = logits.gather(1, classes), head.weight.T[classes]
    return values[:, :1] - values[:, 1:], (weights[:, :1] - weights[:, 1:]).norm(dim=2)


def _moved(head: Head, rough: torch.Tensor, exact: torch.Tensor) -> float:
    """The most that a lead moved, for each unit of distance between the weights."""
    classes = rough.topk(min(COMPARED, rough.shape[1]), dim=1).indices
    before, apart = _leads(head, rough, classes)
    after, _ = _leads(head, exact, classes)
    return float(((after - before).abs() / apart.clamp(min=1e-12)).max())


def _room(head: Head, logits: torch.Tensor) -> torch.Tensor:
    """How far leads may move, for each unit of distance between the weights, before a row has
    another best class: (rows,)."""
    classes = logits.topk(min(COMPARED, logits.shape[1]), dim=1).indices
    lead, apart = _leads(head, logits, classes)
    return (lead / apart.clamp(min=1e-12)).amin(1)
