"""What is in a repository: lists of files, and files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starlette.responses import FileResponse, Response

from .replies import no_entry, timestamp
from .state import Commit, Kept, Repo, State

__all__ = ["infos", "sent", "tree"]


def tree(repo: Repo, revision: str, folder: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is in a folder: its files and its folders, all levels of it if that is asked for."""
    commit = repo.at(revision)
    base = f"{folder.strip('/')}/" if folder.strip("/") else ""
    inside = {path: kept for path, kept in sorted(commit.files.items()) if path.startswith(base)}
    if base and not inside:
        raise no_entry(folder, revision)
    deep = _says_yes(query, "recursive")
    folders: dict[str, None] = {}
    files = []
    for path in inside:
        above = list(_folders_above(path, base))
        folders.update(dict.fromkeys(above if deep else above[:1]))
        if deep or not above:
            files.append(path)
    return _told(repo, commit, [*folders, *files], expand=_says_yes(query, "expand"))


def _folders_above(path: str, base: str) -> Iterator[str]:
    """Folders between ``base`` and a file, the highest first."""
    parts = path[len(base) :].split("/")
    for depth in range(1, len(parts)):
        yield base + "/".join(parts[:depth])


def infos(repo: Repo, revision: str, paths: Iterable[str], *, expand: bool) -> list[dict[str, Any]]:
    """Those of these files and folders that are there."""
    commit = repo.at(revision)
    return _told(repo, commit, [path.strip("/") for path in paths], expand=expand)


def _told(
    repo: Repo, commit: Commit, paths: Iterable[str], *, expand: bool
) -> list[dict[str, Any]]:
    entries = []
    for path in paths:
        kept = commit.files.get(path)
        if kept is not None:
            entry = _file(path, kept)
            if expand:
                entry["lastCommit"] = _brief(repo.commits[kept.commit])
                entry["securityFileStatus"] = None
        else:
            below = [one for name, one in commit.files.items() if name.startswith(f"{path}/")]
            if not below:
                continue
            entry = {"type": "directory", "oid": _folder_id(path, below), "size": 0, "path": path}
            if expand:
                newest = max((repo.commits[one.commit] for one in below), key=lambda it: it.made)
                entry["lastCommit"] = _brief(newest)
        entries.append(entry)
    return entries


def _file(path: str, kept: Kept) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "file", "oid": kept.oid, "size": kept.size, "path": path}
    if kept.large:
        told["lfs"] = {"oid": kept.sha256, "size": kept.size, "pointerSize": kept.pointer_size}
    return told


def _folder_id(path: str, below: Iterable[Kept]) -> str:
    """An id that changes with what is in the folder, as a tree's of git does."""
    said = path + "".join(one.oid for one in below)
    return hashlib.sha1(said.encode()).hexdigest()  # noqa: S324  # no secret


def _brief(commit: Commit) -> dict[str, Any]:
    return {"id": commit.id, "title": commit.title, "date": timestamp(commit.made)}


def _says_yes(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")


def sent(state: State, repo: Repo, revision: str, path: str) -> Response:
    """A file, or the part of it that is asked for."""
    commit = repo.at(revision)
    kept = commit.files.get(path)
    if kept is None:
        raise no_entry(path, revision)
    return FileResponse(
        state.blob(kept.sha256),
        media_type="application/octet-stream",
        headers={
            "etag": f'"{kept.etag}"',
            "x-repo-commit": commit.id,
            "x-linked-etag": f'"{kept.etag}"',
            "x-linked-size": str(kept.size),
        },
    )
