"""What a base model can't read of a set: what is too long for it, and languages it doesn't know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...config import load_config
from ...findings import Finding
from ...weights import known_languages, locate, token_counter
from .base import Check
from .languages import Languages

if TYPE_CHECKING:
    from ...tasks.base import Task
    from ...weights import BaseWeights, TokenCounter
    from ..dataset import Dataset

__all__ = ["CUT", "base_model_check"]

#: The code for a text that isn't read to its end, in a check as in a plan.
CUT = "text-cut"


def base_model_check(data: Dataset, model: str) -> Check:
    """A check of these rows against a base model, whose weights are fetched if need be.

    Args:
        data: what will be checked.
        model: a catalogue name (``"minilm"``), a folder, or a Hub id.

    Returns:
        The check: ``text-cut`` for every text that the model doesn't read to its end,
        ``unknown-language`` for the set, and ``tokens-not-counted`` where a GGUF isn't converted
        yet.

    Raises:
        MissingExtra: a package of the extra ``local`` isn't installed.
        WeightsError: there is no such base model, or it can't be fetched.
        ConfigError: the settings, which say where weights are kept, can't be read.
    """
    languages = Languages(len(data), model, known_languages(model))
    weights = locate(model, home=load_config().home)
    # A GGUF has a tokenizer in it that is made readable when the first training converts it.
    count = None if weights.gguf is not None else token_counter(weights)
    return _BaseModelCheck(data.task, weights, count, languages)


class _BaseModelCheck(Check):
    """Counts the tokens of every text of every row, and looks at the language of some."""

    def __init__(
        self, task: Task, weights: BaseWeights, count: TokenCounter | None, languages: Languages
    ) -> None:
        self._texts = task.texts
        self._model, self._limit = weights.name, weights.max_length
        self._cuts = weights.family == "encoder"
        self._exact, self._count = count is not None, count or _by_words
        self._languages = languages
        self._tokens = self._longest = self._cut = 0

    def see(self, first: int, rows: Sequence[Any]) -> Iterator[Finding]:
        texts = [list(self._texts(row)) for row in rows]
        if self._languages.looks:
            self._languages.see(first, [" ".join(text for _, text in one) for one in texts])
        counts = iter(self._count([text for one in texts for _, text in one]))
        for row, one in enumerate(texts, start=first):
            for (field, _), tokens in zip(one, counts, strict=False):
                self._tokens += tokens
                self._longest = max(self._longest, tokens)
                if tokens > self._limit:
                    self._cut += 1
                    yield self._finding(row, field, tokens)

    def findings(self) -> Iterable[Finding]:
        if not self._exact:
            yield Finding(
                "tokens-not-counted",
                "info",
                f"{self._model!r} isn't converted yet, so its tokenizer can't be asked: a word is "
                "taken as one token, and is often more. The first tune or baseline converts it.",
            )
        yield from self._languages.findings()

    def figures(self) -> Mapping[str, int | float]:
        return {
            "tokens": self._tokens,
            "longest_tokens": self._longest,
            "texts_cut": self._cut,
            **self._languages.figures(),
        }

    def _finding(self, row: int, field: str, tokens: int) -> Finding:
        return Finding(
            CUT,
            "warning",
            f"the {field} has {tokens:,} {'tokens' if self._exact else 'words'}, and "
            f"{self._model!r} was made for {self._limit:,}{'' if self._exact else ' tokens'}: "
            + ("what is behind them isn't read." if self._cuts else "its row is left out."),
            row=row,
            field=field,
            suggestion="Shorten it, or name a base model that reads more.",
        )


def _by_words(texts: Sequence[str]) -> list[int]:
    """The fewest tokens that these texts can have."""
    return [len(text.split()) for text in texts]
