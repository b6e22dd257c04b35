"""Scores for the options of questions by a stock model with one output: a reward model, which
reads question and answer as one text, or a cross-encoder, which reads them as a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...errors import ModelError
from ...shapes import Order, Question
from ..answering_options import probabilities_of
from ..card import CARD, Artifact
from ..encoder import Progress
from ..language.language_model import read_tokenizer
from ..loading import Kept
from ..pooled import Tokens
from ..questions import asked, with_option
from .description import READS
from .labels import require_columns
from .model import StockClassifier

__all__ = ["Options", "answering"]

#: Questions whose texts are held at once.
AT_ONCE = 256

#: A question and one of its options, as tokens.
Read = Callable[[Question, str], Tokens]


class Options:
    """A stock model that gives scores. Nothing in it changes."""

    def __init__(self, card: Artifact, model: StockClassifier, read: Read) -> None:
        self.card = card
        self._model, self._read = model, read

    def predict(
        self, questions: Sequence[Question], progress: Progress | None = None
    ) -> list[Order]:
        """A score and a probability for each option of each question, in order.

        Equal options have equal scores, and their order changes nothing.
        """
        answers: list[Order] = []
        for start in range(0, len(questions), AT_ONCE):
            part = questions[start : start + AT_ONCE]
            answers += self._orders(part)
            if progress is not None:
                progress(len(part))
        return answers

    def _orders(self, questions: Sequence[Question]) -> Iterable[Order]:
        read = [[self._read(one, option) for option in one.options] for one in questions]
        place: dict[tuple[int, ...], int] = {}
        different: list[Tokens] = []
        for tokens in (one for of_question in read for one in of_question):
            key = (*tokens.ids, -1, *tokens.types)
            if key not in place:
                place[key] = len(different)
                different.append(tokens)
        scores = self._model.of_texts(different)[:, 0].tolist() if different else []
        for of_question in read:
            own = tuple(scores[place[(*one.ids, -1, *one.types)]] for one in of_question)
            yield Order(own, probabilities_of(own))


def answering(kept: Kept) -> Options:
    """Load a stock model that gives scores.

    Raises:
        ModelError: it has several outputs, or its card doesn't say how it reads.
        WeightsError: the weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    model = kept.model(StockClassifier)
    require_columns(kept.card, model.module, 1)
    # What is too long loses its beginning: at the end is the option, without which nothing is said.
    model.tokenizer.enable_truncation(kept.card.max_length, direction="left")
    return Options(kept.card, model, _reading(kept, model.tokenizer))


def _reading(kept: Kept, tokenizer: Any) -> Read:
    reads = kept.card.options.get(READS)
    if reads == "plain":
        return lambda question, option: _tokens(tokenizer.encode(with_option(question, option)))
    if reads == "pair":
        tokenizer.enable_truncation(kept.card.max_length)  # of a pair the longer one is cut
        return lambda question, option: _tokens(tokenizer.encode(asked(question), option))
    if reads == "template":
        write = read_tokenizer(kept.card.base, kept.base_path).apply_chat_template
        return lambda question, option: _tokens(
            tokenizer.encode(
                _dialogue(kept.card, write, question, option), add_special_tokens=False
            )
        )
    raise ModelError(
        f"{kept.folder / CARD} doesn't say how options are read ({READS}={reads!r}). Load the "
        "model again, or copy it again."
    )


def _dialogue(card: Artifact, write: Callable[..., str], question: Question, option: str) -> str:
    turns = [
        {"role": "user", "content": asked(question)},
        {"role": "assistant", "content": option},
    ]
    try:
        return write(turns, tokenize=False)
    except Exception as error:  # a template is a program, and raises what it likes
        raise ModelError(
            f"{card.base.name}: its chat template can't write a question with its answer "
            f"({error}). Name another model."
        ) from error


def _tokens(encoding: Any) -> Tokens:
    types: list[int] = encoding.type_ids
    # A tokenizer without special tokens makes nothing of an empty text.
    return Tokens(encoding.ids or [0], types if any(types) else [])
