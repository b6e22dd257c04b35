"""Texts and what they become, by a model that reads the one and writes the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ...shapes import Example, Failure, Passage, Said
from ..base_model import choose_device
from ..card import Artifact
from ..habits import SPOKEN
from ..loading import Kept
from ..recipe import GREEDY, Writing
from ..work import Learnt, Work
from .answers import teach
from .conversing import ROOM, cut_short, trained_in
from .generation import Prompt, write
from .language_model import narrowed
from .reading import read_parts
from .rewriting_model import Rewrite, Rewriting, RewritingBatch, RewritingModel

__all__ = ["answering", "learn"]


def learn(work: Work) -> Learnt:
    """Train on texts and what they become, and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    recipe = work.recipe
    weights: Literal["full", "lora"] = "full" if recipe.method == "full" else "lora"
    model = RewritingModel.of(recipe, narrow=weights == "lora")
    work.timings.done("load")

    def read(example: Example) -> Rewrite | str:
        asked, target = example
        assert isinstance(asked, Passage)
        assert isinstance(target, Said)
        row = Rewrite(model.speech.read(asked.text), model.speech.answer(target.text))
        longest = max(len(row.read), len(row.said))
        if longest > recipe.max_length:
            return f"a text has {longest:,} tokens, and there is room for {recipe.max_length:,}"
        return row

    rows, held_out = read_parts(work, SPOKEN, read)
    work.timings.done("start")
    return teach(work, model, weights, Rewriting, rows, held_out)


class Rewriter:
    """A model that rewrites texts. Nothing in it changes.

    Args:
        card: what the artifact says about itself.
        model: in the precision that answers are given in.
        writing: how tokens are taken.
    """

    def __init__(self, card: Artifact, model: RewritingModel, writing: Writing = GREEDY) -> None:
        self.card = card
        self._model, self._writing = model, writing
        self._room = writing.max_tokens or int(card.options.get("room", ROOM))

    def predict(
        self, inputs: Sequence[Passage], progress: Callable[[int], None] | None = None
    ) -> list[Said | Failure]:
        """What each text becomes, in order."""
        speech, limit = self._model.speech, self.card.base.limit
        found: list[Said | Failure | None] = [None] * len(inputs)
        prompts: list[tuple[int, Prompt]] = []
        for place, asked in enumerate(inputs):
            ids = speech.read(asked.text)
            if len(ids) > limit:
                said = f"the text has {len(ids):,} tokens, and there is room for {limit:,}"
                found[place] = Failure("too-long", said)
            else:
                prompts.append((place, Prompt(ids, self._room)))
        answers = write(
            self._model,
            self._model.module,
            [prompt for _, prompt in prompts],
            self._writing,
            progress,
            RewritingBatch,
        )
        for (place, _), answer in zip(prompts, answers, strict=True):
            ended = Said(speech.said(answer.ids)) if answer.ended else None
            found[place] = ended or cut_short(len(answer.ids))
        return [one for one in found if one is not None]


def answering(kept: Kept) -> Rewriter:
    """Load a model that rewrites.

    Raises:
        ModelError: what was trained can't be read, or doesn't fit.
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    if kept.precision == "auto" and choose_device(kept.device).type != "cpu":
        kept = kept._replace(precision=trained_in(kept.card))
    model = kept.model(RewritingModel)
    if model.precision == "bf16":
        narrowed(model.module)
    return Rewriter(kept.card, model, kept.writing)
