"""The odds of the tokens that count, and of no others.

A vocabulary has tens of thousands of tokens, so a head is a good part of a small model. It is
computed where something is learnt: behind each token of an answer but its last, and behind the
last token of the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from ..padding import pad
from .language_model import LanguageModel
from .sequences import Spoken

__all__ = ["Completion"]

#: Numbers of odds that are held at once; beyond, they are computed in parts, and once more on the
#: way back.
AT_ONCE = 1 << 26


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

    def forward(self, rows: Sequence[Spoken]) -> torch.Tensor:
        """The negative log-likelihood of each token of the answers, row after row: (tokens,)."""
        model = self._model[0]
        # Filled up on the right, where no token of a causal model looks: so no mask is needed.
        ids = pad([row.ids for row in rows], model.device, filler=self._filler).ids
        places = [
            (number, place)
            for number, row in enumerate(rows)
            for place in range(row.start - 1, len(row.ids) - 1)
        ]
        where = torch.tensor(places, device=model.device)
        truth = ids[where[:, 0], where[:, 1] + 1]
        with model.autocast():
            if not self._splits:
                odds = self.language(input_ids=ids, use_cache=False).logits
                picked = odds[where[:, 0], where[:, 1]].float()
                return cross_entropy(picked, truth, reduction="none")
            decoder = self._whole.get_decoder()
            states = decoder(input_ids=ids, use_cache=False).last_hidden_state
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
