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
    from ...weights import TokenCounter
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
        The check: ``text-cut`` for every text that the model doesn't read to its end, and
        ``unknown-language`` for the set.

    Raises:
        MissingExtra: a package of the extra ``local`` isn't installed.
        WeightsError: there is no such base model, or it can't be fetched.
        ConfigError: the settings, which say where weights are kept, can't be read.
    """
    languages = Languages(len(data), model, known_languages(model))
    weights = locate(model, home=load_config().home)
    return _BaseModelCheck(data.task, model, token_counter(weights), weights.max_length, languages)


class _BaseModelCheck(Check):
    """Counts the tokens of every text of every row, and looks at the language of some."""

    def __init__(
        self, task: Task, model: str, count: TokenCounter, limit: int, languages: Languages
    ) -> None:
        self._texts = task.texts
        self._model = model
        self._count = count
        self._limit = limit
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
        return self._languages.findings()

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
            f"the {field} has {tokens:,} tokens, and {self._model!r} was made for "
            f"{self._limit:,}: what is behind them isn't read.",
            row=row,
            field=field,
            suggestion="Shorten it, or name a base model that reads more.",
        )
