"""How the fake learns: it remembers its training examples and answers from the nearest one.

Pure and deterministic. The exact input gives the remembered answer; everything else is answered
from the overlap of words with what was remembered, and the probabilities are a softmax over that
overlap. Of a chat, only examples under the same system turn are remembered: a prompt that differs
between training and prediction shows at once, since nothing is known under it.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..shapes import (
    Better,
    Example,
    Failure,
    Input,
    Marks,
    Order,
    Outcome,
    Passage,
    Question,
    Said,
    Span,
    Target,
    Turns,
    Weights,
)

__all__ = ["Memory", "softmax"]

#: How much more likely a full overlap of words is than none: e to this power.
SHARPNESS = 8.0


class Memory:
    """Remembered examples.

    >>> memory = Memory([Example(Passage("my car broke"), Weights((("claim", 1.0),)))])
    >>> memory.answer(Passage("the car"))
    Weights(by_label=(('claim', 1.0),))
    """

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = tuple(examples)
        self._answers = [_answer(example.target) for example in self._examples]
        #: Every answer in order of first appearance, with nothing in its favour.
        self._unknown = dict.fromkeys(self._answers, 0.0)
        self._exact: dict[object, Target] = {}
        self._sizes: list[int] = []
        self._holders: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, example in enumerate(self._examples):
            self._exact.setdefault(_key(example.input), example.target)
            words = _words(_text(example.input))
            self._sizes.append(len(words))
            for word in words:
                self._holders[_system(example.input), word].append(index)

    def __len__(self) -> int:
        return len(self._examples)

    def answer(self, asked: Input) -> Outcome:
        """The remembered answer to exactly this, else the one of the nearest example."""
        if "\0" in _text(asked):
            return Failure("invalid-input", "the text holds a NUL character")
        exact = self._exact.get(_key(asked))
        overlaps = self._overlaps(asked)
        nearest = min(overlaps, key=lambda index: (-overlaps[index], index), default=0)
        target = exact if exact is not None else self._examples[nearest].target
        if isinstance(asked, Turns):
            return self._say(asked, target, exact is not None, overlaps)
        if isinstance(target, Weights):
            label = target.by_label[0][0]
            return Weights(softmax(self._by_answer(overlaps, label if exact else None)))
        if isinstance(target, Marks) and isinstance(asked, Passage) and exact is None:
            return Marks(self._found(asked.text))
        if isinstance(target, Order) and isinstance(asked, Question) and exact is None:
            return Order(self._scores(asked.options))
        return target

    def ranked(self, asked: Input) -> tuple[tuple[str, float], ...]:
        """(answer, probability) pairs of all that is remembered, likeliest first."""
        exact = self._exact.get(_key(asked))
        certain = None if exact is None else _answer(exact)
        return softmax(self._by_answer(self._overlaps(asked), certain))

    def _say(
        self, asked: Turns, target: Target, exact: bool, overlaps: Mapping[int, float]
    ) -> Outcome:
        said = _answer(target)
        if not asked.choices:
            return Said(said)
        scores = self._by_answer(overlaps, said if exact else None)
        # A closed set of answers: what wasn't remembered is possible, and least likely.
        closed = {choice: scores.get(choice, 0.0) for choice in asked.choices}
        ranked = softmax(closed)
        return Said(ranked[0][0], ranked)

    def _overlaps(self, asked: Input) -> dict[int, float]:
        """Jaccard overlap of words with every example that shares one, under the same prompt."""
        words, prompt = _words(_text(asked)), _system(asked)
        shared: dict[int, int] = defaultdict(int)
        for word in words:
            for index in self._holders.get((prompt, word), ()):
                shared[index] += 1
        size = len(words)
        return {index: n / (size + self._sizes[index] - n) for index, n in shared.items()}

    def _by_answer(self, overlaps: Mapping[int, float], certain: str | None) -> dict[str, float]:
        """The best overlap of each remembered answer, in order of first appearance."""
        best = dict(self._unknown)
        for index, overlap in overlaps.items():
            answer = self._answers[index]
            best[answer] = max(best[answer], overlap)
        if certain is not None:
            best[certain] = 2.0  # above another example with the same words
        return best

    def _found(self, text: str) -> tuple[Span, ...]:
        """Remembered words found again in this text, longest first, without overlap."""
        known: dict[str, str] = {}
        for asked, target in self._examples:
            if isinstance(asked, Passage) and isinstance(target, Marks):
                for span in target.spans:
                    known.setdefault(asked.text[span.start : span.end], span.label)
        spans: list[Span] = []
        for words in sorted(known, key=lambda words: (-len(words), words)):
            start = text.find(words)
            while start >= 0:
                end = start + len(words)
                if all(end <= other.start or other.end <= start for other in spans):
                    spans.append(Span(start, end, known[words]))
                start = text.find(words, end)
        return tuple(sorted(spans))

    def _scores(self, options: Sequence[str]) -> tuple[float, ...]:
        """How much more an option resembles remembered best options than the others."""
        best: set[str] = set()
        rest: set[str] = set()
        for asked, target in self._examples:
            if isinstance(asked, Question) and isinstance(target, Order):
                top = max(target.scores)
                for option, score in zip(asked.options, target.scores, strict=True):
                    (best if score == top else rest).update(_words(option))
        return tuple(
            (len(words & best) - len(words & rest)) / max(len(words), 1)
            for words in map(_words, options)
        )


def _key(asked: Input) -> object:
    """What makes two inputs the same to a provider: the words, not what was asked to be closed."""
    return asked.turns if isinstance(asked, Turns) else asked


def _text(asked: Input) -> str:
    if isinstance(asked, Turns):
        return next((turn.text for turn in reversed(asked.turns) if turn.role == "user"), "")
    return asked.text if isinstance(asked, Passage) else asked.question


def _system(asked: Input) -> str:
    turns = asked.turns if isinstance(asked, Turns) else ()
    return "\n".join(turn.text for turn in turns if turn.role == "system")


def _answer(target: Target) -> str:
    if isinstance(target, Said):
        return target.text
    if isinstance(target, Better):
        return target.chosen
    return target.by_label[0][0] if isinstance(target, Weights) else ""


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def softmax(scores: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """(answer, probability) pairs, highest first, ties in the order given."""
    top = max(scores.values(), default=0.0)
    powers = {answer: math.exp(SHARPNESS * (score - top)) for answer, score in scores.items()}
    total = sum(powers.values())
    pairs = [(answer, power / total) for answer, power in powers.items()]
    return tuple(sorted(pairs, key=lambda pair: -pair[1]))
