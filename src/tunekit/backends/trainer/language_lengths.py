"""How long the rows of a language model are, and which of them can't be learnt from.

Nothing is cut: a row that is longer than the model reads, or that has a token in it which ends a
turn, is left out of training. Plans say so before, by what the worker itself would make of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ...data.dataset import Dataset
from ...planning import Setup
from ...shapes import Asked, Better, Example, Passage, Said, Target, Turns
from ...training.language.sequences import read_asked
from ...training.language.speech import Speech
from ...training.language_costs import Heard, heard
from ...weights import BaseWeights
from .lengths import CHARACTERS_A_TOKEN, HARDLY_READ

if TYPE_CHECKING:
    from .plain_tokenizer import PlainTokenizer

__all__ = ["CONTROL", "TEMPLATE", "TOO_LONG", "LeftOut", "Part", "Wording", "read_part", "wording"]

#: Why a row is left out: codes of findings in a plan.
TOO_LONG, CONTROL, TEMPLATE = "row-too-long", "control-token", "template"
#: What a template writes around a turn, and before an answer, where there is none to ask.
A_TURN, AN_ANSWER = 5, 3


class Counted(NamedTuple):
    """The tokens of an example's answers: all of them with the prompt, and those that are learnt;
    or a code that says why it can't be learnt from."""

    answers: tuple[tuple[int, int], ...] = ()
    left_out: str | None = None


class Wording(Protocol):
    """How examples become tokens."""

    def count(self, example: Example, limit: int | None) -> Counted:
        """The tokens of an example, of which an answer with its prompt may have so many."""
        ...


class LeftOut(NamedTuple):
    """Rows of which something can't be learnt from, and the first of them with its place."""

    rows: int
    row: int
    source: str


class Part(NamedTuple):
    """What there is to learn in one data set.

    ``examples`` are the pairs, or rows, that are learnt from; ``heard`` has their answers, one by
    one. ``left_out`` is by code.
    """

    examples: int
    heard: Heard
    left_out: dict[str, LeftOut]


def wording(weights: BaseWeights | None) -> Wording:
    """How examples become tokens, by the base model's own tokenizer where it is here.

    Raises:
        WeightsError: its tokenizer can't be read.
        MissingExtra: the package that reads it isn't installed.
    """
    if weights is None:
        return ByCharacters()
    from .plain_tokenizer import PlainTokenizer  # jinja takes a while to import

    tokenizer = PlainTokenizer(weights)
    if weights.family == "seq2seq":
        return Rewritten(tokenizer)
    return Conversed(Speech(tokenizer, weights.name))


class Conversed:
    """Conversations, as a language model that goes on writing is trained on them."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech

    def count(self, example: Example, limit: int | None) -> Counted:
        asked, answers = example.input, _answers(example.target)
        assert isinstance(asked, Turns)
        texts = [*(turn.text for turn in asked.turns), *answers]
        if self._speech.control(texts) is not None:
            return Counted(left_out=CONTROL)
        if _far_too_long(texts, limit):
            return Counted(left_out=TOO_LONG)
        read = read_asked(self._speech, asked._replace(choices=()), limit or 1 << 62)
        if read.refused is not None:
            return Counted(left_out=TOO_LONG if read.refused[0] == "too-long" else TEMPLATE)
        said = [len(self._speech.answer(answer)) for answer in answers]
        if limit is not None and len(read.ids) + max(said) > limit:
            return Counted(left_out=TOO_LONG)
        return Counted(tuple((len(read.ids) + one, one) for one in said))


class Rewritten:
    """Texts and what they become, each of which has the whole length to itself."""

    def __init__(self, tokenizer: PlainTokenizer) -> None:
        self._tokenizer = tokenizer
        # A tokenizer that puts nothing around a text doesn't end it either.
        self._end = int(not tokenizer("")["input_ids"])

    def count(self, example: Example, limit: int | None) -> Counted:
        asked, answers = example.input, _answers(example.target)
        assert isinstance(asked, Passage)
        if _far_too_long([asked.text, *answers], limit):
            return Counted(left_out=TOO_LONG)
        read = self._tokens(asked.text)
        said = [self._tokens(answer) + self._end for answer in answers]
        if limit is not None and max(read, *said) > limit:
            return Counted(left_out=TOO_LONG)
        return Counted(tuple((read + one, one) for one in said))

    def _tokens(self, text: str) -> int:
        return len(self._tokenizer(text)["input_ids"])


class ByCharacters:
    """About as many tokens as there are, where there is no tokenizer to ask."""

    def count(self, example: Example, limit: int | None) -> Counted:
        asked, answers = example.input, _answers(example.target)
        turns = [turn.text for turn in asked.turns] if isinstance(asked, Turns) else [_text(asked)]
        # A word is one token or more, by any tokenizer.
        words = sum(len(text.split()) for text in turns)
        if limit is not None and words + max(len(one.split()) for one in answers) > limit:
            return Counted(left_out=TOO_LONG)
        read = AN_ANSWER + sum(A_TURN + len(text) // CHARACTERS_A_TOKEN for text in turns)
        said = [1 + len(answer) // CHARACTERS_A_TOKEN for answer in answers]
        return Counted(tuple((read + one, one) for one in said))


def read_part(
    data: Dataset,
    setup: Setup,
    words: Wording,
    limit: int | None,
    see: Callable[[int, Sequence[str]], None],
) -> Part:
    """What there is to learn in a data set.

    Args:
        data: the rows.
        setup: whose task and prompt make examples of them.
        words: how examples become tokens.
        limit: tokens that a prompt with its answer may have; ``None`` where nobody knows.
        see: is shown what rows ask, and the position of the first of them.
    """
    examples, left_out = 0, dict[str, LeftOut]()

    def answers() -> Iterator[tuple[int, int]]:
        nonlocal examples
        first = 0
        for lines, rows in data.portions():
            see(first, [_text(setup.task.asked(row)) for row in rows])
            for place, (line, row) in enumerate(zip(lines, rows, strict=True), start=first):
                found = [words.count(one, limit) for one in _lowered(setup, row)]
                for code in sorted({one.left_out for one in found if one.left_out is not None}):
                    before = left_out.get(code, LeftOut(0, place, data.place(line)))
                    left_out[code] = before._replace(rows=before.rows + 1)
                for one in found:
                    examples += one.left_out is None
                    yield from one.answers
            first += len(rows)

    lengths = heard(answers())
    return Part(examples, lengths, left_out)


def _lowered(setup: Setup, row: object) -> Sequence[Example]:
    try:
        return setup.task.lower(row, setup.route.shape, setup.prompt)
    except ValueError:  # what it means forbids it; data.check() says so
        return ()


def _answers(target: Target) -> tuple[str, ...]:
    match target:
        case Said(text):
            return (text,)
        case Better(chosen, rejected):
            return (chosen, rejected)
        case _:
            raise TypeError(f"{type(target).__name__} is no answer of a language model")


def _text(asked: Asked) -> str:
    return asked.text if isinstance(asked, Passage) else asked.question


def _far_too_long(texts: Sequence[str], limit: int | None) -> bool:
    """Whether it needn't be tokenised to know: most likely it is a file that went astray."""
    return limit is not None and sum(map(len, texts)) > HARDLY_READ * limit * CHARACTERS_A_TOKEN
