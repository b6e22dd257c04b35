"""``examples``: our own layout, for every shape. What the local worker reads.

``{"input": …, "target": …}`` with an input of ``turns``, ``text`` or ``question``, and a target
that has the one key of its kind. Nothing needs the header, so it inverts exactly.
"""

from __future__ import annotations

from typing import Any

from ..shapes import (
    Better,
    Example,
    Input,
    Marks,
    Order,
    Passage,
    Question,
    Said,
    Shape,
    Span,
    Target,
    Turn,
    Turns,
    Weights,
)
from .base import Header, Undecoded

__all__ = ["Examples", "encode_input", "encode_target"]


class Examples:
    """Examples of any shape as JSON objects."""

    name = "examples"
    shapes = frozenset(Shape)
    keys = frozenset({"input", "target"})

    def encode(self, example: Example, header: Header) -> dict[str, Any]:
        return {"input": encode_input(example.input), "target": encode_target(example.target)}

    def decode(self, record: Any, header: Header) -> Example | Undecoded:
        match record:
            case {"input": dict(asked), "target": dict(target)}:
                pass
            case _:
                return Undecoded(None, 'no objects under "input" and "target".')
        try:
            return Example(_input(asked), _target(target))
        except (KeyError, TypeError, ValueError) as error:
            return Undecoded(None, f"is no example ({type(error).__name__}: {error}).")


def encode_input(asked: Input) -> dict[str, Any]:
    """An Input as a JSON object."""
    if isinstance(asked, Turns):
        record: dict[str, Any] = {
            "turns": [{"role": role, "content": text} for role, text in asked.turns]
        }
        if asked.choices:
            record["choices"] = list(asked.choices)
        if asked.schema is not None:
            record["schema"] = asked.schema
        return record
    if isinstance(asked, Passage):
        record = {"text": asked.text}
    else:
        record = {"question": asked.question, "options": list(asked.options)}
    if asked.context is not None:
        record["context"] = asked.context
    return record


def encode_target(target: Target) -> dict[str, Any]:
    """A Target as a JSON object."""
    match target:
        case Weights(by_label):
            return {"weights": [list(pair) for pair in by_label]}
        case Marks(spans):
            return {"spans": [list(span) for span in spans]}
        case Said(text, ()):
            return {"text": text}
        case Said(text, probabilities):
            return {"text": text, "probabilities": [list(pair) for pair in probabilities]}
        case Order(scores, ()):
            return {"scores": list(scores)}
        case Order(scores, probabilities):
            return {"scores": list(scores), "probabilities": list(probabilities)}
        case Better(chosen, rejected):
            return {"chosen": chosen, "rejected": rejected}


def _input(record: dict[str, Any]) -> Input:
    if "turns" in record:
        turns = tuple(Turn(turn["role"], turn["content"]) for turn in record["turns"])
        return Turns(turns, tuple(record.get("choices", ())), record.get("schema"))
    if "question" in record:
        return Question(record["question"], tuple(record["options"]), record.get("context"))
    return Passage(record["text"], record.get("context"))


def _target(record: dict[str, Any]) -> Target:
    match record:
        case {"weights": pairs}:
            return Weights(tuple((str(label), float(weight)) for label, weight in pairs))
        case {"spans": spans}:
            return Marks(tuple(Span(int(s), int(e), str(label)) for s, e, label in spans))
        case {"text": text, **rest}:
            said = tuple((str(a), float(p)) for a, p in rest.get("probabilities", ()))
            return Said(text, said)
        case {"scores": scores, **rest}:
            real = tuple(map(float, rest.get("probabilities", ())))
            return Order(tuple(map(float, scores)), real)
        case {"chosen": chosen, "rejected": rejected}:
            return Better(chosen, rejected)
        case _:
            raise ValueError(f"no known target in {sorted(record)}")
