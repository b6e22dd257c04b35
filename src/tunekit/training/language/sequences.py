"""Rows as tokens: what a language model is asked, and behind it what it is to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...errors import WeightsError
from ...shapes import Turns
from .speech import Speech

__all__ = ["Asked", "Spoken", "longest_answer", "read_asked", "spoken"]


class Spoken(NamedTuple):
    """A conversation with its answer. ``ids`` are all tokens; the answer's begin at ``start``."""

    ids: list[int]
    start: int

    @property
    def learnt(self) -> int:
        """Tokens that count in the loss."""
        return len(self.ids) - self.start


class Asked(NamedTuple):
    """The tokens of a prompt, or why it can't be one: a code and a sentence."""

    ids: list[int]
    refused: tuple[str, str] | None = None


def read_asked(speech: Speech, asked: Turns, limit: int) -> Asked:
    """The tokens of a prompt, of ``limit`` at most with one token for the answer, or with the
    longest of its choices.

    Nothing is cut: a prompt that has lost its beginning or its end is another one.
    """
    texts = [*(turn.text for turn in asked.turns), *asked.choices]
    if (token := speech.control(texts)) is not None:
        return Asked([], ("control-token", f"the text has {token!r}, which ends a turn"))
    try:
        ids = speech.asked(asked.turns)
    except WeightsError as error:  # this conversation alone, it may be
        return Asked([], ("template", str(error)))
    room = limit - max([1, *(len(speech.answer(choice)) for choice in asked.choices)])
    if len(ids) > room:
        said = f"the prompt has {len(ids):,} tokens, and there is room for {room:,}"
        return Asked([], ("too-long", said))
    return Asked(ids)


def spoken(speech: Speech, asked: Turns, answer: str, limit: int) -> Spoken | str:
    """A row as tokens, of ``limit`` at most, or why it can't be learnt from."""
    # Its own answer is what there must be room for.
    read = read_asked(speech, asked._replace(choices=()), limit)
    if read.refused is not None:
        return read.refused[1]
    if (token := speech.control([answer])) is not None:
        return f"the answer has {token!r}, which ends a turn"
    ids = [*read.ids, *speech.answer(answer)]
    if len(ids) > limit:
        return f"prompt and answer have {len(ids):,} tokens, and there is room for {limit:,}"
    return Spoken(ids, len(read.ids))


def longest_answer(rows: Sequence[Spoken]) -> int:
    """The tokens of the longest answer, with the one that ends it."""
    return max((row.learnt for row in rows), default=1)
