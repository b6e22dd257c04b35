"""What goes back over the wire."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

__all__ = [
    "Refusal", "json_reply", "no_entry", "no_repo", "no_revision", "refusal_reply", "timestamp",
]  # fmt: skip

_NUMBERS = itertools.count(1)


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: of the answer.
        message: for a human.
        code: the Hub's own word for it, such as ``RepoNotFound``.
        more: of the body, beside the message.
    """

    def __init__(self, status: int, message: str, *, code: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.more = more


def no_repo(known: bool) -> Refusal:
    """A repository that isn't there, or that this one must not know of. Strangers are told to
    introduce themselves first."""
    return Refusal(404 if known else 401, "Repository not found", code="RepoNotFound")


def no_revision(name: str) -> Refusal:
    """A revision that a repository doesn't have."""
    return Refusal(404, f"Invalid rev id: {name}", code="RevisionNotFound")


def no_entry(path: str, revision: str) -> Refusal:
    """A file that a revision doesn't have."""
    return Refusal(404, f'"{path}" does not exist on "{revision}"', code="EntryNotFound")


def json_reply(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer with a request id."""
    named = {"x-request-id": f"Root=1-{next(_NUMBERS):08x}", **(headers or {})}
    return Response(orjson.dumps(body), status, named, "application/json")


def refusal_reply(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """An error as the Hub words it: in the body, and in headers, since a HEAD has no body."""
    message = str(refusal)
    told = {"x-error-message": message.encode("ascii", "replace").decode(), **(headers or {})}
    if refusal.code is not None:
        told["x-error-code"] = refusal.code
    return json_reply({"error": message, **refusal.more}, refusal.status, told)


def timestamp(moment: datetime | None = None) -> str:
    """A time as the Hub writes it, in UTC; now without one."""
    said = moment or datetime.now(UTC)
    return f"{said:%Y-%m-%dT%H:%M:%S}.{said.microsecond // 1000:03d}Z"
