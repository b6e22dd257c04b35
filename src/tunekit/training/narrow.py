"""Many texts in bf16, and those that it leaves in doubt once more in fp32: no answer changes.

bf16 moves a text's vector by a little. How little is measured on some of the very texts, in both
precisions. With vectors that are off by no more than ``d``, the logits of two classes move against
each other by no more than ``d * |w_a - w_b|``; so where the best class leads every other one by
more than that, it is the best in fp32 as well. All other texts are computed anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .encoder import Encoder, Progress
from .head import Head

__all__ = ["in_doubt", "logits_of_many"]

#: Texts that are computed in both precisions, and how much further off than the worst of them
#: another one may be.
MEASURED, MARGIN = 64, 1.5
#: Classes that are compared with the best: the others are further away.
COMPARED = 8


def logits_of_many(
    encoder: Encoder, head: Head, texts: Sequence[str], progress: Progress | None = None
) -> torch.Tensor:
    """The logits of these texts, (texts, classes), whose highest is the one that fp32 gives.

    Args:
        encoder: of texts; computes in fp32 if nothing else is asked for.
        head: on its vectors.
        texts: as many as make it worth the while; a few hundred.
        progress: told how many texts were done since it was told last.
    """
    quick = encoder.encode(texts, progress, precision="bf16")
    logits = head.logits(quick)
    # Spread over all lengths: the length of a text is what its error hangs on most.
    by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    sample = by_length[:: max(1, len(texts) // MEASURED)]
    exact = encoder.encode([texts[place] for place in sample])
    off = float((exact - quick[sample]).norm(dim=1).max())
    logits[sample] = head.logits(exact)
    known = set(sample)
    doubtful = in_doubt(head, logits, MARGIN * off)
    again = [place for place in doubtful.nonzero()[:, 0].tolist() if place not in known]
    if again:
        logits[again] = head.logits(encoder.encode([texts[place] for place in again]))
    return logits


def in_doubt(head: Head, logits: torch.Tensor, off: float) -> torch.Tensor:
    """Which rows might have another best class, if their vectors are off by so much: (rows,).

    Example:
        >>> head = Head(torch.eye(2), torch.zeros(2))
        >>> in_doubt(head, torch.tensor([[1.0, 0.0], [0.51, 0.5]]), 0.1)
        tensor([False,  True])
    """
    values, classes = logits.topk(min(COMPARED, logits.shape[1]), dim=1)
    weights = head.weight.T[classes]
    apart = (weights[:, :1] - weights[:, 1:]).norm(dim=2)
    doubtful: torch.Tensor = (values[:, :1] - values[:, 1:] <= off * apart).any(1)
    return doubtful
