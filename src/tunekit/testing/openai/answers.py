"""Answers from what a model was trained on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ...formats.base import Header, Undecoded
from ...formats.registry import codec
from ...shapes import Example, Failure, Said, Turn, Turns
from ..memory import Memory
from .checking import COMPLETES
from .replies import Refusal
from .state import State, now

__all__ = ["chat", "complete", "known_model"]

#: Characters of a token.
TOKEN = 4
CHAT_FIELDS = frozenset(
    {
        "model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop",
        "n", "logprobs", "top_logprobs", "response_format", "seed", "user", "metadata", "store",
        "frequency_penalty", "presence_penalty", "stream",
    }
)  # fmt: skip
TEXT_FIELDS = frozenset(
    {
        "model",
        "prompt",
        "temperature",
        "top_p",
        "max_tokens",
        "stop",
        "n",
        "logprobs",
        "seed",
        "user",
    }
)


def chat(state: State, asked: Any) -> dict[str, Any]:
    """A chat completion."""
    _check(asked, CHAT_FIELDS, "messages", list)
    turns = Turns(tuple(_turns(asked["messages"])))
    told = asked.get("top_logprobs")
    if told is not None and not (asked.get("logprobs") and 0 <= told <= 20):
        raise Refusal(400, "top_logprobs is from 0 to 20, beside logprobs", param="top_logprobs")
    said, ranked = _said(state, asked["model"], turns)
    most = asked.get("max_completion_tokens") or asked.get("max_tokens")
    text, why = _cut(said, asked.get("stop"), most)
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "finish_reason": why,
        "logprobs": None,
    }
    if asked.get("logprobs"):
        content = list(_tokens(text, ranked, told or 0))
        choice["logprobs"] = {"content": content, "refusal": None}
    return _completion(state, "chat.completion", asked["model"], choice, turns, text)


def complete(state: State, asked: Any) -> dict[str, Any]:
    """A text completion, of models that were trained on prompts."""
    _check(asked, TEXT_FIELDS, "prompt", str)
    turns = Turns((Turn("user", asked["prompt"]),))
    said, _ = _said(state, asked["model"], turns)
    text, why = _cut(said, asked.get("stop"), asked.get("max_tokens") or 16)
    choice = {"index": 0, "text": text, "finish_reason": why, "logprobs": None}
    return _completion(state, "text_completion", asked["model"], choice, turns, text)


def known_model(state: State, model: str) -> bool:
    """Whether there is such a model, tuned or not."""
    if model.startswith("ft:"):
        return any(job.shown["fine_tuned_model"] == _bare(model) for job in state.jobs.values())
    return state.base_models is None or model in state.base_models


def _deployed(state: State, model: str) -> str:
    """What a name stands for: that of a deployment for the newest model that was tuned."""
    tuned = [job.shown["fine_tuned_model"] for job in state.jobs.values()]
    known = [one for one in tuned if one is not None]
    return known[-1] if known and model == state.deployment else model


def _bare(model: str) -> str:
    return model.partition(":ckpt-step-")[0]


def _check(asked: Any, fields: frozenset[str], what: str, kind: type) -> None:
    if not isinstance(asked, dict) or not isinstance(asked.get("model"), str):
        raise Refusal(400, "you must provide a model parameter")
    if not isinstance(asked.get(what), kind):
        raise Refusal(400, f"'{what}' is a required property", param=what)
    unknown = set(asked) - fields
    if unknown:
        raise Refusal(400, f"Unrecognized request argument supplied: {sorted(unknown)[0]}")


def _turns(messages: list[Any]) -> Iterator[Turn]:
    for message in messages:
        match message:
            case {"role": "system" | "user" | "assistant" as role, "content": str(text)}:
                yield Turn(role, text)
            case _:
                raise Refusal(400, "a message has a known role and a text", param="messages")
    if not messages:
        raise Refusal(400, "messages is empty", param="messages")


def _said(state: State, model: str, turns: Turns) -> tuple[str, Mapping[str, float]]:
    """The answer, and how likely each remembered one is."""
    model = _deployed(state, model)
    if not known_model(state, model):
        raise Refusal(404, f"The model `{model}` does not exist", code="model_not_found")
    last = turns.turns[-1].text
    if not model.startswith("ft:"):
        return last, {last: 1.0}
    memory = _memory(state, _bare(model))
    answer = memory.answer(turns)
    if isinstance(answer, Failure):
        raise Refusal(400, answer.detail, param="messages")
    return (answer.text if isinstance(answer, Said) else ""), dict(memory.ranked(turns))


def _memory(state: State, model: str) -> Memory:
    if model not in state.memories:
        (shown,) = (
            job.shown for job in state.jobs.values() if job.shown["fine_tuned_model"] == model
        )
        with state.path(shown["training_file"]).open("rb") as lines:
            state.memories[model] = Memory(_example(shown, orjson.loads(line)) for line in lines)
    return state.memories[model]


def _example(shown: Mapping[str, Any], record: Any) -> Example:
    if shown["model"].startswith(COMPLETES):
        return Example(Turns((Turn("user", record["prompt"]),)), Said(record["completion"]))
    wire = codec("openai-dpo" if shown["method"]["type"] == "dpo" else "openai-chat")
    read = wire.decode(record, Header())
    if isinstance(read, Undecoded):
        # A conversation that no task has: its last turn is what there is to remember.
        turns = tuple(_turns(record["messages"]))
        return Example(Turns(turns[:-1]), Said(turns[-1].text))
    return read


def _cut(said: str, stop: Any, most: int | None) -> tuple[str, str]:
    """The answer up to a stop sequence or the limit of tokens, and why it ends there."""
    stops = [stop] if isinstance(stop, str) else stop or []
    for one in stops:
        said = said.partition(one)[0]
    if most is not None and len(said) > most * TOKEN:
        return said[: most * TOKEN], "length"
    return said, "stop"


def _tokens(said: str, ranked: Mapping[str, float], told: int) -> Iterator[dict[str, Any]]:
    """The tokens of an answer, each with the likeliest ones in its place: those with which the
    remembered answers that begin like this go on."""
    path = ""
    while path != said:
        there = {one: share for one, share in ranked.items() if one.startswith(path)}
        text = said[len(path) : len(path) + TOKEN]
        shares: dict[str, float] = defaultdict(float)
        for one, share in there.items():
            shares[one[len(path) : len(path) + TOKEN]] += share
        total = sum(shares.values()) or 1.0
        logs = {one: math.log(max(share / total, 1e-30)) for one, share in shares.items() if one}
        logs.setdefault(text, 0.0)
        likeliest = sorted(logs.items(), key=lambda pair: -pair[1])[:told]
        yield {
            **_token(text, logs[text]),
            "top_logprobs": [_token(one, log) for one, log in likeliest],
        }
        path += text


def _token(text: str, log: float) -> dict[str, Any]:
    return {"token": text, "logprob": log, "bytes": list(text.encode())}


def _completion(
    state: State, kind: str, model: str, choice: dict[str, Any], turns: Turns, text: str
) -> dict[str, Any]:
    prompt = sum(len(turn.text) // TOKEN + 1 for turn in turns.turns)
    answer = len(text) // TOKEN + 1
    return {
        "id": state.new_id("cmpl"),
        "object": kind,
        "created": now(),
        "model": model,
        "choices": [choice],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
        },
    }
