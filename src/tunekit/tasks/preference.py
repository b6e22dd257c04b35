"""Preference: of several answers to a question, one is best, or they are ranked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, ClassVar, Literal

from ..errors import InputError
from ..findings import Finding
from ..shapes import (
    Asked,
    Better,
    Example,
    Failure,
    Input,
    Order,
    Question,
    Said,
    Shape,
    Target,
)
from .base import (
    Misread,
    Prompt,
    Record,
    Row,
    Task,
    chat,
    refuse_unknown,
    unliftable,
    user_input,
    wrong_target,
)
from .numbered import numbered, read_numbered
from .option_mending import without_copies
from .option_reading import read_best, read_lists
from .option_survey import OptionSurvey

__all__ = ["Choice", "Preference", "PreferenceRow"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The option that was chosen: its ``index``, from 0, and its text, ``option``.

    ``probabilities`` has one per option, in their order; ``None`` where there are no real ones.

    Example:
        >>> Choice(1, "no", (0.2, 0.8)).option
        'no'
    """

    index: int
    option: str
    probabilities: tuple[float, ...] | None = None


class PreferenceRow(Row):
    """A ``question`` with ``options``, and which is ``best`` (from 0) or their ``ranks``
    (0 is best, equal is a tie). ``context`` is read along.

    Example:
        >>> PreferenceRow(question="Tea?", options=("yes", "no", "later"), best=2).order
        (1, 1, 0)
    """

    question: str
    options: tuple[str, ...]
    best: int | None = None
    ranks: tuple[int, ...] | None = None
    context: str | None = None

    @property
    def content(self) -> tuple[Any, ...]:
        return (self.question, self.options, self.best, self.ranks, self.context)

    @property
    def asks(self) -> tuple[str, str | None]:
        return (self.question, self.context)

    @property
    def judged(self) -> tuple[Any, Any]:
        # However the options are put in order, and however far apart their ranks are written.
        ranks = _ranks([-rank for rank in self.order])
        options = tuple(sorted(self.options))
        return (*self.asks, options), tuple(sorted(zip(self.options, ranks, strict=False)))

    @property
    def answer(self) -> str:
        ranked = sorted(zip(self.order, self.options, strict=False))
        return " before ".join(f"{option!r:.40}" for _, option in ranked)

    @property
    def order(self) -> tuple[int, ...]:
        """One rank per option: ``ranks``, or 0 for the best and 1 for the others."""
        if self.ranks is not None:
            return self.ranks
        return tuple(int(index != self.best) for index in range(len(self.options)))


