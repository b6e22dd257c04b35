"""The narrow waist: what stands between tasks and backends.

Two closed unions, used for training and for prediction alike. A task lowers a row to Examples of
one shape; a codec writes them in a provider's format; a backend answers an Input with a Target.
A new task or backend needs no change here; a new *shape* is a deliberate change of the core.

All are NamedTuples: values without identity, cheap enough for millions of rows. Tuples compare by
content, so values of two different kinds are told apart by ``isinstance``, never by ``==``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

__all__ = [
    "Asked",
    "Better",
    "Example",
    "Failure",
    "Input",
    "Marks",
    "Order",
    "Outcome",
    "Passage",
    "Question",
    "Role",
    "Said",
    "Shape",
    "Span",
    "Target",
    "Turn",
    "Turns",
    "Weights",
]

Role = Literal["system", "user", "assistant"]


class Turn(NamedTuple):
    """One turn of a conversation."""

    role: Role
    text: str


class Turns(NamedTuple):
    """A conversation that waits for an answer.

    ``choices`` closes the set of answers; ``schema`` is a JSON schema (as JSON text) that the
    answer follows. Both say what was trained, so that a backend asks for no more and no less.
    """

    turns: tuple[Turn, ...]
    choices: tuple[str, ...] = ()
    schema: str | None = None


class Passage(NamedTuple):
    """A text, with text that is read along and never answered about."""

    text: str
    context: str | None = None


class Question(NamedTuple):
    """A question with the options to choose from (none where the answer is free)."""

    question: str
    options: tuple[str, ...] = ()
    context: str | None = None


class Said(NamedTuple):
    """Words. ``probabilities`` has (answer, probability) pairs only where they are real."""

    text: str
    probabilities: tuple[tuple[str, float], ...] = ()


class Weights(NamedTuple):
    """(label, weight) pairs: 1.0 for the true label in training, probabilities in prediction."""

    by_label: tuple[tuple[str, float], ...]


class Span(NamedTuple):
    """A span with its ``label``; ``start`` and ``end`` count Unicode code points from 0, end
    exclusive.

    Example:
        >>> span = Span(5, 11, "city")
        >>> "From Berlin"[span.start : span.end], span.label
        ('Berlin', 'city')
    """

    start: int
    end: int
    label: str


class Marks(NamedTuple):
    """The labelled spans of a Passage, in order of appearance."""

    spans: tuple[Span, ...]


class Order(NamedTuple):
    """One score per option of a Question, higher is better, equal is a tie.

    ``probabilities`` has one per option, only where they are real.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...] = ()


class Better(NamedTuple):
    """Of two answers the preferred one. Trains only; no backend predicts it."""

    chosen: str
    rejected: str


Input: TypeAlias = Turns | Passage | Question
Target: TypeAlias = Said | Weights | Marks | Order | Better
#: What a caller wants answered, before it is rendered for a shape.
Asked: TypeAlias = Passage | Question


class Example(NamedTuple):
    """An input with its answer."""

    input: Input
    target: Target


class Failure(NamedTuple):
    """No answer for one input: a value, so that one bad row never costs the others.

    ``code`` is for programs, ``detail`` says in words what went wrong.

    Example:
        >>> Failure("label-outside-set", "the model answered 'maybe', which is no label").code
        'label-outside-set'
    """

    code: str
    detail: str


Outcome: TypeAlias = Target | Failure


class Shape(StrEnum):
    """A pair of halves: which Input goes with which Target."""

    CHAT = "chat"  # Turns, Said
    PAIR = "pair"  # Turns, Better
    LABELLED = "labelled"  # Passage, Weights
    SPANNED = "spanned"  # Passage, Marks
    TEXT_TO_TEXT = "text-to-text"  # Passage, Said
    RANKED = "ranked"  # Question, Order
