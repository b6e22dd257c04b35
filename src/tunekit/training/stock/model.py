"""A stock model with its tokenizer, and the logits that it gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import torch

from ..base_model import BaseModel, load_module
from ..batches import within
from ..encoder import CPU_TOKENS, GPU_TOKENS
from ..memory import with_less
from ..pooled import Tokens

__all__ = ["StockClassifier", "StockModel", "StockTagger"]

#: A number that no token has.
NO_TOKEN = -1


class StockModel(BaseModel):
    """A model whose head is in the file of its weights. ``module`` gives logits."""

    def _load(self, path: Path, own: Mapping[str, torch.Tensor] | None, dtype: torch.dtype) -> Any:
        # A head may stand on the pooler, which has no part in vectors elsewhere.
        return load_module(self.base, path, self.loader, dtype, whole=True).to(self.device)

    @cached_property
    def tells_apart(self) -> bool:
        """Whether the model is told which of two texts a token is of."""
        takes = "token_type_ids" in inspect.signature(self.module.forward).parameters
        return takes and getattr(self.module.config, "type_vocab_size", 0) > 1

    def logits(self, ids: torch.Tensor, types: torch.Tensor | None) -> torch.Tensor:
        """Logits of rows of equal length, in float32."""
        more = {"token_type_ids": types} if types is not None and self.tells_apart else {}
        with self.autocast():
            found: torch.Tensor = self.module(input_ids=ids, **more).logits
        return found.float()


class StockClassifier(StockModel):
    """Logits for texts: of labels, or one for a score."""

    loader: ClassVar[str] = "AutoModelForSequenceClassification"

    def _load(self, path: Path, own: Mapping[str, torch.Tensor] | None, dtype: torch.dtype) -> Any:
        module = super()._load(path, own, dtype)
        # A model that goes on writing looks for a row's last token that fills nothing up. Rows here
        # are never filled up, so that it is the last, even where a text ends with that token.
        module.config.get_text_config().pad_token_id = NO_TOKEN
        return module

    def of_texts(
        self, texts: Sequence[Tokens], progress: Callable[[int], None] | None = None
    ) -> torch.Tensor:
        """The logits of each text, in order: (texts, outputs), on the CPU.

        A batch has texts of equal length only, so that nothing is filled up and a text's logits
        don't depend on what else is asked.
        """
        found: dict[int, torch.Tensor] = {}
        for batch in self._batches(texts):
            ids = torch.tensor([texts[place].ids for place in batch])
            types = torch.tensor(
                [texts[place].types or [0] * len(texts[place].ids) for place in batch]
            )
            rows = with_less(partial(self._rows, ids, types), len(batch))
            found |= dict(zip(batch, rows, strict=True))
            if progress is not None:
                progress(len(batch))
        return torch.stack([found[place] for place in range(len(texts))])

    def _batches(self, texts: Sequence[Tokens]) -> Iterator[list[int]]:
        lengths = [len(text.ids) for text in texts]
        by_length: dict[int, list[int]] = {}
        for place, length in enumerate(lengths):
            by_length.setdefault(length, []).append(place)
        budget = CPU_TOKENS if self.device.type == "cpu" else GPU_TOKENS
        for _, places in sorted(by_length.items()):
            yield from within(lengths, places, budget)

    def _rows(self, ids: torch.Tensor, types: torch.Tensor, at_once: int) -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat(
                [
                    self.logits(some.to(self.device), of_some.to(self.device)).cpu()
                    for some, of_some in zip(ids.split(at_once), types.split(at_once), strict=True)
                ]
            )


class StockTagger(StockModel):
    """Logits for tokens."""

    loader: ClassVar[str] = "AutoModelForTokenClassification"
