"""Answers from the examples that a request shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ...shapes import Example, Failure, Said, Turn, Turns
from ..memory import Memory
from .caching import count
from .checking import TOKEN, Request, checked
from .replies import Refusal
from .state import State

__all__ = ["message"]


def message(state: State, asked: Any, version: str) -> dict[str, Any]:
    """The answer to a request of a version of the API."""
    request = checked(asked, version)
    if state.models is not None and request.model not in state.models:
        raise Refusal(404, f"model: {request.model}")
    used = count(state, request)
    total = sum(used)
    if total > state.context_tokens:
        raise Refusal(400, f"prompt is too long: {total} tokens > {state.context_tokens} maximum")
    text = _said(request)
    if request.schema is not None and not _is_json(text):
        text = orjson.dumps(_least(request.schema)).decode()
    cut = len(text.encode()) > request.most * TOKEN
    if cut:
        text = text[: request.most * TOKEN]
    usage = {
        "input_tokens": used.rest,
        "cache_creation_input_tokens": used.written,
        "cache_read_input_tokens": used.read,
        "output_tokens": len(text) // TOKEN + 1,
    }
    state.usages.append(usage)
    return {
        "id": state.new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "max_tokens" if cut else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def _said(request: Request) -> str:
    """The answer of the example with the same input, else of the most similar one; without an
    example, what was asked."""
    system = tuple(turn for turn in request.turns if turn.role == "system")
    examples: list[Example] = []
    waiting: list[Turn] = []
    for turn in request.turns[len(system) :]:
        if turn.role == "user":
            waiting.append(turn)
        else:
            examples.append(Example(Turns((*system, *waiting)), Said(turn.text)))
            waiting = []
    if "\0" in waiting[-1].text:
        raise Refusal(400, "messages: the text holds a NUL character")
    return _from(examples, Turns((*system, *waiting))) if examples else waiting[-1].text


def _from(examples: Sequence[Example], asked: Turns) -> str:
    answer = Memory(examples).answer(asked)
    assert not isinstance(answer, Failure)  # it fails on a NUL alone
    return answer.text if isinstance(answer, Said) else ""


def _is_json(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _least(schema: dict[str, Any]) -> Any:
    """The shortest value that follows a schema."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _least(schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return []
        case "string":
            return ""
        case "boolean":
            return False
        case "integer" | "number":
            return 0
        case _:
            return None
