"""Options without their copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Judged", "without_copies"]


class Judged(NamedTuple):
    """Options, and which of them is best or how they are ranked."""

    options: tuple[str, ...]
    best: int | None
    ranks: tuple[int, ...] | None


def without_copies(
    options: Sequence[str], best: int | None, ranks: Sequence[int] | None
) -> Judged | None:
    """Each option once, at its first place.

    ``None`` where fewer than two are left, and where it wouldn't be clear which is better: copies
    of one option have different ranks, or what is best can't be said to begin with.
    """
    first = {option: options.index(option) for option in options}
    kept = sorted(first.values())
    if len(kept) < 2 or (best is None) == (ranks is None):
        return None
    if best is not None:
        if not 0 <= best < len(options):
            return None
        best = kept.index(first[options[best]])
    if ranks is not None:
        if len(ranks) != len(options):
            return None
        pairs = zip(options, ranks, strict=True)
        if any(rank != ranks[first[option]] for option, rank in pairs):
            return None
        ranks = tuple(ranks[at] for at in kept)
    return Judged(tuple(options[at] for at in kept), best, ranks)
