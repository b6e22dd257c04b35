"""Repositories: made, found, told of, deleted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import spaces
from .access import User, may_write
from .replies import Refusal, no_repo, timestamp
from .state import Commit, Kept, Repo, State

__all__ = [
    "KINDS", "check_gate", "commits", "create", "delete", "delete_ref", "for_writing", "info",
    "listed", "make", "name_ref", "put", "refs", "seen", "shown", "update", "url_of",
]  # fmt: skip

KINDS = ("model", "dataset", "space")
SDKS = ("gradio", "streamlit", "docker", "static")
NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?|[A-Za-z0-9_]+")
#: What the Hub puts into a new repository.
ATTRIBUTES = b"".join(
    b"*.%s filter=lfs diff=lfs merge=lfs -text\n" % kind
    for kind in (b"bin", b"gz", b"onnx", b"parquet", b"pt", b"safetensors", b"zip")
)


def url_of(state: State, kind: str, id: str) -> str:
    """The page of a repository."""
    return f"{state.origin}/{'' if kind == 'model' else kind + 's/'}{id}"


def _asked(body: Mapping[str, Any], user: User | None) -> tuple[str, str]:
    """Kind and id that a request names."""
    kind = body.get("type") or "model"
    if kind not in KINDS:
        raise Refusal(400, f'"type" must be one of {list(KINDS)}')
    name = body.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refusal(400, f'Invalid repo name: "{name}"')
    if user is None:
        raise Refusal(401, "Invalid username or password.")
    return kind, f"{body.get('organization') or user.name}/{name}"


def _private(body: Mapping[str, Any]) -> bool | None:
    """What a request says of who may look; nothing, if it doesn't."""
    if "visibility" in body:
        if body["visibility"] not in ("public", "private", "protected"):
            raise Refusal(400, '"visibility" must be one of public, private')
        return bool(body["visibility"] == "private")
    return bool(body["private"]) if "private" in body else None


def create(state: State, user: User | None, body: Mapping[str, Any]) -> Repo:
    """A repository that isn't there yet."""
    kind, id = _asked(body, user)
    author = may_write(user, id.partition("/")[0], f"create a {kind}")
    if (kind, id) in state.repos:
        raise Refusal(409, f"You already created this {kind} repo", url=url_of(state, kind, id))
    space = None
    if kind == "space":
        if body.get("sdk") not in SDKS:
            raise Refusal(400, f'"sdk" must be one of {list(SDKS)}')
        space = spaces.new(body)
    repo = make(state, kind, id, private=bool(_private(body)), author=author.name)
    repo.space = space
    return repo


def make(state: State, kind: str, id: str, *, private: bool, author: str) -> Repo:
    """A repository with its first commit."""
    repo = state.repos[kind, id] = Repo(kind, id, private, datetime.now(UTC))
    commit = state.new_commit_id()
    repo.add(
        {".gitattributes": state.keep(ATTRIBUTES, commit)},
        id=commit,
        title="initial commit",
        message="",
        author=author,
    )
    return repo


def put(
    state: State,
    kind: str,
    id: str,
    files: Mapping[str, bytes | str | Path],
    *,
    private: bool,
) -> str:
    """A commit that nobody asked for over the wire; its id."""
    author = id.partition("/")[0]
    repo = state.repos.get((kind, id)) or make(state, kind, id, private=private, author=author)
    commit = state.new_commit_id()
    kept = {path: state.keep_any(content, commit) for path, content in files.items()}
    repo.add({**repo.head.files, **kept}, id=commit, title="put", message="", author=author)
    return commit


def seen(state: State, user: User | None, kind: str, id: str) -> Repo:
    """A repository that this one may look at."""
    repo = state.repos.get((kind, id))
    if repo is None or not _visible(repo, user):
        raise no_repo(known=user is not None)
    return repo


def _visible(repo: Repo, user: User | None) -> bool:
    return not repo.private or (user is not None and user.owns(repo.namespace))


def check_gate(repo: Repo, user: User | None) -> None:
    """Raise Refusal where files are only for those who were let in: here, the owners."""
    if repo.gated and (user is None or not user.owns(repo.namespace)):
        raise Refusal(
            401 if user is None else 403,
            f"Access to {repo.kind} {repo.id} is restricted. You must have access to it and be "
            "authenticated to access it.",
            code="GatedRepo",
        )


def for_writing(state: State, user: User | None, kind: str, id: str, what: str) -> Repo:
    """A repository that this one may change."""
    repo = seen(state, user, kind, id)
    may_write(user, repo.namespace, what)
    return repo


