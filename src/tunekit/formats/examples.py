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
    Role,
    Said,
    Shape,
    Span,
    Target,
    Turn,
    Turns,
    Weights,
)
from .base import Container, Header, Undecoded

__all__ = ["Examples", "encode_input", "encode_target"]


class Examples:
    """Examples of any shape as JSON objects."""

    name = "examples"
    shapes = frozenset(Shape)
    keys = frozenset({"input", "target"})
    container: Container = "objects"
    loses: frozenset[str] = frozenset()
    changes = ""

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
    context = None if record.get("context") is None else _text(record["context"])
    if "turns" in record:
        turns = tuple(Turn(_role(turn["role"]), _text(turn["content"])) for turn in record["turns"])
        schema = None if record.get("schema") is None else _text(record["schema"])
        return Turns(turns, tuple(map(_text, record.get("choices", ()))), schema)
    if "question" in record:
        return Question(_text(record["question"]), tuple(map(_text, record["options"])), context)
    return Passage(_text(record["text"]), context)


def _target(record: dict[str, Any]) -> Target:
    match record:
        case {"weights": pairs}:
            return Weights(tuple((_text(label), _number(weight)) for label, weight in pairs))
        case {"spans": spans}:
            return Marks(tuple(Span(_whole(s), _whole(e), _text(label)) for s, e, label in spans))
        case {"text": text, **rest}:
            pairs = rest.get("probabilities", ())
            return Said(_text(text), tuple((_text(one), _number(p)) for one, p in pairs))
        case {"scores": scores, **rest}:
            real = tuple(map(_number, rest.get("probabilities", ())))
            return Order(tuple(map(_number, scores)), real)
        case {"chosen": chosen, "rejected": rejected}:
            return Better(_text(chosen), _text(rejected))
        case _:
            raise ValueError(f"no known target among {', '.join(sorted(record))!r:.80}")


# These name the type, not the value: its repr may be long, or nested too deep to be made.


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value


def _role(value: Any) -> Role:
    if value not in ("system", "user", "assistant"):
        what = repr(value[:40]) if isinstance(value, str) else type(value).__name__
        raise ValueError(f"{what} is no role")
    return value  # type: ignore[no-any-return]  # one of the three, as was just seen


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{type(value).__name__} is no number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} is no whole number")
    return value
