"""The odds of the tokens that count, and of no others.

A vocabulary has tens of thousands of tokens, so a head is a good part of a small model. It is
computed where something is learnt: behind each token of an answer but its last, and behind the
last token of the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from ..padding import pad
from .beginnings import shared_beginning, states_of
from .language_model import LanguageModel, recomputes
from .sequences import Spoken

__all__ = ["Completion"]

#: Numbers of odds that are held at once; beyond, they are computed in parts, and once more on the
#: way back.
AT_ONCE = 1 << 26
#: How far states may be apart that are the same but for rounding, by precision.
CLOSE = {"fp32": 1e-4, "bf16": 5e-2}


class Completion(torch.nn.Module):
    """A language model that says how surprised it is by answers.

    Args:
        model: its module may have an adapter on it.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.language = model.module
        self._model = (model,)  # in a tuple, since it is no part of what is trained
        self._filler = model.speech.filler
        self._splits = _splits(self._whole, model)
        self._shares = self._splits and _shares(self._whole, model)

    def forward(self, rows: Sequence[Spoken]) -> torch.Tensor:
        """The negative log-likelihood of each token of the answers, row after row: (tokens,)."""
        model = self._model[0]
        ids = [row.ids for row in rows]
        shared = shared_beginning(ids, min(row.start for row in rows) - 1) if self._shareable else 0
        places = [
            (number, place - shared)
            for number, row in enumerate(rows)
            for place in range(row.start - 1, len(row.ids) - 1)
        ]
        where = torch.tensor(places, device=model.device)
        truth = torch.tensor([token for row in rows for token in row.ids[row.start :]])
        truth = truth.to(model.device)
        with model.autocast():
            if not self._splits:
                # Filled up on the right, where no token of a causal model looks: without a mask.
                filled = pad(ids, model.device, filler=self._filler).ids
                odds = self.language(input_ids=filled, use_cache=False).logits
                picked = odds[where[:, 0], where[:, 1]].float()
                return cross_entropy(picked, truth, reduction="none")
            decoder = self._whole.get_decoder()
            states = states_of(decoder, ids, shared, model.device, self._filler)
        picked = states[where[:, 0], where[:, 1]]
        size = max(1, AT_ONCE // model.vocabulary)
        if len(picked) <= size:
            return self._losses(picked, truth)
        parts = [
            checkpoint(self._losses, states, of_states, use_reentrant=False)
            for states, of_states in zip(picked.split(size), truth.split(size), strict=True)
        ]
        return torch.cat(parts)

    def _losses(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        with self._model[0].autocast():
            logits = self._head(states)
        return cross_entropy(logits.float(), truth, reduction="none")

    @property
    def _shareable(self) -> bool:
        """Whether rows may share how they begin: not where states are computed anew on the way
        back, or weights are spread over processes, which counts how often a layer is passed."""
        return (
            self._shares
            and not recomputes(self._whole)
            and not any(isinstance(one, DTensor) for one in self.language.parameters())
        )

    @property
    def _whole(self) -> Any:
        """The model of transformers, without what an adapter wraps around it."""
        return getattr(self.language, "get_base_model", lambda: self.language)()

    def _head(self, states: torch.Tensor) -> Any:
        return _scaled(self._whole, self._whole.get_output_embeddings()(states))


def _splits(whole: Any, model: LanguageModel) -> bool:
    """Whether a head on the decoder's states gives what the model gives, in this family."""
    ids = torch.arange(8, device=model.device)[None] % model.vocabulary
    was = whole.training
    whole.eval()
    try:
        with torch.no_grad(), model.autocast():
            states = whole.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
            apart = _scaled(whole, whole.get_output_embeddings()(states)).float()
            at_once = whole(input_ids=ids, use_cache=False).logits.float()
    except (AttributeError, TypeError):
        return False
    finally:
        whole.train(was)
    return bool(torch.allclose(apart, at_once, rtol=1e-3, atol=1e-3))


def _shares(whole: Any, model: LanguageModel) -> bool:
    """Whether a model of this family goes on from keys and values as if it had seen the tokens."""
    rows = [[token % model.vocabulary for token in range(start, start + 9)] for start in (0, 0)]
    was = whole.training
    whole.eval()
    decoder, filler = whole.get_decoder(), model.speech.filler
    try:
        with torch.no_grad(), model.autocast():
            alone = states_of(decoder, rows, 0, model.device, filler)[:, 5:].float()
            shared = states_of(decoder, rows, 5, model.device, filler).float()
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return False
    finally:
        whole.train(was)
    apart = (alone - shared).abs().max()
    return bool(apart <= CLOSE[model.precision] * alone.abs().max())


def _scaled(whole: Any, logits: torch.Tensor) -> torch.Tensor:
    """Logits as a model of transformers gives them: some families scale or bound them."""
    config = whole.config.get_text_config()
    if (factor := getattr(config, "logit_scale", None)) is not None:  # Cohere
        logits = logits * factor
    if (divisor := getattr(config, "logits_scaling", None)) is not None:  # Granite
        logits = logits / divisor
    if (bound := getattr(config, "final_logit_softcapping", None)) is not None:  # Gemma
        logits = bound * torch.tanh(logits / bound)
    return logits
