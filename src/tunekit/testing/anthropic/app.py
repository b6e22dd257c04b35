"""The routes of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import answers, batches
from .checking import VERSIONS
from .replies import Refusal, json_reply, refusal_reply
from .state import State

__all__ = ["make_app"]

Handler = Callable[[Request], Awaitable[object]]


def make_app(state: State) -> Starlette:
    """The API over a state."""

    def refuse_strangers(request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = request.headers.get("x-api-key") or token
        if not given:
            raise Refusal(401, "x-api-key header is required")
        if state.key is not None and given != state.key:
            # Servers do repeat the key; what reads this has to keep it to itself.
            raise Refusal(401, f"invalid x-api-key: {given}")
        if request.headers.get("anthropic-version") not in VERSIONS:
            raise Refusal(400, f"anthropic-version: header is required, one of {list(VERSIONS)}")

    def route(path: str, method: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            try:
                refuse_strangers(request)
                said = await handler(request)
            except Refusal as refusal:
                return refusal_reply(refusal)
            return said if isinstance(said, Response) else json_reply(said)

        return Route(f"/v1{path}", answer, methods=[method])

    def of(work: Callable[[State, str], Any]) -> Handler:
        async def handle(request: Request) -> object:
            return work(state, request.path_params["id"])

        return handle

    async def message(request: Request) -> object:
        body = await _body(request)
        if state.answer_delay:
            await asyncio.sleep(state.answer_delay)
        return answers.message(state, body, request.headers["anthropic-version"])

    async def create(request: Request) -> object:
        version = request.headers["anthropic-version"]
        return batches.create(state, await _body(request), version)

    async def listed(request: Request) -> object:
        return batches.listed(state, request.query_params)

    many = "/messages/batches"
    return Starlette(
        routes=[
            route("/messages", "POST", message),
            route(many, "POST", create),
            route(many, "GET", listed),
            route(f"{many}/{{id}}", "GET", of(batches.look)),
            route(f"{many}/{{id}}/cancel", "POST", of(batches.cancel)),
            route(f"{many}/{{id}}/results", "GET", of(batches.results)),
        ]
    )


async def _body(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise Refusal(400, "the body is no JSON") from None
