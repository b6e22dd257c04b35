"""Labelled spans for texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..errors import ModelError
from ..shapes import Marks, Passage
from .artifact import read_tensors
from .base_model import BaseModel
from .card import CARD, HEAD, Artifact
from .encoder import Progress
from .loading import Kept
from .span_reader import SpanReader, decoded
from .span_tagger import Tagger
from .windows import Windows

__all__ = ["WHOLE_WORDS", "Spans", "answering", "tagger_of"]

#: Among the options of an artifact: whether spans begin and end where words do.
WHOLE_WORDS = "whole_words"


class Spans:
    """A tagger. Nothing in it changes."""

    def __init__(self, card: Artifact, reader: SpanReader) -> None:
        self.card = card
        self._reader = reader

    def predict(self, passages: Sequence[Passage], progress: Progress | None = None) -> list[Marks]:
        """The spans of each passage, in order."""
        found = [Marks(())] * len(passages)
        words = bool(self.card.options[WHOLE_WORDS])
        for place, read in self._reader.read(passages):
            text = passages[place].text
            found[place] = Marks(decoded(text, read, self.card.labels, words=words))
            if progress is not None:
                progress(1)
        return found


def answering(kept: Kept) -> Spans:
    """Load a tagger with its encoder; raises as :func:`tagger_of` does."""
    card = kept.card
    model, module = tagger_of(kept)
    windows = Windows(model.tokenizer, card.max_length)
    return Spans(card, SpanReader(windows, module, torch.device(model.device)))


def tagger_of(kept: Kept) -> tuple[BaseModel, Tagger]:
    """The base model and the tagger of an artifact.

    Raises:
        ModelError: it can't be read, or doesn't fit.
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    card, artifact = kept.card, kept.folder
    model = kept.model(BaseModel)
    if WHOLE_WORDS not in card.options:
        raise ModelError(f"{artifact / CARD} lacks {WHOLE_WORDS}. Train again, or copy it again.")
    module = Tagger(model, 2 * len(card.labels) + 1)
    tensors = read_tensors(artifact, HEAD)
    try:
        module.head.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(
            f"{artifact / HEAD} doesn't fit {card.base.name} and the {len(card.labels)} labels of "
            f"{CARD}. Train again, or copy it again."
        ) from error
    return model, module.eval()
