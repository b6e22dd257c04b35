"""Answers, token by token, for many prompts at once.

Prompts of nearly the same length go together, and a row that has ended leaves its batch. Answers
are greedy unless a temperature is given; what is drawn then depends on the seed and the prompt
alone, so an answer is the same whatever else is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
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
    found: list[Written | None] = [None] * len(prompts)
    for places in _batches(prompts, model.device):
        some = [prompts[place] for place in places]
        answers = with_less(partial(_in_parts, kind, model, module, some, writing), len(some))
        for place, answer in zip(places, answers, strict=True):
            found[place] = answer
        if progress is not None:
            progress(len(places))
    return [one for one in found if one is not None]


def write_on(
    model: LanguageModel,
    prompt: Prompt,
    writing: Writing = GREEDY,
    kind: type[Batch] | None = None,
) -> Iterator[tuple[int, bool]]:
    """The tokens of one answer as they come, each with whether it ends the answer."""
    batch = (kind or Batch)(model, model.module, [prompt], writing)
    while batch.open:
        for _, token, ended in batch.step():
            yield token, ended


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
    at_once: int,
) -> list[Written]:
    found = []
    for start in range(0, len(prompts), at_once):
        batch = kind(model, module, prompts[start : start + at_once], writing)
        while batch.open:
            for _ in batch.step():
                pass
        found += batch.written
    return found


class Batch:
    """Some answers on their way."""

    def __init__(
        self, model: LanguageModel, module: Any, prompts: Sequence[Prompt], writing: Writing
    ) -> None:
        self._model, self._module = model, module
        self._writing = writing
        self._ids: list[list[int]] = [[] for _ in prompts]
        self._ended = [False] * len(prompts)
        self._leads = [float("inf")] * len(prompts)
        self._room = [prompt.room for prompt in prompts]
        self._chance = [_chance(writing, prompt.ids) for prompt in prompts]
        #: The answers that are still written, by their places; a row of the tensors below each.
        self.open = list(range(len(prompts)))
        self._begin(prompts)

    @property
    def written(self) -> list[Written]:
        return [Written(*one) for one in zip(self._ids, self._ended, self._leads, strict=True)]

    def step(self) -> Iterator[tuple[int, int, bool]]:
        """One token for each open answer: its place, the token, and whether it ends the answer."""
        logits = self._logits()
        taken = self._taken(logits)
        still = []
        for row, (place, token) in enumerate(zip(self.open, taken, strict=True)):
            self._ids[place].append(token)
            self._ended[place] = token in self._model.speech.ends
            if not self._ended[place] and len(self._ids[place]) < self._room[place]:
                still.append(row)
            yield place, token, self._ended[place]
        self._keep(still, taken)

    def _begin(self, prompts: Sequence[Prompt]) -> None:
        begun = begin(self._model, self._module, [list(prompt.ids) for prompt in prompts])
        self._cache, self._mask = begun.cache, begun.mask
        self._next: torch.Tensor | None = None
        self._first = begun.logits

    def _logits(self) -> torch.Tensor:
        if self._next is None:
            return self._first
        return next_logits(self._module, self._next, self._mask, self._cache)

    def _taken(self, logits: torch.Tensor) -> list[int]:
        best = logits.topk(2, dim=1)
        for place, (first, second) in zip(self.open, best.values.tolist(), strict=True):
            self._leads[place] = min(self._leads[place], first - second)
        if self._writing.temperature <= 0:
            taken: list[int] = best.indices[:, 0].tolist()
            return taken
        # From the best downwards, or a very low temperature would leave nothing finite.
        below = (logits - best.values[:, :1]) / self._writing.temperature
        odds = _nucleus(below, self._writing.top_p).cpu()
        return [
            int(torch.multinomial(of_row, 1, generator=self._chance[place]))
            for place, of_row in zip(self.open, odds, strict=True)
        ]

    def _keep(self, still: list[int], taken: list[int]) -> None:
        """Go on with these rows alone."""
        gone = len(still) < len(self.open)
        self.open = [self.open[row] for row in still]
        if not self.open:
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
