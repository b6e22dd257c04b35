"""What goes back over the wire."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

__all__ = ["Refusal", "json_reply", "page_of", "refusal_reply"]

_NUMBERS = itertools.count(1)


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param


def json_reply(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer with a request id."""
    named = {"x-request-id": f"req-{next(_NUMBERS)}", **(headers or {})}
    return Response(orjson.dumps(body), status, named, "application/json")


def refusal_reply(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """An error as the API words it."""
    error = {
        "message": str(refusal),
        "type": "server_error" if refusal.status >= 500 else "invalid_request_error",
        "param": refusal.param,
        "code": refusal.code,
    }
    return json_reply({"error": error}, refusal.status, headers)


def page_of(things: list[dict[str, Any]], query: Mapping[str, str], most: int) -> dict[str, Any]:
    """A page of a list, after the thing whose id is ``after``."""
    first = 0
    if "after" in query:
        ids = [one["id"] for one in things]
        if query["after"] not in ids:
            raise Refusal(400, f"no such object: {query['after']}", param="after")
        first = ids.index(query["after"]) + 1
    said = query.get("limit", "20")
    limit = int(said) if said.isdecimal() else 0
    if not 1 <= limit <= most:
        raise Refusal(400, f"limit is from 1 to {most}", param="limit")
    page = things[first : first + limit]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
    return {"object": "list", "data": page, **ends, "has_more": len(things) > first + limit}
