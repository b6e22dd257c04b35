"""Answers of a language model to conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from ...shapes import Failure, Said, Turns
from ..base_model import choose_device, choose_precision
from ..card import Artifact
from ..loading import Kept
from ..recipe import GREEDY, Writing
from .generation import Prompt, Written, write, write_on
from .language_model import LanguageModel, narrowed
from .narrow_writing import narrow_copy, write_many
from .scoring import choice_odds
from .sequences import read_asked

__all__ = ["ROOM", "Conversing", "answering", "cut_short", "trained_in"]

#: So few answers are quick enough as they are.
MANY = 24
#: The tokens that an answer may have where nothing was learnt from.
ROOM = 512


class Conversing:
    """A language model that answers. Nothing in it changes but a copy that is made once.

    Args:
        card: what the artifact says about itself.
        model: in the precision that answers are given in.
        quick: whether many answers may be written in bf16 first: see :mod:`.narrow_writing`.
        writing: how tokens are taken where no set of answers is given.
    """

    def __init__(
        self,
        card: Artifact,
        model: LanguageModel,
        *,
        quick: bool = False,
        writing: Writing = GREEDY,
    ) -> None:
        self.card = card
        self._model, self._quick, self._writing = model, quick, writing
        self._room = int(card.options.get("room", ROOM))

    def predict(
        self, inputs: Sequence[Turns], progress: Callable[[int], None] | None = None
    ) -> list[Said | Failure]:
        """An answer to each conversation, in order. One with choices gets the likeliest of them,
        with the probability of each."""
        found: dict[int, Said | Failure] = {}
        free: dict[int, Prompt] = {}
        closed = defaultdict[tuple[str, ...], dict[int, list[int]]](dict)
        for place, asked in enumerate(inputs):
            read = read_asked(self._model.speech, asked, self._limit)
            if read.refused is not None:
                found[place] = Failure(*read.refused)
            elif asked.choices:
                closed[asked.choices][place] = read.ids
            else:
                free[place] = self._prompt(read.ids, self._writing)
        if progress is not None and found:
            progress(len(found))
        for choices, prompts in closed.items():
            chosen = self._chosen(list(prompts.values()), choices, progress)
            found |= dict(zip(prompts, chosen, strict=True))
        written = self._written(list(free.values()), progress)
        found |= dict(zip(free, map(self._said, written), strict=True))
        return [found[place] for place in range(len(inputs))]

    def write(self, asked: Turns, writing: Writing) -> Iterator[str | Failure]:
        """One answer in pieces, as they are written; a Failure is the last of them."""
        speech = self._model.speech
        read = read_asked(speech, asked, self._limit)
        if read.refused is not None:
            yield Failure(*read.refused)
            return
        ids, said, ended = list[int](), "", False
        for token, ended in write_on(self._model, self._prompt(read.ids, writing), writing):
            ids.append(token)
            text = speech.said(ids)
            # A character of several tokens isn't there before the last of them.
            if len(text) > len(said) and (ended or not text.endswith("\ufffd")):
                yield text[len(said) :]
                said = text
        if not ended:
            yield cut_short(len(ids))

    @property
    def _limit(self) -> int:
        return self.card.base.limit

    def _prompt(self, ids: Sequence[int], writing: Writing) -> Prompt:
        return Prompt(ids, min(writing.max_tokens or self._room, self._limit - len(ids)))

    def _chosen(
        self,
        prompts: Sequence[list[int]],
        choices: Sequence[str],
        progress: Callable[[int], None] | None,
    ) -> Iterator[Said]:
        odds = choice_odds(self._model, self._model.module, prompts, choices, progress)
        for of_prompt in odds:
            # Stable, so that choices of equal probability keep their order.
            ranked = sorted(zip(choices, of_prompt, strict=True), key=lambda one: -one[1])
            yield Said(ranked[0][0], tuple(ranked))

    def _written(
        self, prompts: Sequence[Prompt], progress: Callable[[int], None] | None
    ) -> list[Written]:
        if not prompts:
            return []
        if self._quick and self._writing.temperature <= 0 and len(prompts) >= MANY:
            return write_many(self._model, self._narrow, prompts, progress)
        return write(self._model, self._model.module, prompts, self._writing, progress)

    @cached_property
    def _narrow(self) -> Any:
        return narrow_copy(self._model.module)

    def _said(self, answer: Written) -> Said | Failure:
        if not answer.ended:
            return cut_short(len(answer.ids))
        return Said(self._model.speech.said(answer.ids))


def cut_short(tokens: int) -> Failure:
    """An answer that was ended by us."""
    return Failure("cut-short", f"the answer didn't end within {tokens:,} tokens. Raise max_tokens")


def answering(kept: Kept) -> Conversing:
    """Load a language model.

    On a GPU it answers in the precision that it was trained in: a second copy of a large model
    wouldn't fit.

    Raises:
        ModelError: what was trained can't be read, or doesn't fit.
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    auto = kept.precision == "auto"
    device = choose_device(kept.device)
    if auto and device.type != "cpu":
        kept = kept._replace(precision=trained_in(kept.card))
    model = kept.model(LanguageModel)
    if model.precision == "bf16":
        narrowed(model.module)
    quick = auto and device.type == "cpu" and choose_precision("auto", device) == "bf16"
    return Conversing(kept.card, model, quick=quick, writing=kept.writing)


def trained_in(card: Artifact) -> Any:
    """The precision that a model was trained in."""
    return card.precision if card.precision in ("fp32", "bf16") else "fp32"
