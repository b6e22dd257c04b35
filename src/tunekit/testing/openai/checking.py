"""What a provider refuses: requests that create a job, and lines of training files.

Limits are those of OpenAI's published schema and guides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from .replies import Refusal

__all__ = ["check_job", "wrong_line"]

FIELDS = frozenset(
    {
        "model", "training_file", "validation_file", "suffix", "seed", "metadata", "method",
        "hyperparameters", "integrations",
    }
)  # fmt: skip
METHODS = {
    "supervised": ("n_epochs", "batch_size", "learning_rate_multiplier"),
    "dpo": ("n_epochs", "batch_size", "learning_rate_multiplier", "beta"),
}
RANGES = {
    "n_epochs": (1, 50, int),
    "batch_size": (1, 256, int),
    "learning_rate_multiplier": (0, math.inf, float),
    "beta": (0, 2, float),
}
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
COMPLETES = ("babbage-002", "davinci-002")


def check_job(asked: Any, *, azure: bool) -> None:
    """Raise Refusal for a request that creates no job."""
    if not isinstance(asked, dict):
        raise Refusal(400, "the body is no object")
    for name in ("model", "training_file"):
        if not isinstance(asked.get(name), str):
            raise Refusal(400, f"'{name}' is a required property", param=name)
    unknown = set(asked) - FIELDS - ({"trainingType"} if azure else set())
    if unknown:
        raise Refusal(400, f"Unrecognized request argument: {sorted(unknown)[0]}")
    _expect("suffix", asked.get("suffix"), _is_suffix)
    _expect("seed", asked.get("seed"), lambda it: _is_number(it, 0, 2**31 - 1, int))
    _expect("metadata", asked.get("metadata"), _is_metadata)
    method = asked.get("method")
    if method is None:
        _check_hyperparameters("supervised", asked.get("hyperparameters"))
        return
    kind = method.get("type") if isinstance(method, dict) else None
    if kind not in METHODS:
        raise Refusal(400, f"method.type is one of {list(METHODS)}", param="method")
    if set(method) - {"type", kind}:
        raise Refusal(400, "Unrecognized request argument in method", param="method")
    inside = method.get(kind) or {}
    if not isinstance(inside, dict) or set(inside) - {"hyperparameters"}:
        raise Refusal(400, f"Unrecognized request argument in method.{kind}", param="method")
    _check_hyperparameters(kind, inside.get("hyperparameters") or asked.get("hyperparameters"))


def _check_hyperparameters(kind: str, given: Any) -> None:
    if given is not None and not isinstance(given, dict):
        raise Refusal(400, "hyperparameters is no object", param="hyperparameters")
    for name, value in (given or {}).items():
        if name not in METHODS[kind]:
            raise Refusal(400, f"Unrecognized hyperparameter: {name}", param=name)
        least, most, number = RANGES[name]
        if value != "auto" and not _is_number(value, least, most, number):
            raise Refusal(400, f"{name}={value!r} is out of range", param=name)


def _expect(name: str, value: Any, good: Any) -> None:
    if value is not None and not good(value):
        raise Refusal(400, f"{name} isn't valid", param=name)


def _is_number(value: Any, least: float, most: float, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        return False
    return (least <= value if kind is int else least < value) and value <= most


def _is_suffix(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 64


def _is_metadata(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= 16
        and all(
            len(name) <= 64 and isinstance(text, str) and len(text) <= 512
            for name, text in value.items()
        )
    )


def wrong_line(path: Path, model: str, method: str, least: int) -> str | None:
    """What is wrong with a training file, naming the first bad line; ``None`` for nothing."""
    count = 0
    with path.open("rb") as lines:
        for count, line in enumerate(lines, start=1):
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                return f"line {count} is no JSON"
            wrong = _wrong(record, model, method)
            if wrong is not None:
                return f"line {count}: {wrong}"
    if count < least:
        return f"the file has {count} example(s), but must have at least {least}"
    return None


def _wrong(record: Any, model: str, method: str) -> str | None:
    if not isinstance(record, dict):
        return "is no object"
    if method == "dpo":
        return _wrong_pair(record)
    if model.startswith(COMPLETES):
        if set(record) != {"prompt", "completion"}:
            return "has exactly the keys prompt and completion"
        return None if all(isinstance(one, str) for one in record.values()) else "holds no texts"
    unknown = set(record) - {"messages", "tools", "parallel_tool_calls", "functions"}
    if unknown:
        return f"has an unknown key {sorted(unknown)[0]!r}"
    wrong = _wrong_messages(record.get("messages"))
    if wrong is None and not any(one["role"] == "assistant" for one in record["messages"]):
        return "has no message by assistant"
    return wrong


def _wrong_pair(record: Mapping[str, Any]) -> str | None:
    if set(record) != {"input", "preferred_output", "non_preferred_output"}:
        return "has exactly the keys input, preferred_output and non_preferred_output"
    asked = record["input"]
    if not isinstance(asked, dict) or set(asked) - {"messages", "tools", "parallel_tool_calls"}:
        return "input holds messages"
    for name in ("preferred_output", "non_preferred_output"):
        wrong = _wrong_messages(record[name])
        if wrong is not None:
            return f"{name}: {wrong}"
        if len(record[name]) != 1 or record[name][0]["role"] != "assistant":
            return f"{name} is one message by assistant"
    return _wrong_messages(asked.get("messages"))


def _wrong_messages(messages: Any) -> str | None:
    if not isinstance(messages, list) or not messages:
        return "has no messages"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return "a message has no known role"
        if set(message) - {"role", "content", "weight", "name", "tool_calls", "tool_call_id"}:
            return "a message has an unknown key"
        if "weight" in message and (
            message["role"] != "assistant" or message["weight"] not in (0, 1)
        ):
            return "weight is 0 or 1, of assistant's messages only"
        if not isinstance(message.get("content"), str | list) and "tool_calls" not in message:
            return "a message has no content"
    return None
