"""``openai-dpo``: one question per line with a better and a worse answer.

``{"input": {"messages": […]}, "preferred_output": [message], "non_preferred_output": [message]}``,
as OpenAI's guide to direct preference optimization has it, and Azure, Together and Fireworks after
it. Branches of its published schema from 2025 say ``preferred_completion`` instead; no server takes
that, so such a record is told what it should say. What else stands in ``input``, such as
``parallel_tool_calls``, comes along as ``input`` in the ``meta`` of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..shapes import Better, Example, Shape, Turns
from .base import Container, Header, Undecoded
from .messages import EXTRAS, OPENAI, answer_in, pair_of, refused, said, turns_in

__all__ = ["OpenAIDPO"]

BETTER, WORSE = "preferred_output", "non_preferred_output"
_ASKED = frozenset({"messages"}) | EXTRAS


class OpenAIDPO:
    """Pairs as ``input``, ``preferred_output`` and ``non_preferred_output``."""

    name = "openai-dpo"
    shapes = frozenset({Shape.PAIR})
    keys = frozenset({"input", BETTER, WORSE}) | EXTRAS
    container: Container = "objects"
    loses: frozenset[str] = frozenset()
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, better = said(example)
        assert isinstance(better, Better)
        if not asked.turns:
            raise ValueError("there is no turn to answer")
        return {
            "input": {"messages": [{"role": role, "content": text} for role, text in asked.turns]},
            BETTER: [{"role": "assistant", "content": better.chosen}],
            WORSE: [{"role": "assistant", "content": better.rejected}],
        }

    def leaves(self, record: Any) -> Mapping[str, Any]:
        rest = {key: one for key, one in record.items() if key not in self.keys}
        inside = {key: one for key, one in record["input"].items() if key not in _ASKED}
        return {**rest, "input": inside} if inside else rest

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        if (wrong := refused(record)) is not None:
            return wrong
        if "preferred_completion" in record and BETTER not in record:
            return Undecoded("preferred_completion", f'is called "{BETTER}" by every server.')
        asked = record.get("input")
        if (wrong := refused(asked)) is not None:
            return Undecoded("input", wrong.message)
        turns = turns_in(asked.get("messages"), "input.messages", OPENAI)
        if isinstance(turns, Undecoded):
            return turns
        return pair_of(
            Turns(turns, header.choices, header.schema),
            _only(record, BETTER),
            _only(record, WORSE),
            keys=(BETTER, WORSE),
        )


def _only(record: dict[str, Any], key: str) -> str | Undecoded:
    """The text of the one message that stands under a key."""
    messages = record.get(key)
    if not isinstance(messages, list) or len(messages) != 1:
        what = f"{len(messages)} messages" if isinstance(messages, list) else "no list of messages"
        return Undecoded(key, f'{what} under "{key}", where one is due.')
    return answer_in(messages[0], f"{key}[0]", OPENAI)
