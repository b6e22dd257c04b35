"""Labels with calibrated probabilities from ``/v1/decisions``: a pretrained model, nothing tuned.

What is asked is what a chat would be asked: the system turn as the instructions, the label set as
the choices, the last user turn as the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ...errors import MalformedAnswer
from ...shapes import Failure, Input, Outcome, Said, Turns
from ..http_errors import ADVICE
from .wire import Wire

__all__ = ["DEFAULT_MODEL", "body_of", "outcome_of"]

#: The one model that OpenAI serves here.
DEFAULT_MODEL = "gpt-6-luna"
#: How many choices a question may have (OpenAI; others have fewer, and say so).
FEWEST, MOST = 2, 255
NAME = "label"


def body_of(model: str, asked: Input) -> dict[str, Any] | Failure:
    """The body of the request that asks this."""
    assert isinstance(asked, Turns)
    *before, last = asked.turns
    if not FEWEST <= len(asked.choices) <= MOST:
        return Failure(
            "no-choices",
            f"decisions are between {FEWEST} and {MOST} labels, and here are "
            f"{len(asked.choices)}. Take endpoint='chat'.",
        )
    if last.role != "user" or any(turn.role == "assistant" for turn in before):
        return Failure("shots", "decisions take no examples. Take endpoint='chat' for these.")
    question: dict[str, Any] = {
        "type": "choice",
        "name": NAME,
        "choices": [{"value": label} for label in asked.choices],
    }
    told = "\n\n".join(turn.text for turn in before)
    if told:
        question["instructions"] = told
    body = {"model": model, "input": last.text, "questions": [question]}
    try:
        orjson.dumps(body)
    except TypeError:
        return Failure("invalid-input", "the text can't be sent: it holds half a character")
    return body


def outcome_of(answer: Mapping[str, Any], asked: Input, wire: Wire) -> Outcome:
    """What an answer of the API says.

    Raises:
        MalformedAnswer: it is none.
    """
    assert isinstance(asked, Turns)
    answers = answer.get("answers")
    match answers:
        case [{"type": "refusal"}]:
            return Failure("refused", "the model declined to decide.")
        case [{"type": "choice", "choice": str(label), "probabilities": list(told)}]:
            odds = _odds(told)
            if odds is None or set(odds) != set(asked.choices):
                return Said(label)
            ranked = sorted(odds.items(), key=lambda pair: -pair[1])
            return Said(label, tuple(ranked))
        case [{"type": "choice", "choice": str(label)}]:
            return Said(label)
        case _:
            raise MalformedAnswer(
                f"the answer holds no decision. {ADVICE[MalformedAnswer]}", backend=wire.backend
            )


def _odds(told: list[Any]) -> dict[str, float] | None:
    """Probabilities by label, made to sum to 1; ``None`` where they aren't that."""
    odds: dict[str, float] = {}
    for one in told:
        match one:
            case {"value": str(label), "probability": int() | float() as share} if share >= 0:
                odds[label] = float(share)
            case _:
                return None
    total = sum(odds.values())
    if not 0.5 < total < 2:
        return None
    return {label: share / total for label, share in odds.items()}
