"""The routes of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from . import answers, batches, decisions, files, jobs
from .replies import Refusal, json_reply, refusal_reply
from .state import State, now

__all__ = ["make_app"]

Handler = Callable[[Request], Awaitable[object]]


def make_app(state: State) -> Starlette:
    """The API over a state."""

    def refuse_strangers(request: Request) -> None:
        if state.key is None:
            return
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given != state.key:
            # Providers do repeat the key; what reads this has to keep it to itself.
            raise Refusal(401, f"Incorrect API key provided: {given}.", code="invalid_api_key")

    def route(path: str, method: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            try:
                refuse_strangers(request)
                said = await handler(request)
            except Refusal as refusal:
                return refusal_reply(refusal)
            return said if isinstance(said, Response) else json_reply(said)

        return Route(f"/v1{path}", answer, methods=[method])

    def of(work: Callable[..., Any], *names: str) -> Handler:
        """A handler that needs the state and parts of the path alone."""

        async def handle(request: Request) -> object:
            return work(state, *(request.path_params[name] for name in names))

        return handle

    def asked(work: Callable[..., Any], *names: str) -> Handler:
        """One that also needs the query."""

        async def handle(request: Request) -> object:
            return work(state, *(request.path_params[name] for name in names), request.query_params)

        return handle

    def told(work: Callable[..., Any], *names: str) -> Handler:
        """One that also needs the body."""

        async def handle(request: Request) -> object:
            parts = (request.path_params[name] for name in names)
            return work(state, *parts, await _body(request))

        return handle

    def answered(work: Callable[[State, Any], Any]) -> Handler:
        async def handle(request: Request) -> object:
            body = await _body(request)
            if state.answer_delay:
                await asyncio.sleep(state.answer_delay)
            return work(state, body)

        return handle

    async def upload(request: Request) -> object:
        return await files.create(state, request)

    async def part(request: Request) -> object:
        return await files.add_part(state, request, request.path_params["id"])

    async def content(request: Request) -> object:
        id = request.path_params["id"]
        files.one(state, id)
        return FileResponse(state.path(id), media_type="application/octet-stream")

    async def model(request: Request) -> object:
        name = request.path_params["name"]
        if not answers.known_model(state, name):
            raise Refusal(404, f"The model '{name}' does not exist", code="model_not_found")
        return {
            "id": name,
            "object": "model",
            "created": now(),
            "owned_by": "tunekit-test",
            "shutdown_date": state.shutdown_dates.get(name),
        }

    ft = "/fine_tuning/jobs"
    routes: list[BaseRoute] = [
        route("/chat/completions", "POST", answered(answers.chat)),
        route("/decisions", "POST", answered(decisions.decide)),
        route("/completions", "POST", answered(answers.complete)),
        route("/files", "POST", upload),
        route("/files", "GET", asked(files.listed)),
        route("/files/{id}", "GET", of(files.one, "id")),
        route("/files/{id}", "DELETE", of(files.delete, "id")),
        route("/files/{id}/content", "GET", content),
        route("/uploads", "POST", told(files.create_upload)),
        route("/uploads/{id}/parts", "POST", part),
        route("/uploads/{id}/complete", "POST", told(files.complete, "id")),
        route("/uploads/{id}/cancel", "POST", of(files.cancel, "id")),
        route(ft, "POST", told(jobs.create)),
        route(ft, "GET", asked(jobs.listed)),
        route(f"{ft}/{{id}}", "GET", of(jobs.look, "id")),
        route(f"{ft}/{{id}}/cancel", "POST", of(jobs.cancel, "id")),
        route(f"{ft}/{{id}}/pause", "POST", of(jobs.pause, "id")),
        route(f"{ft}/{{id}}/resume", "POST", of(jobs.resume, "id")),
        route(f"{ft}/{{id}}/events", "GET", asked(jobs.events, "id")),
        route(f"{ft}/{{id}}/checkpoints", "GET", asked(jobs.checkpoints, "id")),
        route("/models/{name:path}", "GET", model),
        route("/batches", "POST", told(batches.create)),
        route("/batches", "GET", asked(batches.listed)),
        route("/batches/{id}", "GET", of(batches.look, "id")),
        route("/batches/{id}/cancel", "POST", of(batches.cancel, "id")),
    ]
    return Starlette(routes=routes)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "We could not parse the JSON body of your request.")
    return body
