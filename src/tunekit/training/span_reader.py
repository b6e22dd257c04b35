"""A trained tagger at work: passages in, the logits of their tokens out, however long they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..shapes import Passage, Span
from .alignment import Offsets, begins_word, spans_of
from .span_tagger import Tagger, tag_logits
from .tag_path import best_tags
from .windows import Reading, Windows

__all__ = ["Read", "SpanReader", "decoded"]

#: Passages that are tokenised at once, so that a large set isn't held as tokens.
TOKENISED_AT_ONCE = 4_096


class Read(NamedTuple):
    """A passage's tokens: where they are, and what the tagger says of them, (tokens, tags)."""

    offsets: Offsets
    logits: Any


class SpanReader:
    """A tagger with the tokenizer that it reads with."""

    def __init__(self, windows: Windows, module: Tagger, device: torch.device) -> None:
        self.windows = windows
        self._module = module
        self._device = device

    def read(self, passages: Sequence[Passage]) -> Iterator[tuple[int, Read]]:
        """All passages with their places, each as soon as it has been read to its end."""
        for start in range(0, len(passages), TOKENISED_AT_ONCE):
            readings = self.windows.read(passages[start : start + TOKENISED_AT_ONCE])
            for place, read in self.judge(readings):
                yield start + place, read

    def judge(self, readings: Sequence[Reading]) -> Iterator[tuple[int, Read]]:
        """The same for passages in tokens."""
        windows = [(place, one) for place, read in enumerate(readings) for one in read.windows]
        found: dict[int, dict[int, torch.Tensor]] = {}
        for place, reading in enumerate(readings):
            if not reading.windows:
                yield place, Read([], np.zeros((0, 1)))
        for batch, logits in tag_logits(self._module, [one for _, one in windows], self._device):
            for number, of_window in zip(batch, logits, strict=True):
                place, window = windows[number]
                parts = found.setdefault(place, {})
                parts[window.begin] = of_window
                if len(parts) == len(readings[place].windows):
                    whole = torch.cat([part for _, part in sorted(found.pop(place).items())])
                    yield place, Read(readings[place].offsets, whole.numpy())


def decoded(text: str, read: Read, labels: Sequence[str], *, words: bool) -> tuple[Span, ...]:
    """The spans of a text that has been read, in order; with ``words``, of whole words only."""
    begins = begins_word(text, read.offsets) if words else None
    return tuple(spans_of(best_tags(read.logits, begins), read.offsets, labels))
