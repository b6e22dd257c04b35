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
from .messages import EXTRAS, OPENAI, refused, says_something, turns_in

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
        rest = {
            key: one
            for key, one in record.items()
            if key != "messages" and (key not in EXTRAS or says_something(one))
        }
        last = record["messages"][-1]
        if "weight" not in last:
            return rest
        return {"answer_weight" if "weight" in rest else "weight": last["weight"], **rest}

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
            field = f"messages[{len(asked)}]"
            return Undecoded(field, "the last turn has weight 0: nothing is trained here.")
        return Example(Turns(tuple(asked), header.choices, header.schema), Said(last.text))
