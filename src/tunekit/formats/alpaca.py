"""``alpaca`` and ``alpaca-ranking``: one question and its answer, or two answers.

``{"instruction": …, "input": …, "output": …}``, and ``chosen`` and ``rejected`` instead of
``output`` for pairs. What a model is asked is the instruction, then the input on a line of its own
where there is one: so LLaMA-Factory joins them (``data/README.md`` there, "Alpaca Format").
``system`` and ``history`` are optional. Written is the whole question as ``instruction``.
"""

from __future__ import annotations

from typing import Any

from ..shapes import Better, Example, Said, Shape, Turn, Turns
from .base import Container, Header, Undecoded
from .messages import EXTRAS, pair_of, refused, said, text_of

__all__ = ["Alpaca", "AlpacaRanking"]

_ASKED = frozenset({"instruction", "input", "system", "history"}) | EXTRAS


class Alpaca:
    """Chat Examples of one round as ``instruction``, ``input`` and ``output``."""

    name = "alpaca"
    shapes = frozenset({Shape.CHAT})
    keys = _ASKED | {"output"}
    container: Container = "objects"
    loses = frozenset({"context"})
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, answer = said(example)
        assert isinstance(answer, str)
        return _record(asked, {"output": answer})

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        asked = _asked(record, header)
        if isinstance(asked, Undecoded):
            return asked
        answer = text_of(record, "output")
        return answer if isinstance(answer, Undecoded) else Example(asked, Said(answer))


class AlpacaRanking:
    """Pairs as ``instruction``, ``input``, ``chosen`` and ``rejected``."""

    name = "alpaca-ranking"
    shapes = frozenset({Shape.PAIR})
    keys = _ASKED | {"chosen", "rejected"}
    container: Container = "objects"
    loses = frozenset({"context"})
    changes = ""

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        asked, better = said(example)
        assert isinstance(better, Better)
        return _record(asked, {"chosen": better.chosen, "rejected": better.rejected})

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        asked = _asked(record, header)
        if isinstance(asked, Undecoded):
            return asked
        return pair_of(asked, text_of(record, "chosen"), text_of(record, "rejected"))


def _record(asked: Turns, answers: dict[str, str]) -> dict[str, Any]:
    """A record of one round. A system turn that says nothing is left out."""
    turns = asked.turns
    system = turns[0].text if turns and turns[0].role == "system" else ""
    match turns[1:] if turns and turns[0].role == "system" else turns:
        case (Turn("user", question),):
            pass
        case _:
            raise ValueError("alpaca has one question a record: no context, no earlier rounds")
    record: dict[str, Any] = {"instruction": question, "input": "", **answers}
    if system:
        record["system"] = system
    return record


def _asked(record: Any, header: Header) -> Turns | Undecoded:
    if (wrong := refused(record)) is not None:
        return wrong
    if record.get("history"):
        return Undecoded("history", "has earlier rounds: longer conversations aren't any task.")
    question = text_of(record, "instruction")
    if isinstance(question, Undecoded):
        return question
    if record.get("input") is not None:
        more = text_of(record, "input")
        if isinstance(more, Undecoded):
            return more
        question = f"{question}\n{more}" if question and more else question or more
    turns: tuple[Turn, ...] = (Turn("user", question),)
    if record.get("system") is not None:
        system = text_of(record, "system")
        if isinstance(system, Undecoded):
            return system
        if system:
            turns = (Turn("system", system), *turns)
    return Turns(turns, header.choices, header.schema)
