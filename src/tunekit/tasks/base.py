"""What a task is: the meaning of a row, and its way into and out of every shape.

A task knows no backend and no file format. It turns rows into Examples (:meth:`Task.lower`), what
a caller asks into Inputs (:meth:`Task.input`), answers into typed predictions
(:meth:`Task.parse`), and Examples read from somewhere back into rows (:meth:`Task.lift`).
Training and prediction render an input through the same method with the same stored prompt, so
they can't drift apart.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError
from ..findings import Finding
from ..shapes import Asked, Example, Input, Shape, Target, Turn
from .asking import (
    ask_passage,
    chat,
    label_set,
    quick,
    refuse_unknown,
    unliftable,
    user_input,
    wrong_target,
)

__all__ = [
    "Cell",
    "Misread",
    "Prompt",
    "Record",
    "Row",
    "Survey",
    "Task",
    "ask_passage",
    "chat",
    "label_set",
    "quick",
    "refuse_unknown",
    "unliftable",
    "user_input",
    "wrong_target",
]

#: A frozen value of a column that is no part of the task.
Cell = str | int | float | bool | None | tuple[Any, ...]


class Prompt(BaseModel):
    """All the words that a model reads besides the row. Stored with job and model.

    ``system`` is the system turn; ``shots`` are examples that stand between it and the input. The
    last text of each is the assistant's, all before it are the user's: ``(user, assistant)``, or
    ``(context, user, assistant)``.

    Example:
        >>> Prompt(system="Be brief.", shots=(("Hello", "Hi"),)).turns[-1]
        Turn(role='assistant', text='Hi')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    shots: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """What stands before every input."""
        system = (Turn("system", self.system),) if self.system else ()
        shots = (
            (*(Turn("user", text) for text in said), Turn("assistant", answer))
            for *said, answer in self.shots
        )
        return (*system, *chain.from_iterable(shots))

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that change with any word of the prompt."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=8).hexdigest()


class Row(BaseModel):
    """A row: a frozen value. Types are checked here, meaning by ``check``.

    ``id`` is the caller's own name for it, where there is one. ``meta`` holds the columns that were
    not mapped, as (name, value) pairs. It is never part of a prompt and never part of what makes
    two rows the same.

    Example:
        >>> from tunekit import ClassificationRow
        >>> row = ClassificationRow(text="Thanks!", label="praise", meta=(("year", 2026),))
        >>> row.get("year"), row.id
        (2026, '...')
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    given_id: str | None = Field(default=None, alias="id", repr=False)
    meta: tuple[tuple[str, Any], ...] = Field(default=(), repr=False)

    @property
    def id(self) -> str:
        """The id that was given, else one made from the row's content."""
        if self.given_id:
            return self.given_id
        return hashlib.blake2b(orjson.dumps(self.content), digest_size=8).hexdigest()

    @property
    @abstractmethod
    def content(self) -> tuple[Any, ...]:
        """The task's own fields: what a fingerprint is made of."""

    @property
    def asks(self) -> tuple[Any, ...]:
        """What a model is asked. Of two rows that ask the same, one gives away the other's answer,
        so they belong into the same part of a split."""
        return self.content[:1]

    @property
    def judged(self) -> tuple[Any, Any]:
        """What was judged, and how: rows that judge the same thing differently contradict each
        other."""
        return self.asks, self.content

    @property
    def answer(self) -> str:
        """How a row answers what it asks, in words for a message."""
        return ", ".join(map(repr, self.content[1:]))

    def get(self, name: str, default: Any = None) -> Any:
        """The column ``name`` of ``meta``, or ``default`` where there is none."""
        for key, value in self.meta:
            if key == name:
                return value
        return default


class Record(NamedTuple):
    """One record of a source, mapped to the task's field names, before it is a row.

    ``line`` is where it begins: the line of a text file (from 1), the position in other sources.
    ``at`` is where a source can be opened again to read on from this record.
    """

    line: int
    at: int
    fields: dict[str, Any]


