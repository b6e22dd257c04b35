"""Answers, token by token, for many prompts at once.

Prompts of nearly the same length go together, and a row that has ended leaves its batch. The last
few of a batch wait for those of others, since a step takes about as long for one row as for a few.
Answers are greedy unless a temperature is given; what is drawn then depends on the seed and the
prompt alone, so an answer is the same whatever else is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch

from ..memory import with_less
from ..recipe import GREEDY, Writing
from .language_model import LanguageModel
from .prompts import begin, next_logits

__all__ = ["Batch", "Prompt", "Written", "write", "write_on"]

#: Tokens of prompts and answers whose keys and values are held at once.
CPU_TOKENS, GPU_TOKENS = 8_192, 131_072
#: Rows at once: more bring nothing on a CPU.
CPU_ROWS, GPU_ROWS = 64, 256
#: So few rows wait for those of other batches.
FEW = 24


class Written(NamedTuple):
    """An answer's tokens, whether it ended by itself, and by how much the token taken led the next
    best where that was the least."""

    ids: list[int]
    ended: bool
    lead: float


class Prompt(NamedTuple):
    """The tokens of a prompt, and how many an answer may have."""

    ids: Sequence[int]
    room: int


def write(
    model: LanguageModel,
    module: Any,
    prompts: Sequence[Prompt],
    writing: Writing = GREEDY,
    progress: Callable[[int], None] | None = None,
    kind: type[Batch] | None = None,
) -> list[Written]:
    """The answers to these prompts, in order.

    Args:
        model: whose speech and device it is.
        module: that computes: the model's own, or a copy in another precision.
        prompts: one or more.
        writing: how tokens are taken.
        progress: told after each batch how many prompts it had.
        kind: how a batch of such a model is computed.
    """
    kind = kind or Batch
    found = dict[int, Written]()
    waiting = list[tuple[list[int], Batch]]()
    begun = 0
    for places in _batches(prompts, model.device):
        some = [prompts[place] for place in places]
        begun += len(some)
        more = begun < len(prompts)
        left = FEW if more or waiting else 0
        parts = with_less(partial(_in_parts, kind, model, module, some, writing, left), len(some))
        at = iter(places)
        waiting += [([next(at) for _ in part.written], part) for part in parts]
        if not more or sum(len(part.open) for _, part in waiting) > CPU_ROWS:
            found |= _finished(waiting)
            waiting = []
        if progress is not None:
            progress(len(places))
    return [found[place] for place in range(len(prompts))]


def _finished(waiting: Sequence[tuple[list[int], Batch]]) -> dict[int, Written]:
    """Go on with all that waits, as one batch, to its end."""
    open_ = [part for _, part in waiting if part.open]
    for part in open_[1:]:
        open_[0].take_in(part)
    for one in open_[:1]:
        _go_on_with(one, 0)
    return {
        place: answer
        for places, part in waiting
        for place, answer in zip(places, part.written, strict=True)
    }


def write_on(
    model: LanguageModel,
    prompt: Prompt,
    writing: Writing = GREEDY,
    kind: type[Batch] | None = None,
) -> Iterator[tuple[int, bool]]:
    """The tokens of one answer as they come, each with whether it ends the answer."""
    batch = (kind or Batch)(model, model.module, [prompt], writing)
    while batch.open:
        yield from batch.step()


def _batches(prompts: Sequence[Prompt], device: torch.device) -> Iterator[list[int]]:
    """Places of prompts that go together, longest first."""
    on_cpu = device.type == "cpu"
    tokens, rows = (CPU_TOKENS, CPU_ROWS) if on_cpu else (GPU_TOKENS, GPU_ROWS)
    part: list[int] = []
    longest = 0
    for place in sorted(range(len(prompts)), key=lambda place: -len(prompts[place].ids)):
        needed = max(longest, len(prompts[place].ids) + prompts[place].room)
        if part and ((len(part) + 1) * needed > tokens or len(part) == rows):
            yield part
            part, needed = [], len(prompts[place].ids) + prompts[place].room
        part.append(place)
        longest = needed
    if part:
        yield part


def _in_parts(
    kind: type[Batch],
    model: LanguageModel,
    module: Any,
    prompts: Sequence[Prompt],
    writing: Writing,
    left: int,
    at_once: int,
) -> list[Batch]:
    """Batches of so many prompts, each gone on with until so few answers are left open."""
    parts = []
    for start in range(0, len(prompts), at_once):
        batch = kind(model, module, prompts[start : start + at_once], writing)
        _go_on_with(batch, left)
        parts.append(batch)
    return parts


def _go_on_with(batch: Batch, left: int) -> None:
    """Until so few answers are left open, but by a step at least; to its end where it can't be
    joined with others."""
    left = left if batch.joins else 0
    for _ in batch.step():
        pass
    while len(batch.open) > left:
        for _ in batch.step():
            pass


@dataclass(slots=True)
class _Answer:
    """One answer on its way: what a :class:`Written` will have, the tokens that it may have, and
    what its tokens are drawn with."""

    room: int
    chance: torch.Generator | None
    ids: list[int] = field(default_factory=list)
    ended: bool = False
    lead: float = float("inf")


class Batch:
    """Some answers on their way."""

    _cache: Any
    _mask: torch.Tensor
    _next: torch.Tensor | None = None

    def __init__(
        self, model: LanguageModel, module: Any, prompts: Sequence[Prompt], writing: Writing
    ) -> None:
        self._model, self._module = model, module
        self._writing = writing
        self._answers = [_Answer(one.room, _chance(writing, one.ids)) for one in prompts]
        #: Those that are still written; a row of the tensors below each.
        self.open = list(self._answers)
        self._begin(prompts)

    @property
    def written(self) -> list[Written]:
        return [Written(one.ids, one.ended, one.lead) for one in self._answers]

    def step(self) -> Iterator[tuple[int, bool]]:
        """One token for each open answer, and whether it ends the answer."""
        taken = self._taken(self._logits())
        still = []
        for row, (answer, token) in enumerate(zip(self.open, taken, strict=True)):
            answer.ids.append(token)
            answer.ended = token in self._model.speech.ends
            if not answer.ended and len(answer.ids) < answer.room:
                still.append(row)
            yield token, answer.ended
        self._keep(still, taken)

    @property
    def joins(self) -> bool:
        """Whether others of its kind can be taken in: where keys and values are all that is kept
        of each token."""
        from transformers.cache_utils import DynamicCache, DynamicLayer

        kept = self._cache
        return isinstance(kept, DynamicCache) and all(
            type(layer) is DynamicLayer for layer in kept.layers
        )

    def take_in(self, other: Batch) -> None:
        """Go on with another one's open answers as well. Both have made a step, and have some."""
        assert self._next is not None and other._next is not None
        longest = max(self._mask.shape[1], other._mask.shape[1])
        for mine, theirs in zip(self._cache.layers, other._cache.layers, strict=True):
            mine.keys = _one_below_another(mine.keys, theirs.keys, 2, longest - 1)
            mine.values = _one_below_another(mine.values, theirs.values, 2, longest - 1)
        self._mask = _one_below_another(self._mask, other._mask, 1, longest)
        self._next = torch.cat([self._next, other._next])
        self.open += other.open
        other.open, other._cache = [], None

    def _begin(self, prompts: Sequence[Prompt]) -> None:
        begun = begin(self._model, self._module, [list(prompt.ids) for prompt in prompts])
        self._cache, self._mask = begun.cache, begun.mask
        self._first = begun.logits

    def _logits(self) -> torch.Tensor:
        if self._next is None:
            return self._first
        return next_logits(self._module, self._next, self._mask, self._cache)

    def _taken(self, logits: torch.Tensor) -> list[int]:
        best = logits.topk(2, dim=1)
        for answer, (first, second) in zip(self.open, best.values.tolist(), strict=True):
            answer.lead = min(answer.lead, first - second)
        if self._writing.temperature <= 0:
            taken: list[int] = best.indices[:, 0].tolist()
            return taken
        # From the best downwards, or a very low temperature would leave nothing finite.
        below = (logits - best.values[:, :1]) / self._writing.temperature
        odds = _nucleus(below, self._writing.top_p).cpu()
        return [
            int(torch.multinomial(of_row, 1, generator=answer.chance))
            for answer, of_row in zip(self.open, odds, strict=True)
        ]

    def _keep(self, still: list[int], taken: list[int]) -> None:
        """Go on with these rows alone."""
        gone = len(still) < len(self.open)
        self.open = [self.open[row] for row in still]
        if not self.open:
            self._cache = None  # its memory is others' from here on
            return
        device = self._model.device
        self._next = torch.tensor([[taken[row]] for row in still], device=device)
        self._go_on(torch.tensor(still, device=device) if gone else None)

    def _go_on(self, rows: torch.Tensor | None) -> None:
        """Make room for the tokens that come, of these rows alone."""
        if rows is not None:
            self._cache.batch_select_indices(rows)
            self._mask = self._mask[rows]
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], dim=1)


