"""Commits: how files will come, large files ahead of the commit, and the commit itself."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request

from .replies import Refusal
from .repos import url_of
from .state import Kept, Repo, State

__all__ = ["batch", "commit", "preupload", "receive", "verify"]

SHA256 = re.compile(r"[0-9a-f]{64}")
#: Most files that one question may name.
MOST_FILES = 256
#: Larger ones don't come as part of a commit.
LARGEST_REGULAR = 100 * 1024 * 1024


def preupload(state: State, repo: Repo, revision: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """How each of these files is to come: as part of the commit, or ahead of it."""
    asked = body.get("files")
    if not isinstance(asked, list) or len(asked) > MOST_FILES:
        raise Refusal(400, f'"files" must be a list of up to {MOST_FILES} files')
    there = repo.at(revision).files
    told = []
    for one in asked:
        path, size = _path(one.get("path")), one.get("size")
        if not isinstance(size, int) or size < 0:
            raise Refusal(400, f'"size" of {path} must be a number')
        large = size >= state.large_from or path.endswith(tuple(state.large_kinds))
        large = large and size > 0
        told.append(
            {
                "path": path,
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": False,
                "oid": _known(there.get(path), large),
            }
        )
    return {"files": told, "commitOid": repo.at(revision).id}


def _known(kept: Kept | None, large: bool) -> str | None:
    """What is there already, as a client would compute it of its own file."""
    return None if kept is None or kept.large != large else kept.etag


def _path(given: Any) -> str:
    if (
        not isinstance(given, str)
        or not given
        or given.startswith("/")
        or any(part in ("", ".", "..", ".git") for part in given.rstrip("/").split("/"))
    ):
        raise Refusal(400, f'Invalid path: "{given}"')
    return given


# --- large files ----------------------------------------------------------------------------------


def batch(state: State, body: Mapping[str, Any]) -> dict[str, Any]:
    """Where to upload each of these large files; nowhere, if it is there."""
    if body.get("operation") != "upload":
        raise Refusal(422, '"operation" must be upload')
    if "basic" not in body.get("transfers", ["basic"]):
        raise Refusal(422, "the transfer here is basic")
    objects = []
    for one in body.get("objects", []):
        sha256, size = one.get("oid"), one.get("size")
        if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
            raise Refusal(422, '"oid" must be a SHA-256')
        told: dict[str, Any] = {"oid": sha256, "size": size, "authenticated": True}
        if not state.blob(sha256).exists():
            ticket = secrets.token_hex(16)
            state.tickets[ticket] = sha256
            told["actions"] = {
                "upload": {"href": f"{state.origin}/lfs/{ticket}", "header": {}},
                "verify": {"href": f"{state.origin}/lfs/verify", "header": {}},
            }
        objects.append(told)
    return {"transfer": "basic", "objects": objects}


async def receive(state: State, request: Request, ticket: str) -> dict[str, Any]:
    """A large file, written to the disk as it comes. Its address is all that allows it."""
    sha256 = state.tickets.get(ticket)
    if sha256 is None:
        raise Refusal(403, "this address has no upload")
    target = state.blob(sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    coming = target.with_name(f"{ticket}.part")
    seen = hashlib.sha256()
    try:
        with coming.open("wb") as kept:
            async for portion in request.stream():
                seen.update(portion)
                kept.write(portion)
        if seen.hexdigest() != sha256:
            raise Refusal(400, "the content isn't what its SHA-256 says")
        coming.replace(target)
    finally:
        coming.unlink(missing_ok=True)
    return {}


def verify(state: State, body: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a large file came, and whole."""
    sha256 = body.get("oid")
    path = state.blob(sha256) if isinstance(sha256, str) and SHA256.fullmatch(sha256) else None
    if path is None or not path.exists():
        raise Refusal(404, "Object does not exist")
    if path.stat().st_size != body.get("size"):
        raise Refusal(422, "the size isn't what was announced")
    return {}


# --- the commit -----------------------------------------------------------------------------------


def commit(state: State, repo: Repo, branch: str, lines: bytes, author: str) -> dict[str, Any]:
    """A new commit, from one operation a line: all of them or none."""
    if branch not in repo.branches:
        # Only a branch can get further; also refuses those that don't exist.
        repo.at(branch)
        raise Refusal(400, f'"{branch}" is no branch')
    operations = [_operation(line) for line in lines.splitlines() if line.strip()]
    if not operations or operations[0][0] != "header":
        raise Refusal(400, "a commit begins with its header")
    header = operations[0][1]
    before = repo.commits[repo.branches[branch]]
    if header.get("parentCommit") not in (None, before.id):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    if not isinstance(header.get("summary"), str) or not header["summary"]:
        raise Refusal(400, '"summary" is not allowed to be empty')
    id = state.new_commit_id()
    files = dict(before.files)
    for key, value in operations[1:]:
        _apply(state, files, key, value, id)
    repo.add(
        files,
        id=id,
        title=header["summary"],
        message=str(header.get("description") or ""),
        author=author,
        branch=branch,
    )
    url = f"{url_of(state, repo.kind, repo.id)}/commit/{id}"
    return {"success": True, "commitOid": id, "commitUrl": url, "hookOutput": ""}


def _operation(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        said = orjson.loads(line)
        key, value = said["key"], said["value"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Refusal(400, "each line of a commit is an object with key and value") from None
    if not isinstance(key, str) or not isinstance(value, dict):
        raise Refusal(400, "each line of a commit is an object with key and value")
    return key, value


def _apply(
    state: State, files: dict[str, Kept], key: str, value: Mapping[str, Any], id: str
) -> None:
    path = _path(value.get("path"))
    match key:
        case "file":
            files[path] = state.keep(_content(path, value), id)
        case "lfsFile":
            sha256 = value.get("oid")
            if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
                raise Refusal(400, f"{path} has no SHA-256")
            if not state.blob(sha256).exists():
                raise Refusal(
                    400,
                    "Your push was rejected because an LFS pointer pointed to a file that does "
                    f"not exist: {path}",
                )
            files[path] = state.keep_large(sha256, id)
        case "deletedFile":
            if path not in files:
                raise Refusal(
                    404, f"A file with this name doesn't exist: {path}", code="EntryNotFound"
                )
            del files[path]
        case "deletedFolder":
            below = [one for one in files if one.startswith(f"{path.rstrip('/')}/")]
            if not below:
                raise Refusal(
                    404, f"A folder with this name doesn't exist: {path}", code="EntryNotFound"
                )
            for one in below:
                del files[one]
        case _:
            raise Refusal(400, f"unknown operation {key!r}")


def _content(path: str, value: Mapping[str, Any]) -> bytes:
    said = value.get("content")
    if not isinstance(said, str):
        raise Refusal(400, f"{path} has no content")
    if value.get("encoding") != "base64":
        return said.encode()
    try:
        content = base64.b64decode(said, validate=True)
    except binascii.Error:
        raise Refusal(400, f"the content of {path} is no base64") from None
    if len(content) > LARGEST_REGULAR:
        raise Refusal(413, f"{path} is too large to come as part of a commit")
    return content
