"""Which examples go through the model together. No torch here."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

__all__ = ["epoch", "within"]

#: Batches are made of examples alike in length, among the examples of so many batches that chance
#: put together: few enough to leave order to chance, enough to leave hardly any padding.
TOGETHER = 50


def epoch(
    lengths: Sequence[int], places: Sequence[int], size: int, chance: random.Random
) -> list[list[int]]:
    """The batches of one way through these places, each of ``size`` places but for a last one.

    Args:
        lengths: in tokens, of every example.
        places: of the examples that take part.
        size: examples in a batch.
        chance: decides which examples meet, and in which order batches come.

    Example:
        >>> epoch([5, 1, 4, 2], range(4), 2, random.Random(0))
        [[0, 2], [3, 1]]
    """
    order = list(places)
    chance.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), size * TOGETHER):
        # Stable, so that among equal lengths it is chance that decides.
        part = sorted(order[start : start + size * TOGETHER], key=lambda place: -lengths[place])
        cut = [part[first : first + size] for first in range(0, len(part), size)]
        chance.shuffle(cut)
        batches.extend(cut)
    return batches


def within(lengths: Sequence[int], places: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Parts of a batch, none of which takes more than so many tokens once it is padded, unless one
    example alone does. Longest first."""
    part: list[int] = []
    longest = 0
    for place in sorted(places, key=lambda place: -lengths[place]):
        longest = longest or max(1, lengths[place])
        if part and (len(part) + 1) * longest > tokens:
            yield part
            part, longest = [], max(1, lengths[place])
        part.append(place)
    if part:
        yield part
