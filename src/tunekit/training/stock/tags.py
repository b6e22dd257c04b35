"""Labelled spans for texts by a stock token classifier.

A text is cut into words as it was for training, and the first token of a word says its tag: of all
tokens of a word, that one was trained in any case. Texts longer than the model reads go through it
in windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ...formats.iob import spans_of_tags
from ...formats.words import words_of
from ...shapes import Failure, Marks, Passage, Span
from ..card import Artifact
from ..encoder import Progress
from ..loading import Kept
from ..span_tagger import tag_logits
from ..windows import Window, Windows
from .description import TAGS
from .labels import require_columns
from .model import StockTagger

__all__ = ["Spans", "answering"]

#: Passages that are tokenised at once, so that a large set isn't held as tokens.
TOKENISED_AT_ONCE = 4_096


class _Read(NamedTuple):
    """A text: its words, the word of each token, and its windows."""

    words: list[tuple[int, int]]
    word_of_token: list[int]
    windows: list[Window]


class _Tagger(torch.nn.Module):
    """The model as :func:`tag_logits` calls it."""

    def __init__(self, model: StockTagger) -> None:
        super().__init__()
        self._model = (model,)  # in a tuple, since its module is no part of this one

    def forward(self, ids: torch.Tensor, mask: None, types: torch.Tensor) -> torch.Tensor:
        return self._model[0].logits(ids, types)


class Spans:
    """A stock token classifier. Nothing in it changes."""

    def __init__(self, card: Artifact, model: StockTagger) -> None:
        self.card = card
        self._tags: list[str] = list(card.options[TAGS])
        self._windows = Windows(model.tokenizer, card.max_length)
        self._tokenizer: Any = model.tokenizer
        self._module = _Tagger(model)
        self._device = torch.device(model.device)

    def predict(
        self, passages: Sequence[Passage], progress: Progress | None = None
    ) -> list[Marks | Failure]:
        """The spans of each passage, in order."""
        answers: list[Marks | Failure] = []
        for start in range(0, len(passages), TOKENISED_AT_ONCE):
            answers += self._answers(passages[start : start + TOKENISED_AT_ONCE], progress)
        return answers

    def _answers(
        self, passages: Sequence[Passage], progress: Progress | None
    ) -> list[Marks | Failure]:
        found: list[Marks | Failure] = [
            Marks(())
            if passage.context is None
            else Failure("wrong-input", "this model reads a text without context")
            for passage in passages
        ]
        asked = [place for place, one in enumerate(found) if isinstance(one, Marks)]
        read = self._read([passages[place].text for place in asked])
        windows = [(place, one) for place, text in enumerate(read) for one in text.windows]
        parts: dict[int, dict[int, list[int]]] = {}
        done = len(passages) - sum(1 for text in read if text.windows)
        if progress is not None and done:
            progress(done)
        for batch, logits in tag_logits(self._module, [one for _, one in windows], self._device):
            for number, of_window in zip(batch, logits, strict=True):
                place, window = windows[number]
                of_text = parts.setdefault(place, {})
                of_text[window.begin] = of_window.argmax(1).tolist()
                if len(of_text) == len(read[place].windows):
                    whole = [tag for _, part in sorted(parts.pop(place).items()) for tag in part]
                    found[asked[place]] = Marks(self._spans(read[place], whole))
                    if progress is not None:
                        progress(1)
        return found

    def _read(self, texts: Sequence[str]) -> list[_Read]:
        words = [words_of(text) for text in texts]
        encoded = self._tokenizer.encode_batch(
            [
                [text[start:end] for start, end in of_text]
                for text, of_text in zip(texts, words, strict=True)
            ],
            is_pretokenized=True,
            add_special_tokens=False,
        )
        return [
            _Read(of_text, encoding.word_ids, self._windows.cut(encoding.ids, [])[0])
            for of_text, encoding in zip(words, encoded, strict=True)
        ]

    def _spans(self, read: _Read, tags: Sequence[int]) -> tuple[Span, ...]:
        first: dict[int, str] = {}
        for word, tag in zip(read.word_of_token, tags, strict=True):
            first.setdefault(word, self._tags[tag])
        # A word without a token, such as an invisible sign, parts no span.
        places = [read.words[word] for word in first]
        return tuple(
            Span(places[start][0], places[end - 1][1], label)
            for start, end, label in spans_of_tags(first.values())
        )


def answering(kept: Kept) -> Spans:
    """Load a stock token classifier.

    Raises:
        ModelError: its outputs aren't the tags that its card names.
        WeightsError: the weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    model = kept.model(StockTagger)
    require_columns(kept.card, model.module, len(kept.card.options.get(TAGS, ())))
    return Spans(kept.card, model)
