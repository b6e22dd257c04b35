"""Models that were trained on the Hub's machines, and answer here or where they are served."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...shapes import Failure, Input, Outcome, Said
from ...training.card import Artifact, read_card
from ..abilities import Called
from ..base import ModelRef
from ..trainer.backend import TrainerBackend
from ..trainer.recipes import check_writing
from .serving import Served

__all__ = ["ServedBackend"]


class ServedBackend(TrainerBackend):
    """A backend whose models answer on this machine, unless they are served somewhere."""

    _served: Served | None = None

    def serve(self, url: str, token_env: str | None, *, timeout: float, retries: int) -> None:
        """Ask an Inference Endpoint or a TGI from now on: see :class:`.serving.Served`."""
        self._served = Served(self.name, url, token_env, timeout=timeout, retries=retries)

    def calls(self) -> Sequence[Called]:
        """Where its models are served, if that was said."""
        return () if self._served is None else (self._served.called,)

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        card = self._served_card(ref)
        if self._served is None or card is None:
            return await super().predict(ref, inputs)
        return await self._served.predict(card.shape, card.labels, inputs, self._machine.writing)

    def write(self, ref: ModelRef, asked: Input, how: Mapping[str, Any]) -> Iterator[str | Failure]:
        card = self._served_card(ref)
        if self._served is None or card is None:
            return super().write(ref, asked, how)
        writing = self._machine.writing._replace(**how)
        check_writing(self.name, writing)
        # In one piece: what stock servers stream are tokens, each with rules of its own.
        told = self._served.predict(card.shape, card.labels, [asked], writing)
        (outcome,) = asyncio.run(told)
        return iter([outcome.text if isinstance(outcome, Said) else _no_words(outcome)])

    def _served_card(self, ref: ModelRef) -> Artifact | None:
        """The card of a model that is asked where it is served; untrained ones answer here."""
        kind, _, where = ref.id.partition(":")
        if self._served is None or kind not in ("run", "folder"):
            return None
        return read_card(self.run_of(where).artifact if kind == "run" else Path(where))


def _no_words(outcome: Outcome) -> Failure:
    if isinstance(outcome, Failure):
        return outcome
    return Failure("no-words", f"this model answers with {type(outcome).__name__}, not in words")
