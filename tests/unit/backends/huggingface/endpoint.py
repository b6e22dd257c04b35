"""A server that answers as an Inference Endpoint does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tunekit.testing.serving import ServedApp

__all__ = ["Endpoint"]


class _State:
    folder: Path
    answer: Any = None
    heard: list[dict[str, Any]]


class Endpoint(ServedApp):
    """What serves a model: it says what it is told to, and keeps what it heard."""

    behaviour = frozenset({"answer", "heard"})
    answer_route = "POST /"

    def __init__(self) -> None:
        self._state = _State()
        self._state.heard = []
        routes = [
            Route("/", self._reply, methods=["POST"]),
            Route("/v1/chat/completions", self._reply, methods=["POST"]),
        ]
        super().__init__(
            Starlette(routes=routes),
            lambda fault: JSONResponse(
                {"error": "no"}, fault.status, headers={"x-request-id": "r-1"}
            ),
        )

    async def _reply(self, request: Request) -> Response:
        body = await request.json()
        self._state.heard.append(body)
        answer = self._state.answer
        return JSONResponse(answer(body) if callable(answer) else answer)
