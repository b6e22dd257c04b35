"""What the conversational layouts share: turns from messages, and what none of them may bring.

Every function takes any JSON value whatever and answers with what it read or with an Undecoded;
none of them raises on what a file may hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..shapes import Better, Example, Said, Turn, Turns
from .base import Undecoded

__all__ = [
    "EXTRAS",
    "OPENAI",
    "SHAREGPT",
    "Wording",
    "answer_in",
    "pair_of",
    "refused",
    "said",
    "says_something",
    "text_of",
    "turns_in",
]


class Wording(NamedTuple):
    """How a layout calls the two keys of a message and those who speak."""

    role: str
    text: str
    roles: Mapping[str, str]


_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_NAMED = {**_ROLES, "human": "user", "gpt": "assistant"}
OPENAI = Wording("role", "content", _ROLES)
SHAREGPT = Wording("from", "value", _NAMED)
_SHAREGPT_AS_OPENAI = Wording("role", "content", _NAMED)

_OF_TOOLS = frozenset({"function", "function_call", "observation", "tool", "tool_call"})
_TOOLS = ("tools", "functions")
_MEDIA = ("images", "videos", "audios")
_JUDGED = ("kto_tag", "label")
_REFUSING = frozenset({*_TOOLS, *_MEDIA, *_JUDGED})
#: Keys of a record that no row may need. Where they are empty they say nothing, and are dropped.
EXTRAS = frozenset({*_TOOLS, *_MEDIA})


def refused(record: Any, *, tools: bool = False) -> Undecoded | None:
    """Why a record is of no task here, whatever its messages say.

    With ``tools`` it may offer some: whether one is called is for its messages to say.
    """
    if not isinstance(record, dict):
        return Undecoded(None, f"is {_kind(record)}, not an object.")
    if _REFUSING.isdisjoint(record):  # nearly always
        return None
    for key in () if tools else _TOOLS:
        if says_something(record.get(key)):
            return Undecoded(key, "tools aren't part of any task.")
    for key in _MEDIA:
        if record.get(key):
            return Undecoded(key, f"{key} aren't part of any task.")
    for key in _JUDGED:
        if isinstance(record.get(key), bool):
            return Undecoded(
                key,
                "says of one answer alone whether it is good (KTO), which is no task here: a pair "
                "has a better and a worse answer. If it means something else, rename the key.",
            )
    return None


def says_something(value: Any) -> bool:
    """Whether what stands under one of :data:`EXTRAS` is more than an empty list."""
    return bool(value) and value != "[]"  # some write JSON inside a text


def turns_in(messages: Any, field: str, wording: Wording) -> tuple[Turn, ...] | Undecoded:
    """All messages of a list as turns."""
    if not isinstance(messages, list) or not messages:
        return Undecoded(field, f'no list of messages under "{field}".')
    turns: list[Turn] = []
    for position, message in enumerate(messages):
        turn = _turn(message, wording)
        if isinstance(turn, str):
            return Undecoded(f"{field}[{position}]", turn)
        turns.append(turn)
    return tuple(turns)


def answer_in(message: Any, field: str, wording: Wording) -> str | Undecoded:
    """The text of one message, which has to be the assistant's."""
    turn = _turn(message, wording)
    if isinstance(turn, str):
        return Undecoded(field, turn)
    if turn.role != "assistant":
        return Undecoded(field, f"is by {turn.role}, not by assistant.")
    return turn.text


def text_of(record: dict[str, Any], key: str) -> str | Undecoded:
    """What stands under a key, if it is a text."""
    value = record.get(key)
    if isinstance(value, str):
        return value
    return Undecoded(key, f"{key} is {_kind(value)}, not a text.")


def pair_of(
    asked: Turns,
    chosen: str | Undecoded,
    rejected: str | Undecoded,
    *,
    keys: tuple[str, str] = ("chosen", "rejected"),
) -> Example | Undecoded:
    """An Example of two answers, of which one is better; ``keys`` are those they stand under."""
    if isinstance(chosen, Undecoded):
        return chosen
    if isinstance(rejected, Undecoded):
        return rejected
    if chosen == rejected:
        better, worse = keys
        return Undecoded(worse, f"{better} and {worse} are equal: neither is better.")
    return Example(asked, Better(chosen, rejected))


def said(example: Example) -> tuple[Turns, str | Better]:
    """The two halves of an Example to write: turns, and one answer or two.

    Raises:
        ValueError: two answers that are equal, which :func:`pair_of` would not read again.
    """
    asked, target = example
    assert isinstance(asked, Turns) and isinstance(target, Said | Better)
    if isinstance(target, Said):
        return asked, target.text
    if target.chosen == target.rejected:
        raise ValueError("the better and the worse answer are equal")
    return asked, target


def _turn(message: Any, wording: Wording) -> Turn | str:
    """A message as a turn, or what is wrong with it."""
    if not isinstance(message, dict):
        return f"is {_kind(message)}, not an object."
    if wording is SHAREGPT and "from" not in message:
        wording = _SHAREGPT_AS_OPENAI
    given = message.get(wording.role)
    role = wording.roles.get(given) if isinstance(given, str) else None
    if role is None:
        return _no_role(given, wording)
    if message.get("tool_calls") or message.get("function_call"):
        return "calls a tool, which isn't part of any task."
    content = message.get(wording.text)
    match content:
        case [{"type": "text", "text": str(only)}]:
            content = only
    if not isinstance(content, str):
        return f"{wording.text} is {_kind(content)}, not a text."
    return Turn(role, content)  # type: ignore[arg-type]  # the values of roles are the three roles


def _no_role(given: Any, wording: Wording) -> str:
    if not isinstance(given, str):
        return f'"{wording.role}" is {_kind(given)}: nobody speaks.'
    if given in _OF_TOOLS:
        return f"{given!r} belongs to a call of a tool, which isn't part of any task."
    return f"role {given[:40]!r} isn't part of any task."


def _kind(value: Any) -> str:
    """What a JSON value is. Not the value itself: its repr may be long, or nested too deep."""
    return "missing" if value is None else type(value).__name__
