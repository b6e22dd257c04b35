"""Texts into vectors.

A batch holds only texts of equal length. So nothing is padded, no mask is needed, and a text's
vector doesn't depend on its neighbours: one text and a thousand, cached or not, give the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
from torch.nn.functional import normalize

from .base_model import BaseModel

__all__ = ["Encoder"]

#: Tokens in a batch. Small ones stay in a core's cache: 512 was fastest on every CPU measured.
CPU_TOKENS = 512
GPU_TOKENS = 32_768
#: Texts that are tokenised at once, so that a large set isn't held as tokens.
TOKENISED_AT_ONCE = 16_384

Progress = Callable[[int], None]


class Encoder(BaseModel):
    """A base model that turns texts into vectors of equal length."""

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> torch.Tensor:
        """The vectors of these texts: float32 on the CPU, (texts, dimensions), in order.

        ``progress`` is told how many texts were done since it was told last.
        """
        vectors = torch.empty(len(texts), self.dimensions)
        # Around all batches, so that weights are turned into bf16 once.
        with self.autocast():
            for start in range(0, len(texts), TOKENISED_AT_ONCE):
                part = list(texts[start : start + TOKENISED_AT_ONCE])
                for places, ids in self._batches(part):
                    vectors[[start + place for place in places]] = self._forward(ids)
                    if progress is not None:
                        progress(len(places))
        return vectors

    def _batches(self, texts: list[str]) -> Iterator[tuple[list[int], torch.Tensor]]:
        by_length: dict[int, list[int]] = defaultdict(list)
        encoded = []
        for place, encoding in enumerate(self.tokenizer.encode_batch_fast(texts)):
            # A tokenizer without special tokens makes nothing of an empty text.
            ids = encoding.ids or [0]
            encoded.append(ids)
            by_length[len(ids)].append(place)
        budget = CPU_TOKENS if self.device.type == "cpu" else GPU_TOKENS
        for length, places in sorted(by_length.items()):
            size = max(1, budget // max(1, length))
            for start in range(0, len(places), size):
                batch = places[start : start + size]
                yield batch, torch.tensor([encoded[place] for place in batch])

    def _forward(self, ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            hidden = self.module(input_ids=ids.to(self.device)).last_hidden_state.float()
        pooled = hidden[:, 0] if self.base.pooling == "cls" else hidden.mean(1)
        # Always of length 1: a head's penalty and a description's similarity both assume it.
        return normalize(pooled, dim=-1).cpu()
