"""``openai-chat``: one conversation per line, the last turn is the answer.

``{"messages": [{"role": "system", "content": …}, {"role": "user", …}, {"role": "assistant", …}]}``,
as OpenAI's fine-tuning guide has it, and everyone who speaks its API.
"""

from __future__ import annotations

from typing import Any

from ..shapes import Example, Said, Shape, Turn, Turns
from .base import Header, Undecoded

__all__ = ["OpenAIChat"]

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class OpenAIChat:
    """Chat Examples as OpenAI's ``messages``."""

    name = "openai-chat"
    shapes = frozenset({Shape.CHAT})
    keys = frozenset({"messages"})

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, target = example
        assert isinstance(asked, Turns) and isinstance(target, Said)
        messages = []
        for role, text in asked.turns:  # a comprehension's own frame would cost more than this loop
            messages.append({"role": role, "content": text})
        messages.append({"role": "assistant", "content": target.text})
        return {"messages": messages}

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        messages = record.get("messages") if isinstance(record, dict) else None
        if not isinstance(messages, list) or not messages:
            return Undecoded("messages", 'no list under "messages".')
        if record.get("tools") or record.get("functions"):
            return Undecoded("tools", "tools aren't part of any task.")
        turns: list[Turn] = []
        for position, message in enumerate(messages):
            turn = _turn(message)
            if isinstance(turn, str):
                return Undecoded(f"messages[{position}]", turn)
            turns.append(turn)
        *asked, last = turns
        if last.role != "assistant":
            return Undecoded("messages", f"the last turn is by {last.role}, not by assistant.")
        if messages[-1].get("weight") == 0:
            return Undecoded("messages", "the last turn has weight 0: nothing is trained here.")
        return Example(Turns(tuple(asked), header.choices, header.schema), Said(last.text))


def _turn(message: Any) -> Turn | str:
    """A message as a turn, or what is wrong with it."""
    if not isinstance(message, dict):
        return "is no object."
    given = message.get("role")
    role = ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        return f"role {given!r:.40} isn't part of any task."
    if message.get("tool_calls") or message.get("function_call"):
        return "calls a tool, which isn't part of any task."
    content = message.get("content")
    match content:
        case [{"type": "text", "text": str(only)}]:
            content = only
    if not isinstance(content, str):
        return f"content is {type(content).__name__}, not a text."
    return Turn(role, content)  # type: ignore[arg-type]  # ROLES' values are the three roles
