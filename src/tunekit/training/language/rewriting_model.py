"""A model that reads a text and writes another one (an encoder and a decoder)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import torch
from torch.nn.functional import cross_entropy

from ..padding import pad
from .generation import Batch, Prompt
from .language_model import LanguageModel, with_cache

__all__ = ["Rewrite", "Rewriting", "RewritingBatch", "RewritingModel", "Script"]


class Script:
    """The tokens of texts that are read and written: see :class:`.speech.Speech`.

    Args:
        tokenizer: of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def read(self, text: str) -> list[int]:
        """The tokens of a text that is read."""
        ids: list[int] = self._tokenizer(text)["input_ids"]
        return ids

    def answer(self, text: str) -> list[int]:
        """The tokens of a text that is written, with the one that ends it."""
        ids: list[int] = self._tokenizer(text_target=text)["input_ids"]
        return ids if ids and ids[-1] in self.ends else [*ids, *self.ends]

    def said(self, ids: Sequence[int]) -> str:
        """The text of an answer's tokens."""
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    @cached_property
    def ends(self) -> frozenset[int]:
        """The token that ends an answer."""
        return frozenset((int(self._tokenizer.eos_token_id),))

    @cached_property
    def filler(self) -> int:
        """A token to fill up shorter rows with, which is never read."""
        usual = self._tokenizer.pad_token_id
        return next(iter(self.ends)) if usual is None else int(usual)


class RewritingModel(LanguageModel):
    """A base model that rewrites."""

    loader: ClassVar[str] = "AutoModelForSeq2SeqLM"

    @cached_property
    def speech(self) -> Any:
        return Script(self.tokenizer)

    @property
    def start(self) -> int:
        """The token that stands before every answer."""
        config = self.module.config
        stated = getattr(config, "decoder_start_token_id", None)
        return int(self.speech.filler if stated is None else stated)


class Rewrite(NamedTuple):
    """The tokens of a text, and of what it becomes."""

    read: list[int]
    said: list[int]

    @property
    def ids(self) -> list[int]:
        """All of them."""
        return [*self.read, *self.said]

    @property
    def learnt(self) -> int:
        """Tokens that count in the loss."""
        return len(self.said)


class Rewriting(torch.nn.Module):
    """A model that says how surprised it is by what texts become: as
    :class:`.completion.Completion`."""

    def __init__(self, model: RewritingModel) -> None:
        super().__init__()
        self.language = model.module
        self._model = (model,)  # in a tuple, since it is no part of what is trained

    def forward(self, rows: Sequence[Rewrite]) -> torch.Tensor:
        """The negative log-likelihood of each token that is written, row after row: (tokens,)."""
        model = self._model[0]
        filler = model.speech.filler
        read = pad([row.read for row in rows], model.device, filler=filler)
        said = pad([row.said for row in rows], model.device, filler=filler)
        before = torch.cat([torch.full_like(said.ids[:, :1], model.start), said.ids[:, :-1]], dim=1)
        with model.autocast():
            odds = self.language(
                input_ids=read.ids,
                attention_mask=read.mask,
                decoder_input_ids=before,
                use_cache=False,
            ).logits
        there = said.mask.bool()
        return cross_entropy(odds[there].float(), said.ids[there], reduction="none")


class RewritingBatch(Batch):
    """Some texts on their way to be rewritten."""

    def _begin(self, prompts: Sequence[Prompt]) -> None:
        from transformers import DynamicCache, EncoderDecoderCache

        model = self._model
        assert isinstance(model, RewritingModel)
        read = pad([prompt.ids for prompt in prompts], model.device, filler=model.speech.filler)
        with torch.inference_mode():
            encoder = self._module.get_encoder()
            self._states = encoder(input_ids=read.ids, attention_mask=read.mask).last_hidden_state
        self._mask = read.mask
        self._next = torch.full((len(prompts), 1), model.start, device=model.device)
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def _logits(self) -> torch.Tensor:
        from transformers.modeling_outputs import BaseModelOutput

        with torch.inference_mode():
            out = self._module(
                encoder_outputs=BaseModelOutput(last_hidden_state=self._states),
                attention_mask=self._mask,
                decoder_input_ids=self._next,
                use_cache=True,
                **with_cache(self._module, self._cache),
            )
        logits: torch.Tensor = out.logits[:, -1].float()
        return logits

    def _go_on(self, rows: torch.Tensor | None) -> None:
        if rows is not None:
            self._cache.batch_select_indices(rows)
            self._mask, self._states = self._mask[rows], self._states[rows]
