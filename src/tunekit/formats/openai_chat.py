"""``openai-chat``: one conversation per line, the last turn is the answer.

``{"messages": [{"role": "system", "content": …}, {"role": "user", …}, {"role": "assistant", …}]}``,
as OpenAI's fine-tuning guide has it, and everyone who speaks its API. Tools that nobody calls, and
the weight of the answer, are no part of a row; they come along in its ``meta``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..shapes import Example, Said, Shape, Turns
from .base import Container, Header, Undecoded
from .messages import EXTRAS, OPENAI, refused, turns_in

__all__ = ["OpenAIChat"]


class OpenAIChat:
    """Chat Examples as OpenAI's ``messages``."""

    name = "openai-chat"
    shapes = frozenset({Shape.CHAT})
    keys = frozenset({"messages"}) | EXTRAS
    container: Container = "objects"
    loses: frozenset[str] = frozenset()
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, target = example
        assert isinstance(asked, Turns) and isinstance(target, Said)
        messages = []
        for role, text in asked.turns:  # a comprehension's own frame would cost more than this loop
            messages.append({"role": role, "content": text})
        messages.append({"role": "assistant", "content": target.text})
        return {"messages": messages}

    def leaves(self, record: Any) -> Mapping[str, Any]:
        rest = {key: one for key, one in record.items() if one or key not in EXTRAS}
        del rest["messages"]
        last = record["messages"][-1]
        return {**rest, "weight": last["weight"]} if "weight" in last else rest

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        if (wrong := refused(record, tools=True)) is not None:
            return wrong
        messages = record.get("messages")
        turns = turns_in(messages, "messages", OPENAI)
        if isinstance(turns, Undecoded):
            return turns
        *asked, last = turns
        if last.role != "assistant":
            return Undecoded("messages", f"the last turn is by {last.role}, not by assistant.")
        if messages[-1].get("weight") == 0:
            return Undecoded("messages", "the last turn has weight 0: nothing is trained here.")
        return Example(Turns(tuple(asked), header.choices, header.schema), Said(last.text))
