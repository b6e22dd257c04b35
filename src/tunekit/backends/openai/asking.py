"""Answers of a model, many at once: in order, and one bad input costs no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import openai
import orjson

from ...errors import InvalidRequest, MalformedAnswer
from ...formats.openai_completions import STOP, prompt_of
from ...shapes import Failure, Input, Outcome, Said, Turns
from ..http_errors import ADVICE
from ..many import ask_many, until_readable
from . import decisions
from .label_odds import Token, label_odds, tokens_in
from .methods import completes
from .wire import Wire

__all__ = ["Asking", "ask_all", "body_for", "outcome_of"]

#: The most that the API tells of what could have been said instead.
TOLD = 20
#: Settings that some models and servers don't take. Without them an answer is still the model's
#: own: the likeliest one is what a server without a temperature gives by itself or can't be had.
DROPPABLE = ("logprobs", "top_logprobs", "temperature")


class Asking(NamedTuple):
    """How a model is asked.

    ``model`` is its id at the provider, ``at_once`` how many calls may be under way, ``settings``
    what goes into every request (``temperature``, ``max_tokens``), ``odds`` whether probabilities
    are asked for where the answers are a closed set, ``decides`` whether decisions are asked for
    instead of a chat.
    """

    model: str
    at_once: int
    settings: Mapping[str, Any]
    odds: bool = True
    decides: bool = False


async def ask_all(wire: Wire, asking: Asking, inputs: Sequence[Input]) -> list[Outcome]:
    """One outcome per input, in order; raises what :func:`ask_many` does."""
    unwanted: set[str] = set()
    async with wire.async_client(min(asking.at_once, len(inputs))) as client:

        async def ask(asked: Input) -> Outcome:
            return await _ask(wire, client, asking, asked, unwanted)

        return await ask_many(ask, inputs, asking.at_once)


async def _ask(
    wire: Wire, client: openai.AsyncOpenAI, asking: Asking, asked: Input, unwanted: set[str]
) -> Outcome:
    body = decisions.body_of(asking.model, asked) if asking.decides else body_for(asking, asked)
    if isinstance(body, Failure):
        return body
    what = f"asking {asking.model}"
    read = decisions.outcome_of if asking.decides else outcome_of
    chat: Any = client.completions if "prompt" in body else client.chat.completions
    chat = client.decisions if asking.decides else chat

    async def once() -> Outcome:
        sent = {name: value for name, value in body.items() if name not in unwanted}
        try:
            with wire.errors(what):
                raw = await chat.with_raw_response.create(**sent)
        except InvalidRequest as error:
            refused = _unwanted(sent, error, asked)
            if not refused:
                raise
            unwanted.update(refused)
            return await once()
        return read(wire.read(raw, what), asked, wire)

    return await until_readable(wire.retries)(once)


def _unwanted(sent: Mapping[str, Any], error: InvalidRequest, asked: Input) -> set[str]:
    """The settings that an error names, unless the words may be those of the input."""
    assert isinstance(asked, Turns)
    texts = " ".join([str(sent["model"]), *(turn.text for turn in asked.turns)])
    said = str(error)
    return {name for name in DROPPABLE if name in sent and name in said and name not in texts}


def body_for(asking: Asking, asked: Input) -> dict[str, Any] | Failure:
    """The body of the request that asks this, as the model was trained on it."""
    assert isinstance(asked, Turns)
    try:
        orjson.dumps([turn.text for turn in asked.turns])
    except TypeError:
        return Failure("invalid-input", "the text can't be sent: it holds half a character")
    body: dict[str, Any] = {"model": asking.model, **asking.settings}
    if completes(asking.model):
        try:
            return {**body, "prompt": prompt_of(asked), "stop": [STOP]}
        except ValueError as error:
            return Failure("invalid-input", f"{error}")
    body["messages"] = [{"role": role, "content": text} for role, text in asked.turns]
    if asked.choices and asking.odds:
        body.update(logprobs=True, top_logprobs=TOLD)
    return body


def outcome_of(answer: Mapping[str, Any], asked: Input, wire: Wire) -> Outcome:
    """What an answer of the API says.

    Raises:
        MalformedAnswer: it is none.
    """
    assert isinstance(asked, Turns)
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        raise MalformedAnswer(
            f"the answer has no choices. {ADVICE[MalformedAnswer]}", backend=wire.backend
        )
    match first:
        case {"finish_reason": "length"}:
            return Failure("cut-short", "the answer reached the limit of tokens. Raise max_tokens.")
        case {"finish_reason": "content_filter"}:
            return Failure("filtered", "the provider's filter kept the answer back.")
        case {"message": {"refusal": str(refusal)}} if refusal:
            return Failure("refused", refusal)
        case {"message": {"content": str(said)}}:
            return _said(asked, said, first.get("logprobs"))
        case {"text": str(said)}:
            # Cut at the stop sequence by the server; a line end before that is the answer's own.
            return _said(asked, said.removeprefix(" ").removesuffix(STOP), None)
        case _:
            raise MalformedAnswer("the answer says nothing. Ask again.", backend=wire.backend)


def _said(asked: Turns, said: str, logprobs: Any) -> Said:
    """The answer; of a closed set the likeliest one, with probabilities where they are real."""
    tokens = tokens_in(logprobs) if asked.choices else None
    tokens = _spelling(tokens, said) if tokens else None
    odds = label_odds(asked.choices, tokens) if tokens else None
    if odds:
        return Said(odds[0][0], odds)
    # White space around a label is no other label.
    bare = said.strip()
    return Said(bare if said not in asked.choices and bare in asked.choices else said)


def _spelling(tokens: Sequence[Token], said: str) -> list[Token] | None:
    """The tokens that spell the answer; ``None`` where they spell something else, as servers have
    it that list an end token, a line of thought, or bytes: nothing can be said of odds then."""
    path = ""
    for count, token in enumerate(tokens, start=1):
        path += token.text
        if path == said:
            return list(tokens[:count])
        if not said.startswith(path):
            return None
    return None
