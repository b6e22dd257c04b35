"""``sharegpt`` and ``sharegpt-ranking``: a conversation in which user and assistant alternate.

``{"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}``; for pairs the
conversation ends with the question, and ``chosen`` and ``rejected`` hold one message each. A system
turn stands first, or its text under ``system``. ``messages`` with ``role`` and ``content`` are
read as well. As in LLaMA-Factory (``data/README.md`` there, "Sharegpt Format"), turns alternate
strictly: it drops all others, so they are refused here, and a context has no place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..shapes import Better, Example, Said, Shape, Turn, Turns
from .base import Container, Header, Undecoded
from .messages import EXTRAS, SHAREGPT, answer_in, pair_of, refused, said, turns_in

__all__ = ["ShareGPT", "ShareGPTRanking"]

_ASKED = frozenset({"conversations", "messages", "system"}) | EXTRAS
_WRITTEN = {"system": "system", "user": "human", "assistant": "gpt"}


class ShareGPT:
    """Chat Examples as ``conversations``."""

    name = "sharegpt"
    shapes = frozenset({Shape.CHAT})
    keys = _ASKED
    container: Container = "objects"
    loses = frozenset({"context"})
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, answer = said(example)
        assert isinstance(answer, str)
        return {"conversations": [*_messages(asked), {"from": "gpt", "value": answer}]}

    def leaves(self, record: Any) -> Mapping[str, Any]:
        return _left_over(record, self.keys)

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        turns = _turns(record, ends_with="assistant")
        if isinstance(turns, Undecoded):
            return turns
        asked = Turns(turns[:-1], header.choices, header.schema)
        return Example(asked, Said(turns[-1].text))


class ShareGPTRanking:
    """Pairs as ``conversations``, ``chosen`` and ``rejected``."""

    name = "sharegpt-ranking"
    shapes = frozenset({Shape.PAIR})
    keys = _ASKED | {"chosen", "rejected"}
    container: Container = "objects"
    loses = frozenset({"context"})
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, better = said(example)
        assert isinstance(better, Better)
        return {
            "conversations": _messages(asked),
            "chosen": {"from": "gpt", "value": better.chosen},
            "rejected": {"from": "gpt", "value": better.rejected},
        }

    def leaves(self, record: Any) -> Mapping[str, Any]:
        return _left_over(record, self.keys)

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        turns = _turns(record, ends_with="user")
        if isinstance(turns, Undecoded):
            return turns
        return pair_of(
            Turns(turns, header.choices, header.schema),
            answer_in(record.get("chosen"), "chosen", SHAREGPT),
            answer_in(record.get("rejected"), "rejected", SHAREGPT),
        )


def _messages(asked: Turns) -> list[dict[str, str]]:
    place = _out_of_turn(asked.turns)
    if place is not None or not asked.turns or asked.turns[-1].role != "user":
        raise ValueError("ShareGPT's user and assistant alternate, the user begins and ends")
    return [{"from": _WRITTEN[role], "value": text} for role, text in asked.turns]


def _turns(record: Any, *, ends_with: str) -> tuple[Turn, ...] | Undecoded:
    """The turns of a record, its system text among them."""
    if (wrong := refused(record)) is not None:
        return wrong
    field = "conversations"
    if "messages" in record:
        if field in record:
            return Undecoded("messages", 'stands beside "conversations": which of them is meant?')
        field = "messages"
    turns = turns_in(record.get(field), field, SHAREGPT)
    if isinstance(turns, Undecoded):
        return turns
    system = record.get("system")
    if system is not None and not isinstance(system, str):
        return Undecoded("system", f"system is {type(system).__name__}, not a text.")
    place = _out_of_turn(turns)
    if place is not None:
        due = "user" if place == 0 or turns[place - 1].role != "user" else "assistant"
        return Undecoded(
            f"{field}[{place}]",
            f"is by {turns[place].role} where it is {due}'s turn: a system turn may come first, "
            "then user and assistant alternate.",
        )
    if turns[-1].role != ends_with:
        return Undecoded(field, f"the last turn is by {turns[-1].role}, not by {ends_with}.")
    # A turn of its own wins over the key beside the conversation, as in LLaMA-Factory.
    if system and turns[0].role != "system":
        return (Turn("system", system), *turns)
    return turns


def _left_over(record: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    """Other keys of a record that was read, and a system text that a turn of its own won over."""
    rest = {key: one for key, one in record.items() if key not in keys}
    if record.get("system"):
        field = "messages" if "messages" in record else "conversations"
        match turns_in(record[field][:1], field, SHAREGPT):
            case (Turn(role="system"),):
                rest["system"] = record["system"]
    return rest


def _out_of_turn(turns: tuple[Turn, ...]) -> int | None:
    """The first turn out of order: a system turn may come first, then user and assistant take
    turns."""
    first = 1 if turns and turns[0].role == "system" else 0
    for place in range(first, len(turns)):
        if turns[place].role != ("assistant" if (place - first) % 2 else "user"):
            return place
    return None
