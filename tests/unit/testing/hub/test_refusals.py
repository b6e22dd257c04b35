"""What the scripted hub refuses: requests that the client's own checks would never let through."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pytest

from tunekit.testing.hub import HubServer, User

from .conftest import WRITER

HEADER = {"key": "header", "value": {"summary": "s"}}
SHA256 = hashlib.sha256(b"never sent").hexdigest()
LFS = "/me/m.git/info/lfs/objects/batch"
JOB = {"command": ["true"], "dockerImage": "x", "flavor": "cpu-basic"}
X = base64.b64encode(b"x").decode()


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with HubServer(tokens={WRITER: User("me")}) as server:
        yield server


def ask(server: HubServer, method: str, path: str, body: Any) -> httpx2.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    headers = {"authorization": f"Bearer {WRITER}", "content-type": "application/json"}
    return httpx2.request(method, f"{server.url}{path}", content=content, headers=headers)


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([], "begins with its header"),
        ([{"key": "file", "value": {"path": "a"}}], "begins with its header"),
        ([{"key": "header", "value": {}}], "summary"),
        ([["header"]], "key and value"),
        ([{"key": "header", "value": "s"}], "key and value"),
        ([HEADER, {"key": "file", "value": {"path": "a"}}], "no content"),
        ([HEADER, {"key": "file", "value": {"path": "../a", "content": "x"}}], "Invalid path"),
        ([HEADER, {"key": "file", "value": {"path": "/a", "content": "x"}}], "Invalid path"),
        ([HEADER, {"key": "file", "value": {"path": ".git/a", "content": "x"}}], "Invalid path"),
        ([HEADER, {"key": "file", "value": {"path": "a//b", "content": "x"}}], "Invalid path"),
        (
            [HEADER, {"key": "file", "value": {"path": "a", "content": "%", "encoding": "base64"}}],
            "no base64",
        ),
        ([HEADER, {"key": "lfsFile", "value": {"path": "a", "oid": "x"}}], "no SHA-256"),
        ([HEADER, {"key": "lfsFile", "value": {"path": "a", "oid": SHA256}}], "LFS pointer"),
        ([HEADER, {"key": "deletedFile", "value": {"path": "none"}}], "doesn't exist"),
        ([HEADER, {"key": "deletedFolder", "value": {"path": "none/"}}], "doesn't exist"),
        ([HEADER, {"key": "move", "value": {"path": "a"}}], "unknown operation"),
    ],
)
def test_commits(server: HubServer, operations: list[Any], message: str) -> None:
    before = server.put("me/m", {"there": "x"})
    good = {"key": "file", "value": {"path": "b", "content": X, "encoding": "base64"}}
    lines = b"\n".join(orjson.dumps(one) for one in (*operations[:1], good, *operations[1:]))
    if not operations:
        lines = b""
    reply = ask(server, "POST", "/api/models/me/m/commit/main", lines)
    assert reply.status_code in (400, 404)
    assert message in reply.json()["error"]
    assert server.repos()[0]["sha"] == before  # all or nothing


def test_a_commit_needs_a_branch(server: HubServer) -> None:
    first = server.put("me/m", {"a": "x"})
    for revision, status in ((first, 400), ("nowhere", 404)):
        reply = ask(server, "POST", f"/api/models/me/m/commit/{revision}", HEADER)
        assert reply.status_code == status
    reply = ask(server, "POST", "/api/models/me/m/commit/main?create_pr=1", HEADER)
    assert "pull requests" in reply.json()["error"]
    assert ask(server, "POST", "/api/models/me/m/commit/main", b"{").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/repos/create", {"name": "a/b"}, 400),
        ("POST", "/api/repos/create", {"name": "a", "type": "shelf"}, 400),
        ("POST", "/api/repos/create", {"name": "a", "visibility": "odd"}, 400),
        ("POST", "/api/repos/create", {"name": "a", "type": "space"}, 400),
        ("PUT", "/api/models/me/m/settings", {"gated": "odd"}, 400),
        ("POST", "/api/models/me/m/preupload/main", {"files": [{"path": "a"}]}, 400),
        ("POST", "/api/models/me/m/preupload/main", {"files": 1}, 400),
        ("POST", "/api/models/me/m/branch/main", {}, 409),
        ("DELETE", "/api/models/me/m/branch/main", {}, 403),
        ("DELETE", "/api/models/me/m/tag/none", {}, 404),
        ("POST", "/api/models/me/m/discussions", {"title": "a"}, 400),
        ("POST", "/api/models/me/m/discussions", {"title": "abc", "pullRequest": True}, 400),
        ("POST", LFS, {"operation": "download"}, 422),
        ("POST", LFS, {"operation": "upload", "transfers": ["xet"]}, 422),
        ("POST", LFS, {"operation": "upload", "objects": [{}]}, 422),
        ("PUT", "/lfs/none", b"x", 403),
        ("POST", "/lfs/verify", {"oid": SHA256, "size": 1}, 404),
        ("POST", "/lfs/verify", {"oid": "../a", "size": 1}, 404),
        ("GET", "/api/models/me/m/xet-write-token/main", {}, 400),
        ("POST", "/api/validate-yaml", {"content": "---\na: [\n---\n"}, 400),
        ("POST", "/api/jobs/me", {**JOB, "command": []}, 400),
        ("POST", "/api/jobs/me", {**JOB, "command": "true"}, 400),
        ("POST", "/api/jobs/me", {**JOB, "arguments": [1]}, 400),
        ("POST", "/api/jobs/me", {**JOB, "spaceId": "a/b"}, 400),
        ("POST", "/api/jobs/me", {**JOB, "secrets": {"S": 1}}, 400),
        ("POST", "/api/jobs/me", {**JOB, "environment": ["S"]}, 400),
        ("POST", "/api/jobs/me", {**JOB, "timeoutSeconds": -1}, 400),
        ("POST", "/api/jobs/me", {**JOB, "labels": ["a"]}, 400),
        ("POST", "/api/jobs/me", {**JOB, "odd": 1}, 400),
        ("GET", "/api/jobs/other", {}, 403),
        ("POST", "/api/spaces/me/s/secrets", {"key": "a b", "value": "x"}, 400),
        ("POST", "/api/spaces/me/s/secrets", {"key": "A", "value": 1}, 400),
        ("POST", "/api/spaces/me/s/sleeptime", {"seconds": "1"}, 400),
        ("POST", "/api/spaces/me/s/pause", {}, 400),
        ("POST", "/api/spaces/me/s/restart", {}, 400),
    ],
)  # fmt: skip
def test_requests(server: HubServer, method: str, path: str, body: Any, status: int) -> None:
    server.put("me/m", {"a": "x"})
    ask(server, "POST", "/api/repos/create", {"name": "s", "type": "space", "sdk": "static"})
    before = len(server.repos()), len(server.jobs())
    reply = ask(server, method, path, body)
    assert (reply.status_code, reply.json()["error"] != "") == (status, True)
    assert (len(server.repos()), len(server.jobs())) == before


def test_without_a_token_nothing_is_changed(server: HubServer) -> None:
    server.put("me/m", {"a": "x"})
    for method, path in (
        ("POST", "/api/repos/create"),
        ("POST", "/api/models/me/m/commit/main"),
        ("POST", "/api/models/me/m/discussions"),
        ("POST", "/api/jobs/me"),
        ("GET", "/api/jobs/me"),
    ):
        reply = httpx2.request(method, f"{server.url}{path}", json={"name": "a", "title": "abc"})
        assert reply.status_code == 401


def test_what_is_secret_is_in_no_answer(server: HubServer) -> None:
    server.job_story = ("COMPLETED",)
    job = ask(server, "POST", "/api/jobs/me", {**JOB, "secrets": {"S": "sesame"}})
    space = {"name": "d", "type": "space", "sdk": "docker"}
    secrets = [{"key": "S", "value": "sesame"}]
    made = ask(server, "POST", "/api/repos/create", {**space, "secrets": secrets})
    changed = ask(server, "POST", "/api/spaces/me/d/secrets", {"key": "T", "value": "sesame"})
    answers = [job, made, changed]
    answers += [
        ask(server, "GET", path, {})
        for path in (
            "/api/jobs/me",
            f"/api/jobs/me/{job.json()['id']}",
            f"/api/jobs/me/{job.json()['id']}/logs",
            "/api/spaces/me/d",
            "/api/spaces/me/d/secrets",
            "/api/spaces/me/d/variables",
            "/api/spaces/me/d/runtime",
            "/api/spaces/me/d/logs/run",
        )
    ]
    assert all(one.status_code == 200 and "sesame" not in one.text for one in answers)


def test_a_silent_stream_is_kept_alive(server: HubServer) -> None:
    server.job_story, server.keep_alive = None, 0.05
    body = {**JOB, "command": ["python", "-c", "import time; time.sleep(0.5)"]}
    id = ask(server, "POST", "/api/jobs/me", body).json()["id"]
    said = ask(server, "GET", f"/api/jobs/me/{id}/logs", {}).text
    assert ": keep-alive" in said
