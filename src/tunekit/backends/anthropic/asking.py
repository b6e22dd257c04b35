"""Answers of a model, many at once."""

from __future__ import annotations

from collections.abc import Sequence

import anthropic
import httpx2

from ...shapes import Failure, Input, Outcome
from ..many import ask_many, until_readable
from .bodies import Asking, body_for, outcome_of
from .wire import Wire

__all__ = ["ask_all"]

MESSAGES = "/v1/messages"
#: Tokens that a model writes within the time that a call may take, at least; more get more time.
TOKENS = 2_000


async def ask_all(
    wire: Wire, asking: Asking, inputs: Sequence[Input], at_once: int
) -> list[Outcome]:
    """One outcome per input, in order; raises what :func:`ask_many` does.

    Args:
        wire: how to call.
        asking: how to ask.
        inputs: what is asked.
        at_once: how many calls may be under way.
    """
    async with wire.async_client(min(at_once, len(inputs))) as client:

        async def ask(asked: Input) -> Outcome:
            return await _ask(wire, client, asking, asked)

        return await ask_many(ask, inputs, at_once)


async def _ask(
    wire: Wire, client: anthropic.AsyncAnthropic, asking: Asking, asked: Input
) -> Outcome:
    body = body_for(asking, asked)
    if isinstance(body, Failure):
        return body
    what = f"asking {asking.model}"
    # What takes longer would be asked for and paid for again: a long answer is given its time.
    patience = wire.timeout * max(1.0, body["max_tokens"] / TOKENS)

    async def once() -> Outcome:
        with wire.errors(what):
            answer = await client.post(
                MESSAGES, cast_to=httpx2.Response, body=body, options={"timeout": patience}
            )
        return outcome_of(wire.read(answer, what), asked, wire, asking.structured)

    return await until_readable(wire.retries)(once)
