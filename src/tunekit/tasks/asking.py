"""What tasks share on their ways in and out: what callers give, conversations, what can't be read.

A task of your own finds these in :mod:`tunekit.tasks.base` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..findings import Finding
from ..shapes import Example, Failure, Input, Passage, Target, Turn, Turns

if TYPE_CHECKING:
    from .base import Prompt

__all__ = [
    "ask_passage",
    "chat",
    "label_set",
    "quick",
    "refuse_unknown",
    "unliftable",
    "user_input",
    "wrong_target",
]

#: ``quick(Turn, ("user", "text"))`` makes a NamedTuple in half the time of calling its class: for
#: what is made for every row. All fields are to be given.
quick = tuple.__new__


def chat(
    asked_text: str,
    context: str | None,
    prompt: Prompt,
    choices: tuple[str, ...] = (),
    schema: str | None = None,
) -> Turns:
    """System turn, shots, context as a user turn of its own, then the bare input.

    Args:
        asked_text: the input.
        context: what is read along, or ``None``.
        prompt: the words before it.
        choices: the closed set of answers, where there is one.
        schema: the JSON schema that an answer follows, as JSON text, where there is one.

    Example:
        >>> from tunekit.tasks.base import Prompt
        >>> [turn.role for turn in chat("Hello", "A letter.", Prompt(system="Be brief.")).turns]
        ['system', 'user', 'user']
    """
    asked = quick(Turn, ("user", asked_text))
    before = prompt.turns if context is None else (*prompt.turns, Turn("user", context))
    return quick(Turns, ((*before, asked), choices, schema))


def user_input(asked: Input) -> Passage | None:
    """What an Input asks as a Passage: itself, or what the user turns hold (inverts :func:`chat`).

    ``None`` where it is no Passage, and where the turns aren't an optional system turn, an optional
    context and an input, as in a conversation of several rounds.

    Example:
        >>> user_input(Turns((Turn("system", "Be brief."), Turn("user", "Hello"))))
        Passage(text='Hello', context=None)
    """
    if not isinstance(asked, Turns):
        return asked if isinstance(asked, Passage) else None
    turns = asked
    rest = turns.turns[1:] if turns.turns and turns.turns[0].role == "system" else turns.turns
    if any(turn.role != "user" for turn in rest):
        return None
    match rest:
        case (only,):
            return Passage(only.text)
        case (context, only):
            return Passage(only.text, context.text)
        case _:
            return None


def label_set(value: Any) -> Any:
    """What a caller gave as ``labels``, as a tuple without repetitions; for field validators."""
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError("labels is a list of texts")
    # A set has another order in every process, and what is trained must not depend on that.
    labels = tuple(sorted(value) if isinstance(value, set | frozenset) else value)
    twice = sorted({repr(label) for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(f"labels stand twice: {', '.join(twice)}")
    return labels


def ask_passage(
    kind: str,
    value: Any,
    fields: Mapping[str, Any],
    *,
    extra: tuple[str, ...],
    text_name: str = "text",
) -> Passage:
    """A Passage from what ``predict`` was given: a text, or a mapping with the text and fields.

    Args:
        kind: of task, for the message.
        value: the text or mapping.
        fields: what was given by keyword.
        extra: the names of fields that the task takes besides its text.
        text_name: what the task calls the text.

    Raises:
        InputError: it is neither, or has other fields.

    Example:
        >>> ask_passage("extraction", "Hello", {"context": "A letter."}, extra=("context",))
        Passage(text='Hello', context='A letter.')
    """
    if isinstance(value, Mapping):
        fields = {**value, **fields}
        value = fields.pop(text_name, None)
    if not isinstance(value, str):
        raise InputError(
            f"{kind} takes a text or a mapping with {text_name!r}, not {type(value).__name__}. "
            "Give one of them."
        )
    refuse_unknown(kind, fields, extra)
    context = fields.get("context")
    if context is not None and not isinstance(context, str):
        raise InputError(f"context is {type(context).__name__}. Give a text.")
    return Passage(value, context)


def refuse_unknown(kind: str, fields: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raise InputError on fields that this task doesn't take."""
    unknown = [name for name in fields if name not in known]
    if unknown:
        takes = f"it takes {', '.join(known)}" if known else "it takes no fields"
        raise InputError(
            f"{kind} doesn't take {', '.join(map(repr, unknown))}: {takes}. Leave the others out."
        )


def wrong_target(kind: str, target: Target) -> Failure:
    """The failure for an answer of a kind that a task can't read."""
    return Failure("wrong-answer-kind", f"{kind} can't read {type(target).__name__} {target!r:.80}")


def unliftable(kind: str, example: Example) -> Finding:
    """The finding for an Example that isn't a row of this task."""
    halves = " and ".join(type(half).__name__ for half in example)
    return Finding(
        "not-this-task",
        "error",
        f"this record ({halves}) is no row of {kind}.",
        suggestion="It may hold a longer conversation, or belong to another task.",
    )
