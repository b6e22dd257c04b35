"""Texts as a token classifier reads them: in windows, with their context beside them. No torch.

A text that is longer than a window is cut into windows that overlap. Each of its tokens is judged
in one of them: where it has most text around it. So nothing of a text goes unread.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ..shapes import Passage
from .alignment import tight

__all__ = ["Reading", "Window", "Windows"]

#: Of a window, what the next one reads again.
OVERLAP = 1 / 4
#: Of a window, what is left to the context where the text has to be cut anyhow.
FOR_CONTEXT = 1 / 4


class Window(NamedTuple):
    """What goes through the model at once.

    Of ``ids``, those from ``first`` on are tokens of the text: the ones from ``begin`` to ``end``
    (of the text's tokens) are judged here. ``types`` tells text (0) and context (1) apart.
    """

    ids: list[int]
    types: list[int]
    first: int
    begin: int
    end: int

    @property
    def places(self) -> range:
        """Where among ``ids`` the judged tokens are."""
        return range(self.first, self.first + self.end - self.begin)


class Reading(NamedTuple):
    """A passage in tokens: their offsets (tight), its windows (none where it has no tokens), and
    how many tokens of its context go unread."""

    offsets: list[tuple[int, int]]
    windows: list[Window]
    unread_context: int


class Windows:
    """Reads passages by a tokenizer of the library ``tokenizers``, of which truncation and padding
    are switched off.

    Args:
        tokenizer: it decides how a text, and a text with a context, are laid out.
        max_length: tokens of a window, special ones included.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self._tokenizer = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._alone = _layout(tokenizer, pair=False)
        self._pair = _layout(tokenizer, pair=True)
        if not self._pair.special and self._alone.special:
            # Nobody said how pairs are laid out: as they are for BERT.
            before, after = self._alone.parts[0], self._alone.parts[-1]
            self._pair = _Layout((before, after, after))
        self._max_length = max_length

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """The passages, in order."""
        texts = self._tokens(passage.text for passage in passages)
        contexts = self._tokens(passage.context or "" for passage in passages)
        return [
            self._reading(passage.text, text, context.ids)
            for passage, text, context in zip(passages, texts, contexts, strict=True)
        ]

    def _tokens(self, texts: Iterable[str]) -> list[Any]:
        encoded: list[Any] = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return encoded

    def _reading(self, text: str, encoding: Any, context: list[int]) -> Reading:
        offsets = tight(text, encoding.offsets)
        windows, unread = self.cut(encoding.ids, context)
        return Reading(offsets, windows, unread)

    def cut(self, ids: list[int], context: list[int]) -> tuple[list[Window], int]:
        """The windows over the tokens of a text and of its context, and how many of the latter go
        unread. No text has no windows."""
        if not ids:
            return [], len(context)
        layout = self._pair if context else self._alone
        room = max(1, self._max_length - layout.special)
        least = int(room * FOR_CONTEXT) if len(ids) > room else 0
        shown = context[: max(least, room - len(ids))] if context else []
        if context and not shown:
            layout = self._alone
        room = max(1, self._max_length - layout.special - len(shown))
        windows = [layout.window(ids, shown, *cut) for cut in _cuts(len(ids), room)]
        return windows, len(context) - len(shown)


class _Layout(NamedTuple):
    """Ids of special tokens: before the text, after it, and after a context."""

    parts: tuple[list[int], ...]

    @property
    def special(self) -> int:
        return sum(map(len, self.parts))

    def window(
        self, ids: list[int], context: list[int], start: int, stop: int, begin: int, end: int
    ) -> Window:
        before, after, *last = self.parts
        text = [*before, *ids[start:stop], *after]
        second = [*context, *last[0]] if last else []
        first = len(before) + begin - start
        types = [0] * len(text) + [1] * len(second)
        return Window(text + second, types, first, begin, end)


def _layout(tokenizer: Any, *, pair: bool) -> _Layout:
    """What the tokenizer puts around a text, seen on one."""
    encoding = tokenizer.encode("a", "a") if pair else tokenizer.encode("a")
    parts: list[list[int]] = [[] for _ in range(3 if pair else 2)]
    passed = 0
    for number, sequence in zip(encoding.ids, encoding.sequence_ids, strict=True):
        if sequence is None:
            parts[passed].append(number)
        else:
            passed = sequence + 1
    return _Layout(tuple(parts))


def _cuts(tokens: int, room: int) -> list[tuple[int, int, int, int]]:
    """Windows over so many tokens: where each starts and stops, and what is judged in it.

    Example:
        >>> _cuts(10, 8)
        [(0, 8, 0, 5), (2, 10, 5, 10)]
    """
    last = max(0, tokens - room)
    # As many as it takes, and evenly spread.
    more = math.ceil(last / (room - int(room * OVERLAP)))
    starts = [0, *(round(last * number / more) for number in range(1, more + 1))]
    # Between two windows, the middle of what both have: there a token has as much on either side.
    middles = [(start + room + after) // 2 for start, after in pairwise(starts)]
    edges = [0, *middles, tokens]
    return [
        (start, min(start + room, tokens), begin, end)
        for start, (begin, end) in zip(starts, pairwise(edges), strict=True)
    ]
