"""Which examples to show: every class, and within a class such as differ from each other."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count as numbers

from ..errors import InputError
from ..shapes import Example
from .nearness import farthest_first, vectors_of
from .shots import asked_in, kind_of, shot_of, tokens_of

__all__ = ["Gathered", "choose_shots"]

#: Of a class so many examples are compared for each that is chosen, and so many at least.
COMPARED, LEAST_COMPARED = 8, 32
#: An example is long beyond so many times the middle one of its class.
LONG = 2
#: Examples of a class that are kept while a set goes by.
KEPT = 4_096


def choose_shots(examples: Iterable[Example], count: int, *, seed: int = 0) -> tuple[Example, ...]:
    """Examples to show a model before it is asked.

    Where the answers are a closed set (``Turns.choices``), every answer is covered as evenly as
    ``count`` allows; the more frequent ones come first. Of each, examples are taken that differ
    from each other and aren't long. Other answers are one class.

    Args:
        examples: chats; others, and those with an empty text, are left out.
        count: how many at most.
        seed: another one chooses others.

    Returns:
        The examples, the classes by turns. The same set gives the same ones, in whatever order it
        comes.

    Raises:
        InputError: ``count`` is negative.

    Example:
        >>> from tunekit.shapes import Said, Turn, Turns
        >>> texts = [("I want my money back", "no"), ("thank you", "yes"), ("well done", "yes")]
        >>> asked = [Turns((Turn("user", text),), ("yes", "no")) for text, _ in texts]
        >>> given = [Example(one, Said(label)) for one, (_, label) in zip(asked, texts)]
        >>> sorted(one.target.text for one in choose_shots(given, 2))
        ['no', 'yes']
    """
    if count < 0:
        raise InputError(f"count={count}. Give 0 or more.")
    return Gathered(examples, seed).diverse(count)


class Gathered:
    """Examples that may be shown, by class, in an order by chance that hangs on the seed and on
    what they say, and on nothing else."""

    def __init__(self, examples: Iterable[Example], seed: int, kept: int = KEPT) -> None:
        self._seed = seed
        seen: Counter[str] = Counter()
        # Of each class the examples of the lowest ranks, the highest of these on top.
        heaps: dict[str, list[tuple[int, int, Example]]] = defaultdict(list)
        held: dict[str, set[int]] = defaultdict(set)
        tie = numbers()
        for example in examples:
            shot = shot_of(example)
            if shot is None:
                continue
            kind = kind_of(example)
            seen[kind] += 1
            rank = -_rank(seed, *shot)
            if rank in held[kind]:
                continue  # a copy, which would take the place of something else
            heapq.heappush(heaps[kind], (rank, next(tie), example))
            held[kind].add(rank)
            if len(heaps[kind]) > kept:
                held[kind].discard(heapq.heappop(heaps[kind])[0])
        self.by_kind = _distinct(heaps)
        self._frequent = sorted(self.by_kind, key=lambda kind: (-seen[kind], kind))

    def diverse(self, count: int) -> tuple[Example, ...]:
        """So many that cover all classes and differ within each."""
        shares = self._shares(count)
        chosen = {
            kind: _diverse(self.by_kind[kind], share) for kind, share in shares.items() if share
        }
        return self._by_turns(chosen)

    def any(self, count: int, but: Sequence[Example] = ()) -> tuple[Example, ...]:
        """So many others by chance, all classes alike."""
        taken = set(but)
        left = {
            kind: [one for one in examples if one not in taken]
            for kind, examples in self.by_kind.items()
        }
        shares = self._shares(count, {kind: len(examples) for kind, examples in left.items()})
        return self._by_turns({kind: left[kind][:share] for kind, share in shares.items()})

    def _shares(self, count: int, there: Mapping[str, int] | None = None) -> dict[str, int]:
        """How many of each class, as even as possible; what one can't fill goes to the others."""
        there = there or {kind: len(examples) for kind, examples in self.by_kind.items()}
        shares = dict.fromkeys(self._frequent, 0)
        left = min(count, sum(there.values()))
        while left:
            for kind in self._frequent:
                if left and shares[kind] < there[kind]:
                    shares[kind] += 1
                    left -= 1
        return shares

    def _by_turns(self, chosen: Mapping[str, Sequence[Example]]) -> tuple[Example, ...]:
        """One of each class, then again; in an order of the classes that says nothing."""
        order = sorted(chosen, key=lambda kind: _rank(self._seed, kind))
        longest = max(map(len, chosen.values()), default=0)
        return tuple(
            chosen[kind][place]
            for place in range(longest)
            for kind in order
            if place < len(chosen[kind])
        )


def _rank(seed: int, *texts: str) -> int:
    """A number by chance that is the same for the same texts."""
    digest = hashlib.blake2b(str(seed).encode(), digest_size=8)
    for text in texts:
        digest.update(b"\0" + text.encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest())


def _distinct(heaps: Mapping[str, list[tuple[int, int, Example]]]) -> dict[str, list[Example]]:
    """Each input once, in the order of the ranks: shown twice, it would teach nothing more."""
    in_order = sorted(
        (-rank, kind, tie, example) for kind, heap in heaps.items() for rank, tie, example in heap
    )
    seen: set[tuple[str, ...]] = set()
    by_kind: dict[str, list[Example]] = {}
    for _, kind, _, example in in_order:
        shot = shot_of(example)
        if shot is not None and shot[:-1] not in seen:
            seen.add(shot[:-1])
            by_kind.setdefault(kind, []).append(example)
    return by_kind


def _diverse(examples: Sequence[Example], count: int) -> list[Example]:
    """So many of one class that differ, none of them long as far as there are others."""
    compared = list(examples[: max(LEAST_COMPARED, COMPARED * count)])
    sizes = [tokens_of(*(shot_of(one) or ())) for one in compared]
    limit = LONG * sorted(sizes)[len(sizes) // 2]
    short = [one for one, size in zip(compared, sizes, strict=True) if size <= limit]
    if len(short) < count:
        order = sorted(range(len(compared)), key=lambda place: (sizes[place], place))
        short = [compared[place] for place in order[:count]]
    vectors = vectors_of([asked_in((shot_of(one) or ("", ""))[:-1]) for one in short])
    return [short[place] for place in farthest_first(vectors, count)]
