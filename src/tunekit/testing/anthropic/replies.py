"""What goes back over the wire."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

__all__ = ["Refusal", "error_body", "json_reply", "page_of", "refusal_reply"]

_NUMBERS = itertools.count(1)
#: What the API calls errors of a status.
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def error_body(refusal: Refusal) -> dict[str, Any]:
    """An error as the API words it."""
    kind = KINDS.get(
        refusal.status, "api_error" if refusal.status >= 500 else "invalid_request_error"
    )
    return {"type": "error", "error": {"type": kind, "message": str(refusal)}}


def json_reply(body: object, status: int = 200) -> Response:
    """A JSON answer with a request id."""
    named = {"request-id": f"req_{next(_NUMBERS)}"}
    return Response(orjson.dumps(body), status, named, "application/json")


def refusal_reply(refusal: Refusal) -> Response:
    """An error, with a request id."""
    return json_reply(error_body(refusal), refusal.status)


def page_of(things: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of a list, after the thing whose id is ``after_id``."""
    first = 0
    if "after_id" in query:
        ids = [one["id"] for one in things]
        if query["after_id"] not in ids:
            raise Refusal(400, f"after_id: there is no {query['after_id']}")
        first = ids.index(query["after_id"]) + 1
    said = query.get("limit", "20")
    limit = int(said) if said.isdecimal() else 0
    if not 1 <= limit <= 1_000:
        raise Refusal(400, "limit is from 1 to 1000")
    page = things[first : first + limit]
    return {
        "data": page,
        "has_more": len(things) > first + limit,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }
