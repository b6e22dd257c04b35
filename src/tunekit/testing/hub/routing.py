"""Which handler a request goes to.

By the path as it was sent: a revision or a file may have a slash in it, which then comes encoded.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .replies import Refusal, json_reply, refusal_reply

__all__ = ["Handler", "Router"]

#: Gets the request, and the parts of the path that have a name.
Handler = Callable[..., Awaitable[object]]
PART = re.compile(r"\{(\w+)(\*?)\}")
#: Parts of a path that aren't just anything.
FITS = {"kinds": "models|datasets|spaces", "prefix": "(?:datasets/|spaces/)?"}


class Router:
    """An ASGI application: the routes of the Hub.

    ``{name}`` in a path is one part of it, ``{name*}`` all that follows.
    """

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, methods: str, path: str, handler: Handler, **fixed: str) -> None:
        """``methods`` with blanks between them; parts that are ``fixed`` are no others."""
        pattern = ""
        last = 0
        for part in PART.finditer(path):
            pattern += re.escape(path[last : part.start()])
            fits = ".+" if part[2] else fixed.get(part[1], FITS.get(part[1], "[^/]+"))
            pattern += f"(?P<{part[1]}>{fits})"
            last = part.end()
        compiled = re.compile(pattern + re.escape(path[last:]))
        self._routes.extend((method, compiled, handler) for method in methods.split())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        reply = await self._answer(request)
        await reply(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii").partition("?")[0]
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(path) if method == request.method else None
            if found is None:
                continue
            parts = {name: unquote(part) for name, part in found.groupdict().items()}
            try:
                said = await handler(request, **parts)
            except Refusal as refusal:
                return refusal_reply(refusal)
            return said if isinstance(said, Response) else json_reply(said)
        # The method and the path alone: a query may hold anything.
        return refusal_reply(Refusal(404, f"no such route here: {request.method} {path}"))