def _one_below_another(
    one: torch.Tensor, other: torch.Tensor, of_tokens: int, longest: int
) -> torch.Tensor:
    """The rows of both; ``of_tokens`` is the dimension that is filled up on the left."""
    whole = one.new_zeros(
        (len(one) + len(other), *one.shape[1:of_tokens], longest, *one.shape[of_tokens + 1 :])
    )
    for rows, part in ((slice(len(one)), one), (slice(len(one), None), other)):
        whole[rows].narrow(of_tokens, longest - part.shape[of_tokens], part.shape[of_tokens]).copy_(
            part
        )
    return whole


def _nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Probabilities, (rows, tokens), of the likeliest tokens that together have so much."""
    odds = logits.softmax(1)
    if top_p >= 1:
        return odds
    ranked, order = odds.sort(dim=1, descending=True)
    before = ranked.cumsum(1) - ranked
    ranked[before >= top_p] = 0.0
    return torch.zeros_like(odds).scatter(1, order, ranked)


def _chance(writing: Writing, ids: Sequence[int]) -> torch.Generator | None:
    if writing.temperature <= 0:
        return None
    known = hashlib.blake2b(repr((writing.seed, list(ids))).encode(), digest_size=8)
    return torch.Generator().manual_seed(int.from_bytes(known.digest()) >> 1)
