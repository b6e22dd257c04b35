"""How long the texts of a training are, and what an encoder makes of that. A few bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...data.dataset import Dataset
from ...planning import Setup
from ...shapes import Passage, Question, Shape
from ...training.cached import are_cached, text_key
from ...training.costs import CPU_TOKENS, EMBEDDED_AT_ONCE, GPU_TOKENS, Reading
from ...weights import TokenCounter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FRAME", "Lengths", "Portion", "by_characters"]

#: A guess that is near for European languages.
CHARACTERS_A_TOKEN = 4
#: The two tokens that stand around every text.
FRAME = 2
#: A text of which less than a hundredth would be read is no text to learn from: most likely it is a
#: file that went astray.
HARDLY_READ = 100
KEY_BYTES = 16
#: Keys that are looked up in a cache; of more of them, some are, spread over all.
LOOKED_UP = 20_000


class Portion(NamedTuple):
    """Some rows, as the encoder gets them.

    ``tokens`` counts them in full, but for a text of which hardly anything would be read
    (:attr:`astray`): there, only the beginning.
    """

    first: int
    lines: list[int]
    texts: list[str]
    tokens: list[int]
    astray: list[bool]


class Lengths:
    """Reads data sets and keeps the length of each text that will be embedded.

    Args:
        setup: whose task and prompt make texts of rows.
        count: counts tokens.
        limit: tokens of a text that are read; ``None`` where nobody knows.
    """

    def __init__(self, setup: Setup, count: TokenCounter, limit: int | None) -> None:
        self._setup = setup
        self._count = count
        self.limit = limit
        #: Whether what is behind the limit is read all the same, in windows.
        self.windows = setup.route.shape == Shape.SPANNED
        self._tokens, self._characters, self._keys = array("I"), array("I"), bytearray()
        #: Tokens that are read of all rows, and rows that are embedded.
        self.total = self.embedded = 0
        #: The tokens of the longest text.
        self.longest = 1
        self.labels: set[str] = set()

    def portions(self, data: Dataset, *, known: frozenset[str] | None = None) -> Iterator[Portion]:
        """Read these rows too, some at a time.

        Args:
            data: the rows.
            known: labels; rows of others aren't embedded. ``None`` for all.
        """
        task, first = self._setup.task, 0
        far = None if self.limit is None else HARDLY_READ * self.limit * CHARACTERS_A_TOKEN
        for lines, rows in data.portions():
            asked = [self._asked(row) for row in rows]
            texts = [one[0] for one in asked]
            astray = [far is not None and len(text) > far for text in texts]
            read = [text[:far] if cut else text for text, cut in zip(texts, astray, strict=True)]
            tokens = self._count(read)
            further = self._count([text for one in asked for text in one[1:]])
            along = iter(further)
            for row, one, number in zip(rows, asked, tokens, strict=True):
                text, computed = one[0], self._read(number)
                self.longest = max(self.longest, computed)
                self.total += computed + sum(self._read(next(along)) for _ in one[1:])
                labels = task.label_values(row)
                if known is None:
                    self.labels.update(labels)
                elif not known.issuperset(labels):
                    continue
                self.embedded += 1
                self._tokens.append(computed)
                self._characters.append(len(text))
                self._keys += text_key(text)
            yield Portion(first, list(lines), texts, tokens, astray)
            first += len(rows)

    def _asked(self, row: Any) -> list[str]:
        """What is read of a row: its text, and what is read along."""
        setup = self._setup
        match setup.task.input(setup.task.asked(row), setup.route.shape, setup.prompt):
            case Passage(text, context):
                return [text] if context is None else [text, context]
            case Question(question, options, context):
                along = [] if context is None else [context]
                return [question, *along, *options]
            case _:
                return [""]

    def _read(self, tokens: int) -> int:
        return tokens if self.limit is None or self.windows else min(tokens, self.limit)

    def in_all(self) -> Reading:
        """All tokens of all rows, whatever is the same or cached."""
        import numpy as np

        tokens = np.frombuffer(self._tokens, dtype=np.uint32).astype(np.int64)
        return Reading(tokens=self.total, squares=int((tokens**2).sum()))

    def reading(self, *, gpu: bool, cache: Path | None) -> tuple[Reading, Reading]:
        """What the encoder does with all distinct texts, and with those that aren't cached.

        It is counted as :mod:`tunekit.training.cache` and the encoder go about it: longest first,
        in parts, batches of equal numbers of tokens.
        """
        import numpy as np

        heads = np.frombuffer(bytes(self._keys), dtype=np.uint64)[::2]
        places = np.sort(np.unique(heads, return_index=True)[1])
        tokens = np.frombuffer(self._tokens, dtype=np.uint32)[places].astype(np.int64)
        characters = np.frombuffer(self._characters, dtype=np.uint32)[places].astype(np.int64)
        budget = GPU_TOKENS if gpu else CPU_TOKENS
        everything = _reading(tokens, characters, budget)
        if cache is None:
            return everything, everything
        missing = ~self._cached(places, cache)
        return everything, _reading(tokens[missing], characters[missing], budget)

    def _cached(self, places: NDArray[np.intp], cache: Path) -> NDArray[np.bool_]:
        import numpy as np

        step = max(1, -(-len(places) // LOOKED_UP))
        looked_up = places[::step]
        starts = (KEY_BYTES * at for at in looked_up.tolist())
        keys = (bytes(self._keys[start : start + KEY_BYTES]) for start in starts)
        found = np.array(are_cached(cache, keys), dtype=bool)
        return np.repeat(found, step)[: len(places)]


def _reading(tokens: NDArray[np.int64], characters: NDArray[np.int64], budget: int) -> Reading:
    import numpy as np

    longest_first = np.argsort(-characters, kind="stable")
    batches, forms = 0, set[tuple[int, int]]()
    for start in range(0, len(tokens), EMBEDDED_AT_ONCE):
        part = tokens[longest_first[start : start + EMBEDDED_AT_ONCE]]
        lengths, counts = np.unique(part, return_counts=True)
        sizes = np.maximum(1, budget // np.maximum(1, lengths))
        whole, rest = np.divmod(counts, sizes)
        batches += int(whole.sum()) + int(np.count_nonzero(rest))
        forms.update(zip(sizes[whole > 0].tolist(), lengths[whole > 0].tolist(), strict=True))
        forms.update(zip(rest[rest > 0].tolist(), lengths[rest > 0].tolist(), strict=True))
    return Reading(
        texts=len(tokens),
        characters=int(characters.sum()),
        tokens=int(tokens.sum()),
        squares=int((tokens**2).sum()),
        batches=batches,
        forms=len(forms),
    )


def by_characters(texts: Sequence[str]) -> list[int]:
    """About how many tokens these texts have, where there is no tokenizer to ask."""
    return [len(text) // CHARACTERS_A_TOKEN + FRAME for text in texts]