class Misread(NamedTuple):
    """A record that can't become a row: which field, and why."""

    line: int
    field: str | None
    message: str


class Survey:
    """What a task learns of a set as a whole, while its rows go by once.

    This one learns nothing; a task with something to learn has its own.
    """

    def see(self, rows: Sequence[Any]) -> None:
        """The next rows."""

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the set, once all rows were seen."""
        yield from ()

    def figures(self) -> Mapping[str, int | float]:
        """Facts about the set by name, such as ``spans``."""
        return {}


class Task(BaseModel, ABC):
    """A kind of supervised problem. See the concrete tasks for rows and predictions.

    ``instruction`` says what to do, for models that are instructed. The methods are what tunekit
    asks of a task, and what somebody writes who adds one: users call none of them.

    Example:
        A row on its way to a backend and back, and an answer on its way to a prediction.

        >>> from tunekit import Classification, ClassificationRow
        >>> from tunekit.shapes import Said, Shape
        >>> task = Classification(["good", "bad"])
        >>> row = ClassificationRow(text="Thanks!", label="good")
        >>> example = task.lower(row, Shape.CHAT, task.prompt())[0]
        >>> example.target, task.lift(example) == row
        (Said(text='good', probabilities=()), True)
        >>> asked = task.ask("Too late!")
        >>> task.input(asked, Shape.LABELLED, task.prompt())
        Passage(text='Too late!', context=None)
        >>> task.parse(asked, Said("bad"), Shape.CHAT).label
        'bad'
        >>> task.targets(row, task.asked(row), Shape.LABELLED)
        (Weights(by_label=(('good', 1.0),)),)

        What it knows of rows and sets:

        >>> task.label_values(row), task.needs(row), list(task.findings(row))
        (('good',), (), [])
        >>> [finding.code for finding in task.set_findings({"good": 3})]
        ['one-class']
        >>> Classification().resolve({"b": 2, "a": 1}).labels
        ('a', 'b')
        >>> task.relabel(frozenset({"none of it"}), frozenset()).labels, task.loses(Shape.CHAT)
        (('good', 'bad'), frozenset())
        >>> list(task.texts(row)), task.retext(row, str.upper).text
        ([('text', 'Thanks!')], 'THANKS!')
        >>> task.mend(row, frozenset({"non-nfc"})) == row
        True
        >>> [record.line for record in task.assemble([Record(2, 9, {"text": "Hello"})], {})]
        [2]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The registered name: what a saved model or job is loaded by.
    kind: ClassVar[str]
    row_type: ClassVar[type[Row]]
    #: Field names of a row, and those of them a record must have.
    columns: ClassVar[tuple[str, ...]]
    required: ClassVar[tuple[str, ...]]
    #: Fields that hold text. A whole number is taken as its digits there; nothing else converts.
    text_fields: ClassVar[frozenset[str]]
    #: Options of ``Dataset.read`` that this task understands, with their defaults.
    reader_options: ClassVar[Mapping[str, Any]] = {}
    #: The codes of findings that :meth:`mend` has one safe way out of.
    mends: ClassVar[frozenset[str]] = frozenset()
    #: Those of them that are safe only where the survey of the whole set has that finding.
    mends_of_set: ClassVar[frozenset[str]] = frozenset()

    instruction: str | None = None

    @property
    @abstractmethod
    def offers(self) -> tuple[Shape, ...]:
        """The shapes this task can honestly be lowered to."""

    @abstractmethod
    def prompt(self) -> Prompt:
        """Today's wording. A job stores what this said when it was made."""

    # --- reading --------------------------------------------------------------------------------

    def assemble(
        self, records: Iterable[Record | Misread], options: Mapping[str, Any]
    ) -> Iterable[Record | Misread]:
        """Bring ``records`` into the form of rows: one to one, unless a task groups or converts.

        ``options`` are those of :attr:`reader_options`. Misread records come through in their
        place.
        """
        return records

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            said = "; ".join(
                f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}"
                for one in error.errors()
            )
            raise InputError(f"{type(self).__name__}: {said}") from error

    def resolve(self, seen: Mapping[str, int]) -> Self:
        """The task with what the data told: ``seen`` counts the values of :meth:`label_values`."""
        return self

    def relabel(self, gone: frozenset[str], come: frozenset[str]) -> Self:
        """The task after labels were mended: ``gone`` are written nowhere any more, ``come`` are
        new."""
        return self

    def label_values(self, row: Any) -> tuple[str, ...]:
        """The labels that ``row`` shows: its class, the types of its spans."""
        return ()

    def needs(self, row: Any) -> tuple[str, ...]:
        """The features a route must carry for ``row``: context, overlap, ties, ranking."""
        return ()

    def loses(self, shape: Shape) -> frozenset[str]:
        """The features of :meth:`needs` that no format could carry in ``shape``."""
        return frozenset()

    def findings(self, row: Any) -> Iterator[Finding]:
        """What is wrong with the meaning of ``row`` alone (the caller fills in its place)."""
        yield from ()

    def set_findings(self, counts: Mapping[str, int]) -> Iterator[Finding]:
        """What is wrong with a training set as a whole, given the ``counts`` of label values."""
        yield from ()

    def survey(self) -> Survey:
        """A fresh survey, for one pass over a set."""
        return Survey()

    # --- mending --------------------------------------------------------------------------------

    def texts(self, row: Any) -> Iterator[tuple[str, str]]:
        """All that somebody wrote in ``row``, as (field, text) pairs; labels aren't texts."""
        yield from ()

    def retext(self, row: Any, change: Callable[[str], str]) -> Any | None:
        """``row`` with every text of :meth:`texts` put through ``change``, spans still on the same
        words. ``None`` where that can't be had.
        """
        return None

    def mend(self, row: Any, codes: frozenset[str]) -> Any:
        """``row`` without the findings of these ``codes`` (of :attr:`mends`), as far as they have
        one safe reading; else the same row."""
        return row

    # --- the narrow waist -----------------------------------------------------------------------

    @abstractmethod
    def ask(self, value: Any, **fields: Any) -> Asked:
        """What a caller of ``predict`` gives, ``value`` and further ``fields``, as one value.

        Raises:
            InputError: anything else.
        """

    @abstractmethod
    def asked(self, row: Any) -> Asked:
        """What ``row`` asks."""

    @abstractmethod
    def input(self, asked: Asked, shape: Shape, prompt: Prompt) -> Input:
        """Render what is ``asked`` for a ``shape``, in a ``prompt``: the same for training and
        prediction."""

    @abstractmethod
    def targets(self, row: Any, asked: Asked, shape: Shape) -> tuple[Target, ...]:
        """The answer of ``row`` to what it ``asked``, in ``shape`` (several where one row makes
        several pairs)."""

    def lower(self, row: Any, shape: Shape, prompt: Prompt) -> tuple[Example, ...]:
        """``row`` as training Examples of ``shape``, in a ``prompt``.

        Raises:
            ValueError: the row's meaning forbids it.
        """
        asked = self.asked(row)
        rendered = self.input(asked, shape, prompt)
        targets = self.targets(row, asked, shape)
        if len(targets) == 1:  # nearly always, and this is the hot path
            return (quick(Example, (rendered, targets[0])),)
        return tuple(Example(rendered, target) for target in targets)

    @abstractmethod
    def parse(self, asked: Asked, target: Target, shape: Shape) -> Any:
        """A backend's answer, ``target`` in ``shape``, to what was ``asked``, as a prediction, or
        a Failure. Inverts :meth:`targets`."""

    @abstractmethod
    def lift(self, example: Example) -> Row | Finding:
        """``example``, read from a provider's file, as a row: inverts :meth:`lower`."""
