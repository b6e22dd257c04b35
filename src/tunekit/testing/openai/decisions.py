"""Decisions: a pretrained model picks one of given choices, with probabilities."""

from __future__ import annotations

import re
from typing import Any

from ..memory import softmax
from .replies import Refusal
from .state import State

__all__ = ["DECLINES", "MODEL", "decide"]

MODEL = "gpt-6-luna"
#: An input with this in it is declined, so that a test can see that happen.
DECLINES = "[decline this]"
FIELDS = frozenset(
    {"model", "input", "questions", "prompt_cache_key", "prompt_cache_options", "safety_identifier"}
)
_WORD = re.compile(r"\w+")


def decide(state: State, asked: Any) -> dict[str, Any]:
    """The answers to all questions about an input: the choice that shares most words with it."""
    _check(asked)
    answers = [_answer(asked["input"], question) for question in asked["questions"]]
    size = len(asked["input"]) // 4 + 1
    return {
        "model": asked["model"],
        "answers": answers,
        "usage": {
            "input_tokens": size,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": size,
        },
    }


def _check(asked: Any) -> None:
    unknown = set(asked) - FIELDS
    if unknown:
        raise Refusal(400, f"Unrecognized request argument supplied: {sorted(unknown)[0]}")
    if asked.get("model") != MODEL:
        raise Refusal(400, f"Only `{MODEL}` is supported", param="model")
    if not isinstance(asked.get("input"), str):
        raise Refusal(400, "'input' is a required property", param="input")
    questions = asked.get("questions")
    if not isinstance(questions, list) or not 1 <= len(questions) <= 400:
        raise Refusal(400, "questions: from 1 to 400 of them", param="questions")
    for question in questions:
        match question:
            case {"type": "choice", "choices": list(choices)}:
                values = [one.get("value") for one in choices if isinstance(one, dict)]
            case _:
                raise Refusal(400, "only questions of type choice are served", param="questions")
        if not 2 <= len(choices) <= 255 or len({*map(str, values)}) < len(choices):
            raise Refusal(400, "choices: from 2 to 255 different ones", param="questions")


def _answer(text: str, question: dict[str, Any]) -> dict[str, Any]:
    name = question.get("name")
    if DECLINES in text:
        return {"type": "refusal", "name": name}
    words = set(_WORD.findall(text.lower()))
    scores = {
        one["value"]: float(
            len(words & set(_WORD.findall(f"{one['value']} {one.get('description', '')}".lower())))
        )
        for one in question["choices"]
    }
    ranked = softmax(scores)
    return {
        "type": "choice",
        "name": name,
        "choice": ranked[0][0],
        "confidence": ranked[0][1],
        "probabilities": [{"value": label, "probability": share} for label, share in ranked],
    }
