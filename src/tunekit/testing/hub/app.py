"""The routes of the Hub."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request

from . import commits, contents, discussions, jobs, repos, spaces
from .access import User, may_write, who, whoami
from .hardware import hardware
from .metadata import check_metadata
from .replies import Refusal
from .routing import Router
from .state import Repo, State

__all__ = ["make_app"]


def make_app(state: State) -> Router:
    """The Hub over a state."""
    app = Router()
    for parts in (Account(state), Repos(state), Contents(state), Spaces(state), Jobs(state)):
        parts.add_to(app)
    return app


class Part:
    """Some of the routes, over the state."""

    def __init__(self, state: State) -> None:
        self.state = state

    def add_to(self, app: Router) -> None:
        """Add the routes."""
        raise NotImplementedError

    def user(self, request: Request) -> User | None:
        """Who asks."""
        return who(request, self.state)

    def known(self, request: Request) -> User:
        """Who asks, and has a token."""
        user = self.user(request)
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        return user

    def read(self, request: Request, kinds: str, namespace: str, name: str) -> Repo:
        """A repository, to look at."""
        kind = kinds.rstrip("/s") or "model"
        return repos.seen(self.state, self.user(request), kind, f"{namespace}/{name}")

    def write(self, request: Request, kinds: str, namespace: str, name: str, what: str) -> Repo:
        """A repository, to change it."""
        repo = self.read(request, kinds, namespace, name)
        may_write(self.user(request), namespace, what)
        return repo


class Account(Part):
    """Who one is."""

    def add_to(self, app: Router) -> None:
        app.add("GET", "/api/whoami-v2", self.whoami)
        app.add("GET", "/oauth/userinfo", self.userinfo)

    async def whoami(self, request: Request) -> object:
        return whoami(self.user(request))

    async def userinfo(self, request: Request) -> object:
        told = whoami(self.user(request))
        orgs = [{"sub": one["id"], "preferred_username": one["name"]} for one in told["orgs"]]
        return {"sub": told["id"], "preferred_username": told["name"], "orgs": orgs}


AT = "/api/{kinds}/{namespace}/{name}"


class Repos(Part):
    """Repositories, their branches and tags, and what is said of them."""

    def add_to(self, app: Router) -> None:
        app.add("POST", "/api/repos/create", self.create)
        app.add("DELETE", "/api/repos/delete", self.delete)
        app.add("GET", "/api/{kinds}", self.listed)
        app.add("GET", AT, self.info)
        app.add("GET", f"{AT}/revision/{{revision*}}", self.info)
        app.add("PUT", f"{AT}/settings", self.settings)
        app.add("GET", f"{AT}/refs", self.refs)
        app.add("GET", f"{AT}/commits/{{revision*}}", self.history)
        app.add("POST DELETE", f"{AT}/branch/{{ref*}}", self.branch)
        app.add("POST DELETE", f"{AT}/tag/{{ref*}}", self.tag)
        app.add("GET POST", f"{AT}/discussions", self.discussions)
        app.add("GET", f"{AT}/discussions/{{number}}", self.discussion)
        app.add("POST", f"{AT}/discussions/{{number}}/comment", self.comment)

    async def create(self, request: Request) -> object:
        body = await _body(request)
        repo = repos.create(self.state, self.user(request), body)
        url = repos.url_of(self.state, repo.kind, repo.id)
        return {"url": url, "name": repo.id, "id": repos.shown(repo, repo.head)["_id"]}

    async def delete(self, request: Request) -> object:
        repo = repos.delete(self.state, self.user(request), await _body(request))
        if repo.space is not None:
            spaces.end(repo.space)
        return {}

    async def listed(self, request: Request, kinds: str) -> object:
        kind = kinds.removesuffix("s")
        return repos.listed(self.state, self.user(request), kind, request.query_params)

    async def info(self, request: Request, revision: str = "main", **where: str) -> object:
        return repos.info(self.read(request, **where), revision, request.query_params)

    async def settings(self, request: Request, **where: str) -> object:
        repo = self.write(request, **where, what="change the settings")
        return repos.update(repo, await _body(request))

    async def refs(self, request: Request, **where: str) -> object:
        return repos.refs(self.read(request, **where))

    async def history(self, request: Request, revision: str, **where: str) -> object:
        return repos.commits(self.read(request, **where), revision)

    async def branch(self, request: Request, ref: str, **where: str) -> object:
        repo = self.write(request, **where, what="change a branch")
        if request.method == "DELETE":
            return repos.delete_ref(repo.branches, ref)
        start = (await _body(request)).get("startingPoint") or "main"
        return repos.name_ref(repo, repo.branches, ref, str(start))

    async def tag(self, request: Request, ref: str, **where: str) -> object:
        repo = self.write(request, **where, what="change a tag")
        if request.method == "DELETE":
            return repos.delete_ref(repo.tags, ref)
        name = str((await _body(request)).get("tag") or "")
        return repos.name_ref(repo, repo.tags, name, ref)

    async def discussions(self, request: Request, **where: str) -> object:
        repo = self.read(request, **where)
        if request.method == "GET":
            return discussions.listed(repo, request.query_params)
        user = self.known(request)
        return discussions.create(self.state, user, repo, await _body(request))

    async def discussion(self, request: Request, number: str, **where: str) -> object:
        return discussions.detail(self.read(request, **where), number)

    async def comment(self, request: Request, number: str, **where: str) -> object:
        repo, user = self.read(request, **where), self.known(request)
        return discussions.comment(self.state, user, repo, number, await _body(request))


class Contents(Part):
    """What is in repositories: looked at, fetched, committed."""

    def add_to(self, app: Router) -> None:
        app.add("POST", "/api/validate-yaml", self.validate)
        app.add("GET", f"{AT}/tree/{{revision}}", self.tree)
        app.add("GET", f"{AT}/tree/{{revision}}/{{folder*}}", self.tree)
        app.add("POST", f"{AT}/paths-info/{{revision*}}", self.infos)
        app.add("POST", f"{AT}/preupload/{{revision*}}", self.preupload)
        app.add("POST", f"{AT}/commit/{{revision*}}", self.commit)
        app.add("GET", f"{AT}/xet-{{which}}-token/{{revision*}}", self.no_xet)
        app.add("POST", "/{prefix}{namespace}/{name}.git/info/lfs/objects/batch", self.batch)
        app.add("POST", "/lfs/verify", self.verify)
        app.add("PUT", "/lfs/{ticket}", self.receive)
        resolved = "/{prefix}{namespace}/{name}/resolve/{revision}/{path*}"
        app.add("GET HEAD", resolved, self.sent)

    async def validate(self, request: Request) -> object:
        return check_metadata(str((await _body(request)).get("content") or ""))

    async def tree(self, request: Request, revision: str, folder: str = "", **where: str) -> object:
        repo = self.read(request, **where)
        return contents.tree(repo, revision, folder, request.query_params)

    async def infos(self, request: Request, revision: str, **where: str) -> object:
        repo = self.read(request, **where)
        paths, expand = await _paths(request)
        return contents.infos(repo, revision, paths, expand=expand)

    async def preupload(self, request: Request, revision: str, **where: str) -> object:
        repo = self.write(request, **where, what="upload to a repository")
        return commits.preupload(self.state, repo, revision, await _body(request))

    async def commit(self, request: Request, revision: str, **where: str) -> object:
        repo = self.write(request, **where, what="upload to a repository")
        if request.query_params.get("create_pr"):
            raise Refusal(400, "pull requests aren't kept here")
        author, lines = self.known(request).name, await request.body()
        reply = commits.commit(self.state, repo, revision, lines, author)
        if repo.space is not None and revision == "main":
            spaces.committed(self.state, repo)
        return reply

    async def no_xet(self, request: Request, which: str, revision: str, **where: str) -> object:
        raise Refusal(
            400, "no Xet here: set HF_HUB_DISABLE_XET=1, so that large files come by Git LFS"
        )

    async def batch(self, request: Request, prefix: str, **where: str) -> object:
        self.write(request, prefix, **where, what="upload to a repository")
        return commits.batch(self.state, await _body(request))

    async def verify(self, request: Request) -> object:
        return commits.verify(self.state, await _body(request))

    async def receive(self, request: Request, ticket: str) -> object:
        return await commits.receive(self.state, request, ticket)

    async def sent(
        self, request: Request, prefix: str, revision: str, path: str, **where: str
    ) -> object:
        repo = self.read(request, prefix, **where)
        repos.check_gate(repo, self.user(request))
        return contents.sent(self.state, repo, revision, path)


class Spaces(Part):
    """What Spaces have besides their repositories."""

    def add_to(self, app: Router) -> None:
        at = "/api/spaces/{namespace}/{name}"
        app.add("GET", "/api/spaces/hardware", self.hardware)
        app.add("GET", f"{at}/runtime", self.runtime)
        app.add("POST", f"{at}/pause", self.pause)
        app.add("POST", f"{at}/restart", self.restart)
        app.add("POST", f"{at}/sleeptime", self.sleep)
        app.add("POST", f"{at}/hardware", self.request_hardware)
        for which in ("secrets", "variables"):
            app.add("GET POST DELETE", f"{at}/{{which}}", self.settings, which=which)
        for which in ("build", "run"):
            app.add("GET", f"{at}/logs/{{which}}", self.logs, which=which)

    async def hardware(self, request: Request) -> object:
        return hardware()

    def space(self, request: Request, where: dict[str, str], what: str) -> Repo:
        return self.write(request, "spaces", **where, what=what)

    async def runtime(self, request: Request, **where: str) -> object:
        return await spaces.look(self.state, self.read(request, "spaces", **where))

    async def pause(self, request: Request, **where: str) -> object:
        return spaces.pause(self.state, self.space(request, where, "pause a space"))

    async def restart(self, request: Request, **where: str) -> object:
        return spaces.restart(self.state, self.space(request, where, "restart a space"))

    async def sleep(self, request: Request, **where: str) -> object:
        repo = self.space(request, where, "change a space")
        return spaces.set_sleep(repo, await _body(request))

    async def request_hardware(self, request: Request, **where: str) -> object:
        repo = self.space(request, where, "change a space")
        return spaces.set_hardware(self.state, repo, await _body(request))

    async def settings(self, request: Request, which: str, **where: str) -> object:
        repo = self.space(request, where, f"see or change {which} of a space")
        if request.method != "GET":
            spaces.set_setting(
                self.state, repo, which, await _body(request), delete=request.method == "DELETE"
            )
        return spaces.settings(repo, which)

    async def logs(self, request: Request, which: str, **where: str) -> object:
        repo = self.space(request, where, "see the logs of a space")
        return spaces.logs(self.state, repo, which)


class Jobs(Part):
    """Jobs."""

    def add_to(self, app: Router) -> None:
        app.add("GET", "/api/jobs/hardware", self.hardware)
        app.add("GET POST", "/api/jobs/{namespace}", self.jobs)
        app.add("GET", "/api/jobs/{namespace}/{id}", self.look)
        app.add("GET", "/api/jobs/{namespace}/{id}/logs", self.logs)
        app.add("POST", "/api/jobs/{namespace}/{id}/cancel", self.cancel)
        app.add("PUT", "/api/jobs/{namespace}/{id}/labels", self.label)

    async def hardware(self, request: Request) -> object:
        return hardware()

    async def jobs(self, request: Request, namespace: str) -> object:
        user = self.user(request)
        if request.method == "GET":
            return jobs.listed(self.state, user, namespace, request.query_params)
        return await jobs.create(self.state, user, namespace, await _body(request))

    async def look(self, request: Request, namespace: str, id: str) -> object:
        return await jobs.look(self.state, self.user(request), namespace, id)

    async def logs(self, request: Request, namespace: str, id: str) -> object:
        return jobs.logs(self.state, self.user(request), namespace, id, request.query_params)

    async def cancel(self, request: Request, namespace: str, id: str) -> object:
        return jobs.cancel(self.state, self.user(request), namespace, id)

    async def label(self, request: Request, namespace: str, id: str) -> object:
        user = self.user(request)
        return jobs.label(self.state, user, namespace, id, await _body(request))


async def _body(request: Request) -> dict[str, Any]:
    content = await request.body()
    try:
        body = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "the body is no JSON object")
    return body


async def _paths(request: Request) -> tuple[list[str], bool]:
    """Paths that a request names, as JSON or as a form, and whether it asks for all of them."""
    if "json" in request.headers.get("content-type", ""):
        body = await _body(request)
        paths = body.get("paths") or []
        return [paths] if isinstance(paths, str) else [str(one) for one in paths], bool(
            body.get("expand")
        )
    form = parse_qs((await request.body()).decode())
    return form.get("paths", []), form.get("expand", ["false"])[0].lower() == "true"
