"""What the API is sent for an input, and what its answer says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import orjson

from ...errors import InputError, MalformedAnswer
from ...prompted import Compiled, tokens_of
from ...prompted.shots import apart
from ...shapes import Failure, Input, Outcome, Said, Turn, Turns
from .wire import Wire

__all__ = ["Asking", "CacheTime", "body_for", "outcome_of"]

CacheTime = Literal["5m", "1h"]

#: Tokens of an answer: some more than it can need, since one that is cut is no answer. A token is
#: no shorter than a byte.
SPARE, LEAST, MOST = 16, 1_024, 16_000
#: What holds an answer whose schema isn't that of an object: the API promises JSON objects.
ANSWER = "answer"


class Asking(NamedTuple):
    """How a model is asked.

    ``model`` is its id at the provider, ``compiled`` the prompt with examples where there is one,
    ``settings`` goes into every request, ``max_tokens`` bounds an answer, ``cache`` is how long the
    provider keeps the part that never changes (``None``: not at all), ``structured`` says whether
    the provider is to hold answers to their schema.
    """

    model: str
    compiled: Compiled | None
    settings: Mapping[str, Any]
    max_tokens: int | None = None
    cache: CacheTime | None = "5m"
    structured: bool = True


def body_for(asking: Asking, asked: Input) -> dict[str, Any] | Failure:
    """The body of the request that asks this.

    Example:
        >>> asking = Asking("claude-haiku-4-5", None, {}, cache=None)
        >>> body_for(asking, Turns((Turn("user", "yes or no?"),), ("yes", "no")))["max_tokens"]
        19
    """
    assert isinstance(asked, Turns)
    lead, own = apart(asked)
    try:
        orjson.dumps([turn.text for turn in asked.turns])
    except TypeError:
        return Failure("invalid-input", "the text can't be sent: it holds half a character")
    if not own or not all(turn.text.strip() for turn in own):
        return Failure("invalid-input", "the text is empty, and the API takes no empty text")
    shown, fixed = asked.turns, len(lead)
    if asking.compiled is not None:
        try:
            shown = asking.compiled.turns_for(asked).turns
        except InputError as error:
            return Failure("other-prompt", str(error))
        fixed = len(asking.compiled.prefix)
    if any(turn.role == "system" for turn in shown[1:]):
        return Failure("invalid-input", "the API takes a system turn at the beginning alone")
    body: dict[str, Any] = {
        "model": asking.model,
        "max_tokens": asking.max_tokens or _tokens_for(asked, own, asking.compiled),
        **asking.settings,
    }
    schema = _schema_of(asked) if asking.structured else None
    if schema is not None:
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    return {**body, **_said_before(shown, fixed, asking.cache, _held(asked, asking.structured))}


def _tokens_for(asked: Turns, own: Sequence[Turn], compiled: Compiled | None) -> int:
    """Room for an answer: what isn't used costs nothing. A token is a byte or more."""
    if asked.choices:
        return SPARE + max(len(choice.encode()) for choice in asked.choices)
    shown = 0 if compiled is None else compiled.longest + SPARE
    return min(MOST, max(LEAST, shown, 4 * tokens_of(*(turn.text for turn in own))))


def _said_before(
    turns: Sequence[Turn], fixed: int, cache: CacheTime | None, held: bool
) -> dict[str, Any]:
    """System and messages, with a mark on the last block that never changes: what is before it is
    kept by the provider."""
    system: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    for place, turn in enumerate(turns):
        text = _hold(turn.text) if held and turn.role == "assistant" else turn.text
        block: dict[str, Any] = {"type": "text", "text": text}
        if cache is not None and place == fixed - 1:
            block["cache_control"] = {"type": "ephemeral", "ttl": cache}
        if turn.role == "system":
            system.append(block)
        else:
            messages.append({"role": turn.role, "content": [block]})
    return {**({"system": system} if system else {}), "messages": messages}


# --- answers that follow a schema -----------------------------------------------------------------


def _schema_of(asked: Turns) -> dict[str, Any] | None:
    if asked.schema is None:
        return None
    schema: dict[str, Any] = orjson.loads(asked.schema)
    if schema.get("type") == "object":
        return schema
    return {
        "type": "object",
        "properties": {ANSWER: schema},
        "required": [ANSWER],
        "additionalProperties": False,
    }


def _held(asked: Turns, structured: bool) -> bool:
    """Whether answers stand in an object that is only there to hold them."""
    if not structured or asked.schema is None:
        return False
    return bool(orjson.loads(asked.schema).get("type") != "object")


def _hold(text: str) -> str:
    """A shown answer as the schema wants it, so that the examples look like what is asked for."""
    try:
        return orjson.dumps({ANSWER: orjson.loads(text)}).decode()
    except orjson.JSONDecodeError:
        return text


def _unheld(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text)[ANSWER]).decode()
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return text  # the task says what is wrong with it


# --- answers --------------------------------------------------------------------------------------


def outcome_of(answer: Mapping[str, Any], asked: Input, wire: Wire, structured: bool) -> Outcome:
    """What an answer of the API says.

    Raises:
        MalformedAnswer: it is none.
    """
    assert isinstance(asked, Turns)
    match answer.get("stop_reason"):
        case "max_tokens":
            return Failure("cut-short", "the answer reached the limit of tokens. Raise max_tokens.")
        case "model_context_window_exceeded":
            return Failure("cut-short", "the input leaves no room for an answer. Shorten it.")
        case "refusal":
            return Failure("refused", "the model refused to answer.")
    content = answer.get("content")
    blocks = content if isinstance(content, list) else []
    texts = [
        one["text"]
        for one in blocks
        if isinstance(one, dict) and one.get("type") == "text" and isinstance(one.get("text"), str)
    ]
    if not texts:
        raise MalformedAnswer("the answer says nothing. Ask again.", backend=wire.backend)
    said = "".join(texts)
    if asked.choices:
        # Of a closed set, white space around an answer is no part of it.
        return Said(said if said in asked.choices else said.strip())
    return Said(_unheld(said) if _held(asked, structured) else said)