def delete(state: State, user: User | None, body: Mapping[str, Any]) -> Repo:
    """Remove a repository and all that was in it."""
    kind, id = _asked(body, user)
    repo = for_writing(state, user, kind, id, f"delete a {kind}")
    del state.repos[kind, id]
    return repo


def update(repo: Repo, body: Mapping[str, Any]) -> dict[str, Any]:
    """Who may look at it, from now on."""
    private = _private(body)
    if private is not None:
        repo.private = private
    if "gated" in body:
        if body["gated"] not in ("auto", "manual", False):
            raise Refusal(400, '"gated" must be one of auto, manual, false')
        repo.gated = body["gated"]
    return {"private": repo.private, "gated": repo.gated}


# --- what is told ---------------------------------------------------------------------------------


def shown(repo: Repo, commit: Commit, *, blobs: bool = False) -> dict[str, Any]:
    """A repository as its page tells of it, at a commit."""
    told: dict[str, Any] = {
        "_id": hashlib.sha256(f"{repo.kind}/{repo.id}".encode()).hexdigest()[:24],
        "id": repo.id,
        "author": repo.namespace,
        "sha": commit.id,
        "lastModified": timestamp(commit.made),
        "createdAt": timestamp(repo.made),
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": [_sibling(path, kept, blobs) for path, kept in sorted(commit.files.items())],
        "usedStorage": sum(kept.size for kept in commit.files.values()),
    }
    if repo.kind == "model":
        told["modelId"] = repo.id
    if repo.space is not None:
        told["sdk"] = repo.space.sdk
        told["runtime"] = repo.space.runtime()
    return told


def _sibling(path: str, kept: Kept, blobs: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": path}
    if blobs:
        told.update(size=kept.size, blobId=kept.oid)
        if kept.large:
            told["lfs"] = {
                "sha256": kept.sha256, "size": kept.size, "pointerSize": kept.pointer_size,
            }  # fmt: skip
    return told


def info(repo: Repo, revision: str, query: Mapping[str, str]) -> dict[str, Any]:
    """A repository at a revision."""
    return shown(repo, repo.at(revision), blobs=query.get("blobs", "").lower() in ("true", "1"))


def listed(
    state: State, user: User | None, kind: str, query: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Repositories that this one may look at, newest first."""
    author, search = query.get("author"), query.get("search", "").lower()
    found = [
        repo
        for repo in reversed(list(state.repos.values()))
        if repo.kind == kind
        and _visible(repo, user)
        and author in (None, repo.namespace)
        and search in repo.id.lower()
    ]
    limit = query.get("limit", "")
    most = int(limit) if limit.isdecimal() else len(found)
    full = query.get("full", "").lower() in ("true", "1")
    told = [shown(repo, repo.head) for repo in found[:most]]
    for one in told:
        del one["usedStorage"]
        if not full:
            del one["siblings"]
    return told


def commits(repo: Repo, revision: str) -> list[dict[str, Any]]:
    """How a revision came to be, newest first."""
    told = []
    next_id: str | None = repo.at(revision).id
    while next_id is not None:
        commit = repo.commits[next_id]
        told.append(
            {
                "id": commit.id,
                "title": commit.title,
                "message": commit.message,
                "date": timestamp(commit.made),
                "authors": [{"user": commit.author}],
            }
        )
        next_id = commit.parent
    return told


# --- branches and tags ----------------------------------------------------------------------------


def refs(repo: Repo) -> dict[str, Any]:
    """All names of commits."""

    def told(names: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{prefix}/{name}", "targetCommit": id}
            for name, id in names.items()
        ]

    return {
        "branches": told(repo.branches, "heads"),
        "tags": told(repo.tags, "tags"),
        "converts": [],
        "pullRequests": [],
    }


def name_ref(repo: Repo, names: dict[str, str], name: str, revision: str) -> dict[str, Any]:
    """Give a commit a name: ``names`` are the repository's branches or its tags."""
    if name in names:
        raise Refusal(409, f'Reference "{name}" already exists')
    names[name] = repo.at(revision).id
    return {}


def delete_ref(names: dict[str, str], name: str) -> dict[str, Any]:
    """Take a name away."""
    if name == "main":
        raise Refusal(403, "The main branch can't be deleted")
    if name not in names:
        raise Refusal(404, f'Reference "{name}" doesn\'t exist', code="RevisionNotFound")
    del names[name]
    return {}
