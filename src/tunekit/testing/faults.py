"""What happens to requests before they reach the API: they are recorded, and some meet a fault."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .server import Fault, Recorded

__all__ = ["Faults"]

PREFIX = "/v1"
#: How a fault by chance looks.
CHANCES = {
    "refuse": (Fault("refuse", status=429, retry_after=0.05), Fault("refuse", status=500)),
    "cut": (Fault("cut"),),
    "hang": (Fault("hang"),),
    "garble": (Fault("garble"),),
}


class Faults:
    """The script of a server: an ASGI application around another one.

    ``refusal`` words a refusal as the API does. ``requests`` has what came; bodies of files aren't
    kept.
    """

    def __init__(self, app: ASGIApp, refusal: Callable[[Fault], Response]) -> None:
        self._app = app
        self._refusal = refusal
        self.requests: list[Recorded] = []
        self._scripts: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._chance: tuple[str, float, random.Random, Sequence[str]] | None = None
        self.stopped = asyncio.Event()

    def script(self, route: str, *faults: Fault, always: bool) -> None:
        self._scripts[route].extend(faults)
        if always:
            self._always[route] = self._scripts[route].pop()

    def by_chance(self, route: str, chance: float, seed: int, kinds: Sequence[str]) -> None:
        self._chance = (route, chance, random.Random(seed), kinds)  # noqa: S311  # no secret

    def clear(self) -> None:
        self._scripts.clear()
        self._always.clear()
        self._chance = None
        self.requests.clear()

    def _next(self, asked: str) -> Fault:
        for route, faults in self._scripts.items():
            if faults and asked.startswith(route):
                return faults.popleft()
        for route, fault in self._always.items():
            if asked.startswith(route):
                return fault
        if self._chance is not None:
            route, chance, dice, kinds = self._chance
            if asked.startswith(route) and dice.random() < chance:
                return dice.choice(CHANCES[dice.choice(kinds)])
        return Fault()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        method, path = scope["method"], scope["path"]
        again = receive
        body = b""
        if not _is_file(method, headers.get("content-type", "")):
            body = await _read(receive)
            again = _replayed(body, receive)
        self.requests.append(Recorded(method, path, headers, body))
        fault = self._next(f"{method} {path.removeprefix(PREFIX)}")
        if fault.kind in ("none", "slow"):
            if fault.kind == "slow":
                await self._rest(fault.seconds)
            await self._app(scope, again, send)
            return
        if fault.worked:
            await self._app(scope, again, _unheard)
        elif again is receive:
            await _read(receive)  # so that nobody is cut off while sending
        await self._misbehave(fault, scope, receive, send)

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case "hang":
                await self._until_gone(receive)
            case "cut":
                # An answer that was announced and never comes: the connection is closed.
                length = [(b"content-length", b"100")]
                await send({"type": "http.response.start", "status": 200, "headers": length})
            case "garble":
                reply = Response(b'{"id": "job-', media_type="application/json")
                await reply(scope, receive, send)
            case "reshape":
                reply = Response(b'["unexpected"]', media_type="application/json")
                await reply(scope, receive, send)
            case _:
                reply = self._refusal(fault)
                if fault.retry_after:
                    reply.headers["retry-after"] = str(fault.retry_after)
                await reply(scope, receive, send)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stopped.wait(), seconds)
        except TimeoutError:
            return

    async def _until_gone(self, receive: Receive) -> None:
        """Until the client gives up, or the server ends."""
        gone = asyncio.create_task(_disconnected(receive))
        ended = asyncio.create_task(self.stopped.wait())
        _, rest = await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()


def _is_file(method: str, kind: str) -> bool:
    """Whether a body may be large: it goes on as it comes."""
    return kind.startswith("multipart/") or (method == "PUT" and "json" not in kind)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read, once more; then whatever comes."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _unheard(message: Message) -> None:
    """An answer that nobody gets."""
