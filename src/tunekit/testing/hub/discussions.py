"""Discussions of a repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .access import User
from .replies import Refusal, timestamp
from .repos import url_of
from .state import Repo, State

__all__ = ["comment", "create", "detail", "listed"]

LEAST_TITLE = 3
PAGE = 10


def create(state: State, user: User, repo: Repo, body: Mapping[str, Any]) -> dict[str, Any]:
    """A new discussion, with its first words."""
    title = str(body.get("title") or "").strip()
    if len(title) < LEAST_TITLE:
        raise Refusal(400, f'"title" must have at least {LEAST_TITLE} characters')
    if body.get("pullRequest"):
        raise Refusal(400, "pull requests aren't kept here")
    number = len(repo.discussions) + 1
    one = {
        "num": number,
        "title": title,
        "author": {"name": user.name},
        "createdAt": timestamp(),
        "status": "open",
        "repo": {"name": repo.id, "type": repo.kind},
        "isPullRequest": False,
        "events": [_comment(state, user, str(body.get("description") or ""))],
    }
    repo.discussions.append(one)
    url = f"{url_of(state, repo.kind, repo.id)}/discussions/{number}"
    return {"num": number, "url": url, "pullRequest": False}


def _comment(state: State, user: User, text: str) -> dict[str, Any]:
    now = timestamp()
    latest = {"raw": text, "html": text, "updatedAt": now, "author": {"name": user.name}}
    return {
        "id": state.new_id(),
        "type": "comment",
        "createdAt": now,
        "author": {"name": user.name},
        "data": {
            "edited": False, "hidden": False, "latest": latest, "history": [], "numEdits": 0,
        },
    }  # fmt: skip


def comment(
    state: State, user: User, repo: Repo, number: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """More words to a discussion."""
    event = _comment(state, user, str(body.get("comment") or ""))
    detail(repo, number)["events"].append(event)
    return {"newMessage": event}


def listed(repo: Repo, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of the discussions, newest first."""
    page = query.get("p", "0")
    start = PAGE * (int(page) if page.isdecimal() else 0)
    told = [
        {key: value for key, value in one.items() if key != "events"}
        for one in reversed(repo.discussions)
    ]
    return {
        "discussions": told[start : start + PAGE],
        "count": len(told),
        "start": start,
        "numClosedDiscussions": 0,
    }


def detail(repo: Repo, number: str) -> dict[str, Any]:
    """A discussion with all that was said."""
    if not number.isdecimal() or not 1 <= int(number) <= len(repo.discussions):
        raise Refusal(404, f"Discussion {number} not found")
    return repo.discussions[int(number) - 1]
