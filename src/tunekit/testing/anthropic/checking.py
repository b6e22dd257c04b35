"""Whether a body is one that the API takes, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...shapes import Role, Turn
from .replies import Refusal

__all__ = ["VERSIONS", "Block", "Request", "checked", "tokens_in"]

FIELDS = frozenset(
    {
        "model", "max_tokens", "messages", "system", "stop_sequences", "metadata", "output_config",
        "stream",
    }
)  # fmt: skip
#: Versions of the API, with what each takes besides.
VERSIONS = {
    "2023-06-01": frozenset({"temperature", "top_p", "top_k"}),
    "2026-10-21": frozenset[str](),
}
#: Blocks of a request that may be marked for the cache.
MOST_MARKS = 4
LIFETIMES = {"5m": 300.0, "1h": 3_600.0}
#: Bytes of a token.
TOKEN = 4


class Block(NamedTuple):
    """A text block; ``mark`` is the seconds for which all up to its end is to be kept."""

    role: Role
    text: str
    mark: float | None


class Request(NamedTuple):
    """A checked request."""

    model: str
    most: int
    blocks: tuple[Block, ...]
    schema: dict[str, Any] | None

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns, one for each block."""
        return tuple(Turn(one.role, one.text) for one in self.blocks)


def tokens_in(text: str) -> int:
    """Tokens of a text."""
    return len(text.encode()) // TOKEN + 1


def checked(asked: Any, version: str) -> Request:
    """The request, or a Refusal."""
    if not isinstance(asked, dict):
        raise Refusal(400, "the body is a JSON object")
    for name in ("model", "max_tokens", "messages"):
        if name not in asked:
            raise Refusal(400, f"{name}: Field required")
    for name in asked:
        if name not in FIELDS | VERSIONS[version]:
            raise Refusal(400, f"{name}: Extra inputs are not permitted")
    if not isinstance(asked["model"], str) or not asked["model"]:
        raise Refusal(400, "model: Input should be a valid string")
    most = asked["max_tokens"]
    if type(most) is not int or most < 1:
        raise Refusal(400, "max_tokens: Input should be greater than or equal to 1")
    heat = asked.get("temperature", 1.0)
    if not isinstance(heat, int | float) or not 0 <= heat <= 1:
        raise Refusal(400, "temperature: range: 0..1")
    if asked.get("stream"):
        raise Refusal(400, "stream: this server doesn't stream")
    blocks = (*_system(asked.get("system", ())), *_messages(asked["messages"]))
    marks = sum(one.mark is not None for one in blocks)
    if marks > MOST_MARKS:
        raise Refusal(
            400,
            f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {marks}.",
        )
    return Request(asked["model"], most, blocks, _schema(asked.get("output_config")))


def _system(system: Any) -> Iterator[Block]:
    if isinstance(system, str):
        yield Block("system", system, None)
        return
    yield from _blocks("system", system, "system")


def _messages(messages: Any) -> Iterator[Block]:
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "messages: at least one message is required")
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        match message:
            case {"role": "user" | "assistant" as role, "content": content, **rest} if not rest:
                pass
            case {"role": "user" | "assistant", **rest}:
                extra = [name for name in rest if name != "content"]
                raise Refusal(400, f"{where}: content is required, {extra} isn't permitted")
            case _:
                raise Refusal(400, f"{where}.role: Input should be 'user' or 'assistant'")
        if place == 0 and role != "user":
            raise Refusal(400, "messages: first message must use the user role")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        yield from _blocks(role, content, where)
    if messages[-1]["role"] != "user":
        raise Refusal(400, "messages: the conversation must end with a user message")


def _blocks(role: Role, content: Any, where: str) -> Iterator[Block]:
    if not isinstance(content, list | tuple):
        raise Refusal(400, f"{where}: Input should be a string or a list of blocks")
    for place, block in enumerate(content):
        match block:
            case {"type": "text", "text": str(text), **rest} if set(rest) <= {"cache_control"}:
                pass
            case _:
                raise Refusal(400, f"{where}.{place}: a block has type 'text' and a text")
        if not text.strip():
            raise Refusal(400, f"{where}: text content blocks must contain non-whitespace text")
        yield Block(role, text, _mark(rest.get("cache_control"), f"{where}.{place}"))


def _mark(told: Any, where: str) -> float | None:
    if told is None:
        return None
    match told:
        case {"type": "ephemeral", **rest} if set(rest) <= {"ttl"}:
            lifetime = LIFETIMES.get(str(rest.get("ttl", "5m")))
            if lifetime is not None:
                return lifetime
    raise Refusal(400, f"{where}.cache_control: type is 'ephemeral', ttl '5m' or '1h'")


def _schema(told: Any) -> dict[str, Any] | None:
    match told:
        case None | {"format": None}:
            return None
        case {"format": {"type": "json_schema", "schema": dict(schema)}}:
            _strict(schema, "output_config.format.schema")
            if schema.get("type") != "object":
                raise Refusal(400, "output_config.format.schema: the root must be an object")
            return schema
    raise Refusal(400, "output_config.format: type is 'json_schema', with a schema")


def _strict(schema: Any, where: str) -> None:
    """Every object names its properties and allows no others."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            raise Refusal(400, f"{where}: 'additionalProperties' must be false for an object")
        for name, part in schema.items():
            _strict(part, f"{where}.{name}")
    elif isinstance(schema, list):
        for part in schema:
            _strict(part, where)
