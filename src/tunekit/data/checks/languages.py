"""Which languages a set is in, as far as a base model may not know them."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from ...errors import MissingExtra
from ...findings import Finding
from .base import shortened

__all__ = ["Languages"]

#: Texts that are looked at, spread over the set; of each so many characters.
LOOKED_AT, CHARACTERS = 1_000, 600
#: A text with fewer letters doesn't show its language, nor does one below this probability.
LETTERS, SURE = 20, 0.9
#: So many texts, and such a share of all that show a language, are no accident: names, quotations.
FEWEST, SHARE = 3, 0.03
SHOWN = 6
NOT_A_LETTER = re.compile(r"[\W\d_]+")
#: What py3langid calls texts in no language.
NONE = "zxx"


class Languages:
    """Looks at some texts of a set and says which of their languages a base model doesn't know.

    Args:
        rows: how many texts will be seen in all.
        model: the base model's name, for the message.
        known: the languages it was made for (ISO 639-1); none means that nobody knows, and then
            nothing is looked at.

    Raises:
        MissingExtra: py3langid isn't installed.
    """

    def __init__(self, rows: int, model: str, known: Sequence[str]) -> None:
        if known and importlib.util.find_spec("py3langid") is None:
            raise MissingExtra("finding a text's language needs py3langid.", extra="local")
        self._model = model
        self._known = frozenset(known)
        self._step = max(1, -(-rows // LOOKED_AT))
        self._texts: list[tuple[int, str]] = []
        self._found: Counter[str] | None = None
        self._examples: dict[str, tuple[int, str]] = {}

    @property
    def looks(self) -> bool:
        """Whether any text is looked at."""
        return bool(self._known)

    def see(self, first: int, texts: Sequence[str]) -> None:
        """The next texts, and the position of the first."""
        if not self.looks:
            return
        for at in range(-first % self._step, len(texts), self._step):
            text = texts[at][:CHARACTERS]
            if len(NOT_A_LETTER.sub("", text)) >= LETTERS:
                self._texts.append((first + at, text))

    def findings(self) -> Iterator[Finding]:
        """One finding about the set, where the model doesn't know a language of it."""
        found = self._identified()
        looked_at = found.total()
        unknown = [(name, count) for name, count in found.most_common() if name not in self._known]
        foreign = sum(count for _, count in unknown)
        if foreign < FEWEST or foreign < SHARE * looked_at:
            return
        shown = ", ".join(f"{name} {count:,}" for name, count in unknown[:SHOWN])
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        row, text = self._examples[unknown[0][0]]
        yield Finding(
            "unknown-language",
            "warning",
            f"{foreign / looked_at:.0%} of the texts seem to be in languages that {self._model!r} "
            f"wasn't made for: {shown}{more}, of {looked_at:,} that show one. It was made for "
            f"{', '.join(sorted(self._known))}. Row {row} begins {shortened(text)}.",
            suggestion="Name a base model that knows them (model=…), or leave these rows out.",
        )

    def figures(self) -> Mapping[str, int]:
        """The number of texts in each language, of those that were looked at."""
        return {f"language_{name}": count for name, count in self._identified().most_common()}

    def _identified(self) -> Counter[str]:
        if self._found is None:
            self._found = Counter()
            for (row, text), name in zip(self._texts, _languages(self._texts), strict=True):
                if name is not None:
                    self._found[name] += 1
                    self._examples.setdefault(name, (row, text))
            self._texts = []
        return self._found


def _languages(texts: Iterable[tuple[int, str]]) -> Iterator[str | None]:
    """The language of each text, or ``None`` where it doesn't show."""
    texts = list(texts)
    if not texts:
        return
    langid: Any = import_module("py3langid.langid")  # it ships no types
    # Not kept for the next time: it holds 80 MB.
    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    for _, text in texts:
        language, probability = identifier.classify(text)
        yield language if probability >= SURE and language != NONE else None