class Preference(Task):
    """Of several answers to a question, one is best.

    Args:
        goal: ``"choose"``: the model picks one of given options. ``"answer"``: the model is taught
            to answer as the better options do, and predicts a text. That is DPO (Rafailov et al.,
            "Direct Preference Optimization", NeurIPS 2023); a row with k options makes the pairs
            in which one is better.
        instruction: what to do, for models that are instructed.

    ``Dataset.read`` takes ``options`` as one column with a JSON list or as a list of columns, and
    ``best_from=1`` where the best option counts from 1. ``predict`` takes a question, and
    ``options=`` and ``context=``, and gives a :class:`Choice`, or a text for ``"answer"``.

    Raises:
        InputError: there is no such goal.

    Example:
        >>> Preference().goal
        'choose'
    """

    kind: ClassVar[str] = "preference"
    row_type: ClassVar[type[Row]] = PreferenceRow
    columns: ClassVar[tuple[str, ...]] = ("question", "options", "best", "ranks", "context")
    required: ClassVar[tuple[str, ...]] = ("question", "options")
    text_fields: ClassVar[frozenset[str]] = frozenset({"question", "context"})
    reader_options: ClassVar[Mapping[str, Any]] = {"best_from": (0, 1)}
    mends: ClassVar[frozenset[str]] = frozenset({"equal-options"})

    goal: Literal["choose", "answer"] = "choose"

    def __init__(
        self, goal: Literal["choose", "answer"] = "choose", instruction: str | None = None
    ) -> None:
        super().__init__(goal=goal, instruction=instruction)

    @property
    def offers(self) -> tuple[Shape, ...]:
        return (Shape.RANKED, Shape.CHAT) if self.goal == "choose" else (Shape.PAIR,)

    def prompt(self) -> Prompt:
        if self.goal == "answer":
            return Prompt(system=self.instruction or "")
        said = self.instruction or "Choose the best option."
        return Prompt(system=f"{said}\nAnswer with its number and nothing else.")

    # --- reading --------------------------------------------------------------------------------

    def assemble(
        self, records: Iterable[Record | Misread], options: Mapping[str, Any]
    ) -> Iterator[Record | Misread]:
        best_from = options.get("best_from", 0)
        for record in records:
            if isinstance(record, Misread):
                yield record
                continue
            fields = dict(record.fields)
            wrong = read_lists(fields) or read_best(fields, best_from)
            yield Misread(record.line, *wrong) if wrong else Record(record.line, record.at, fields)

    def needs(self, row: PreferenceRow) -> tuple[str, ...]:
        found = ["context"] if row.context is not None else []
        if row.order.count(min(row.order, default=0)) > 1:
            found.append("ties")
        if len(set(row.order)) > 2:
            found.append("ranking")
        return tuple(found)

    def loses(self, shape: Shape) -> frozenset[str]:
        # A chat answers with the number of one option.
        return frozenset({"ties", "ranking"} if shape is Shape.CHAT else ())

    def findings(self, row: PreferenceRow) -> Iterator[Finding]:
        if not row.question.strip():
            yield Finding("empty-text", "error", "the question is empty.", field="question")
        if len(row.options) < 2:
            yield Finding("one-option", "error", "two options or more are needed.", field="options")
        if any(not option.strip() for option in row.options):
            yield Finding("empty-text", "error", "an option is empty.", field="options")
        if len(set(row.options)) < len(row.options):
            once = without_copies(row.options, row.best, row.ranks)
            yield Finding(
                "equal-options",
                "error",
                "two options are equal.",
                field="options",
                suggestion=f"One of them is enough: data.fix() leaves {len(once.options)} options."
                if once
                else None,
            )
        if (row.best is None) == (row.ranks is None):
            yield Finding("no-best", "error", "give best or ranks, one of them.", field="best")
        elif row.best is not None and not 0 <= row.best < len(row.options):
            yield Finding(
                "best-out-of-range",
                "error",
                f"best is {row.best}, the options count from 0 to {len(row.options) - 1}.",
                field="best",
                suggestion="Read with best_from=1 where the file counts from 1.",
            )
        elif row.ranks is not None and len(row.ranks) != len(row.options):
            yield Finding(
                "ranks-and-options",
                "error",
                f"{len(row.ranks)} ranks for {len(row.options)} options.",
                field="ranks",
            )
        elif row.ranks is not None and len(set(row.ranks)) == 1:
            yield Finding("all-tied", "error", "all options are tied.", field="ranks")

    def survey(self) -> OptionSurvey:
        return OptionSurvey(placed=self.goal == "choose")

    # --- mending --------------------------------------------------------------------------------

    def texts(self, row: PreferenceRow) -> Iterator[tuple[str, str]]:
        yield "question", row.question
        for option in row.options:
            yield "options", option
        if row.context is not None:
            yield "context", row.context

    def retext(self, row: PreferenceRow, change: Callable[[str], str]) -> PreferenceRow | None:
        return row.model_copy(
            update={
                "question": change(row.question),
                "options": tuple(map(change, row.options)),
                "context": None if row.context is None else change(row.context),
            }
        )

    def mend(self, row: PreferenceRow, codes: frozenset[str]) -> PreferenceRow:
        if "equal-options" not in codes or len(set(row.options)) == len(row.options):
            return row
        once = without_copies(row.options, row.best, row.ranks)
        return row if once is None else row.model_copy(update=once._asdict())

    # --- the narrow waist -----------------------------------------------------------------------

    def ask(self, value: Any, **fields: Any) -> Question:
        if isinstance(value, Mapping):
            fields = {**value, **fields}
            value = fields.pop("question", None)
        takes = ("context", "options") if self.goal == "choose" else ("context",)
        refuse_unknown(self.kind, fields, takes)
        options, context = fields.get("options", ()), fields.get("context")
        if not isinstance(value, str):
            raise InputError(
                f"{self.kind} takes a question, not {type(value).__name__}. Give it as a text."
            )
        if context is not None and not isinstance(context, str):
            raise InputError(f"context is {type(context).__name__}. Give a text.")
        if isinstance(options, str) or not all(isinstance(option, str) for option in options):
            raise InputError("options aren't a list of texts. Give options=['…', '…'].")
        if self.goal == "choose" and len(options) < 2:
            raise InputError("choosing takes two options or more. Give options=['…', '…'].")
        return Question(value, tuple(options), context)

    def asked(self, row: PreferenceRow) -> Question:
        options = row.options if self.goal == "choose" else ()
        return Question(row.question, options, row.context)

    def input(self, asked: Asked, shape: Shape, prompt: Prompt) -> Input:
        assert isinstance(asked, Question)
        if shape is Shape.RANKED:
            return asked
        if shape is Shape.PAIR:
            return chat(asked.question, asked.context, prompt)
        shown = [asked.options[index] for index in _shuffled(asked)]
        numbers = tuple(str(number) for number in range(1, len(shown) + 1))
        text = numbered(asked.question, shown)
        return chat(text, asked.context, prompt, choices=numbers)

    def targets(self, row: PreferenceRow, asked: Asked, shape: Shape) -> tuple[Target, ...]:
        assert isinstance(asked, Question)
        order = _ranks([-rank for rank in row.order])
        if len(order) != len(row.options):
            raise ValueError(f"{len(order)} ranks for {len(row.options)} options")
        if len(set(order)) < 2:
            raise ValueError("no option is better than another")
        if shape is Shape.RANKED:
            return (Order(tuple(float(-rank) for rank in order)),)
        if shape is Shape.PAIR:
            return tuple(
                Better(row.options[first], row.options[second])
                for first, second in permutations(range(len(order)), 2)
                if order[first] < order[second]
            )
        best = order.index(min(order))
        return (Said(str(_shuffled(asked).index(best) + 1)),)

    def parse(self, asked: Asked, target: Target, shape: Shape) -> Choice | str | Failure:
        assert isinstance(asked, Question)
        if self.goal == "answer":
            return target.text if isinstance(target, Said) else wrong_target(self.kind, target)
        if isinstance(target, Order):
            best = max(range(len(target.scores)), key=lambda index: target.scores[index])
            return Choice(best, asked.options[best], target.probabilities or None)
        if not isinstance(target, Said):
            return wrong_target(self.kind, target)
        order = _shuffled(asked)
        by_number = {str(number): index for number, index in enumerate(order, start=1)}
        if target.text not in by_number:
            return Failure(
                "option-outside-set",
                f"the model answered {target.text!r}, the options are 1 to {len(order)}",
            )
        best = by_number[target.text]
        probabilities = None
        if target.probabilities:
            by_index = {by_number[n]: p for n, p in target.probabilities if n in by_number}
            probabilities = tuple(by_index.get(index, 0.0) for index in range(len(order)))
        return Choice(best, asked.options[best], probabilities)

    def lift(self, example: Example) -> PreferenceRow | Finding:
        asked, target = example
        if isinstance(asked, Question) and isinstance(target, Order):
            ranks = _ranks(target.scores)
            best = _only_best(ranks)
            return PreferenceRow(
                question=asked.question,
                options=asked.options,
                best=best,
                ranks=None if best is not None else ranks,
                context=asked.context,
            )
        passage = user_input(asked)
        if passage is None:
            return unliftable(self.kind, example)
        if isinstance(target, Better):
            return PreferenceRow(
                question=passage.text,
                options=(target.chosen, target.rejected),
                best=0,
                context=passage.context,
            )
        read = read_numbered(passage.text)
        if isinstance(target, Said) and read is not None:
            question, options = read
            numbers = [str(number) for number in range(1, len(options) + 1)]
            if target.text in numbers:
                return PreferenceRow(
                    question=question,
                    options=options,
                    best=numbers.index(target.text),
                    context=passage.context,
                )
        return unliftable(self.kind, example)


def _shuffled(asked: Question) -> tuple[int, ...]:
    """The order in which options are shown: by content, whatever order they came in.

    So position tells a model nothing, and the same row always looks the same.
    """

    def key(index: int) -> bytes:
        text = f"{asked.question}\0{asked.options[index]}"
        return hashlib.blake2b(text.encode(), digest_size=8).digest()

    return tuple(sorted(range(len(asked.options)), key=lambda index: (key(index), index)))


def _ranks(scores: Sequence[float]) -> tuple[int, ...]:
    """Ranks without gaps: 0 for the highest score, equal for equal ones."""
    levels = sorted(set(scores), reverse=True)
    return tuple(levels.index(score) for score in scores)


def _only_best(ranks: tuple[int, ...]) -> int | None:
    """The index of the one best option where the others are told apart no further."""
    return ranks.index(0) if ranks.count(0) == 1 and max(ranks) <= 1 else None
