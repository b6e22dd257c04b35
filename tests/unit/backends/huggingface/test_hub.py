from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import CommitOperationAdd
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import are_progress_bars_disabled
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tunekit import errors
from tunekit.backends.huggingface.hub import Hub
from tunekit.testing.server import Fault
from tunekit.testing.serving import ServedApp

TOKEN = "hf_very_secret_token"


async def whoami(request: Request) -> Response:
    return JSONResponse({"name": "tester", "token": request.headers.get("authorization")})


async def create(request: Request) -> Response:
    return JSONResponse({"url": f"{request.base_url}tester/new"})


async def info(request: Request) -> Response:
    if request.path_params["name"] == "gated":
        return Response(status_code=403, headers={"x-error-code": "GatedRepo"})
    if request.path_params["name"] == "hidden":
        return Response(status_code=401, headers={"x-error-code": "RepoNotFound"})
    return JSONResponse({"error": "no such thing"}, status_code=404)


async def preupload(request: Request) -> Response:
    asked = await request.json()
    files = [
        {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
        for one in asked["files"]
    ]
    return JSONResponse({"files": files})


async def commit(request: Request) -> Response:
    url = f"{request.base_url}tester/new/commit/c0ffee"
    return JSONResponse({"commitUrl": url, "commitOid": "c0ffee"})


class _State:
    folder: Path


class Api(ServedApp):
    answer_route = "GET /api/whoami-v2"

    def __init__(self) -> None:
        self._state = _State()
        routes = [
            Route("/api/whoami-v2", whoami),
            Route("/api/repos/create", create, methods=["POST"]),
            Route("/api/models/tester/{name}", info),
            Route("/api/models/tester/new/preupload/main", preupload, methods=["POST"]),
            Route("/api/models/tester/new/commit/main", commit, methods=["POST"]),
        ]
        super().__init__(Starlette(routes=routes), _refusal)


def _refusal(fault: Fault) -> Response:
    words = "another conflicting operation is in progress" if fault.status == 409 else "no"
    return JSONResponse(
        {"error": f"Cannot create repo: {words}. Sent: Bearer {TOKEN}"},
        status_code=fault.status,
        headers={"x-request-id": f"req-{fault.status}"},
    )


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    with Api() as server:
        yield server


def hub(api: Api, **more: float) -> Hub:
    options = {"timeout": 0.5, "first_wait": 0.01, "longest_wait": 0.1, **more}
    return Hub("mine", "MY_TOKEN", api.origin, **options)  # type: ignore[arg-type]


def test_the_token_and_the_endpoint_are_those_of_the_call(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", api.origin + "/")
    one = Hub("mine", "MY_TOKEN")
    assert one.read("who", lambda hf: hf.whoami()["token"]) == f"Bearer {TOKEN}"
    monkeypatch.setenv("MY_TOKEN", "hf_another")
    assert one.read("who", lambda hf: hf.whoami()["token"]) == "Bearer hf_another"
    assert one.namespace() == "tester"
    monkeypatch.delenv("MY_TOKEN")
    with pytest.raises(errors.AuthenticationFailed, match="MY_TOKEN holds no key"):
        one.namespace()
    monkeypatch.setenv("HF_ENDPOINT", "https://user:word@host")
    with pytest.raises(errors.ConfigError, match="user name or password") as caught:
        one.namespace()
    assert "word@" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.InvalidRequest),
        (401, errors.AuthenticationFailed),
        (402, errors.InvalidRequest),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (422, errors.InvalidRequest),
        (429, errors.RateLimited),
        (500, errors.ServerFailed),
        (503, errors.ServerFailed),
    ],
)
def test_what_the_hub_refuses_is_our_error_without_the_token(
    api: Api, status: int, expected: type[errors.BackendError]
) -> None:
    api.script("POST /api/repos/create", Fault("refuse", status=status, retry_after=0.05))
    with pytest.raises(expected) as caught:
        hub(api).once("creating tester/new", lambda hf: hf.create_repo("tester/new", private=True))
    error = caught.value
    assert type(error) is expected
    assert (error.status, error.request_id) == (status, f"req-{status}")
    if status in (429, 503):
        assert error.retry_after == pytest.approx(0.05)
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert TOKEN not in shown
    assert len(api.requests) == 1  # what creates isn't sent twice


def test_a_private_repository_of_others_is_not_found_and_a_gated_one_denied(api: Api) -> None:
    for name, expected in (
        ("hidden", errors.NotFound),
        ("none", errors.NotFound),
        ("gated", errors.PermissionDenied),
    ):
        with pytest.raises(expected):
            hub(api).read("looking", lambda hf, name=name: hf.model_info(f"tester/{name}"))  # type: ignore[misc]


def test_what_reads_is_repeated(api: Api) -> None:
    api.script(
        "GET /api/whoami-v2",
        Fault("refuse", status=500),
        Fault("cut"),
        Fault("refuse", status=429, retry_after=0.05),
    )
    assert hub(api).namespace() == "tester"
    assert len(api.requests) == 4


def test_who_says_in_an_hour_gets_its_hour_from_the_caller(api: Api) -> None:
    api.script(
        "POST /api/models/tester/new/preupload/main", Fault("refuse", status=429, retry_after=3600)
    )
    begun = time.monotonic()
    with pytest.raises(errors.RateLimited) as caught:
        hub(api).commit("tester/new", [CommitOperationAdd("a.txt", b"a")], "m")
    assert caught.value.retry_after == 3600
    assert time.monotonic() - begun < 2
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("hang"), errors.BackendTimeout),
        (Fault("cut"), errors.ConnectionFailed),
        (Fault("garble"), errors.MalformedAnswer),
        (Fault("reshape"), errors.MalformedAnswer),
    ],
)
def test_what_comes_instead_of_an_answer_is_our_error(
    api: Api, fault: Fault, expected: type[errors.BackendError]
) -> None:
    api.script("POST /api/repos/create", fault, always=True)
    with pytest.raises(expected) as caught:
        hub(api).once("creating tester/new", lambda hf: hf.create_repo("tester/new"))
    assert type(caught.value) is expected
    assert "creating tester/new" in str(caught.value)
    assert caught.value.status == (200 if expected is errors.MalformedAnswer else None)
    request = getattr(caught.value.__cause__, "_request", None)
    assert request is None or "authorization" not in request.headers
    assert len(api.requests) == 1


def test_where_nobody_listens_it_is_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    one = Hub("mine", "MY_TOKEN", "http://127.0.0.1:9", 0.5, attempts=2, first_wait=0.01)
    with pytest.raises(errors.ConnectionFailed):
        one.namespace()


def test_the_users_own_calls_keep_their_client_and_have_no_bound(api: Api) -> None:
    client = huggingface_hub.get_session()
    api.script("GET /api/whoami-v2", Fault("hang"))
    with pytest.raises(errors.BackendTimeout):
        Hub("mine", "MY_TOKEN", api.origin, 0.3, attempts=1).namespace()
    assert huggingface_hub.get_session() is client
    assert client.timeout.read is None
    api.script("GET /api/whoami-v2", Fault("slow", seconds=0.6))
    mine = huggingface_hub.HfApi(endpoint=api.origin, token="hf_own")
    assert mine.whoami()["name"] == "tester"


def test_it_is_silent_and_loudness_comes_back(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    before = hub_logging.get_verbosity(), are_progress_bars_disabled()
    api.script("POST /api/models/tester/new/preupload/main", Fault("refuse", status=500))

    def work() -> None:
        files = [CommitOperationAdd("a.txt", b"a"), CommitOperationAdd("b/c.zip", b"c")]
        hub(api).commit("tester/new", files, "m")

    workers = [threading.Thread(target=work) for _ in range(3)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert (hub_logging.get_verbosity(), are_progress_bars_disabled()) == before
    assert capfd.readouterr() == ("", "")
    commits = [one for one in api.requests if "/commit/" in one.path]
    assert len(commits) == 3


def test_a_wrong_name_and_a_full_disk_are_told_apart(api: Api) -> None:
    with pytest.raises(errors.InvalidRequest):
        hub(api).once("creating", lambda hf: hf.create_repo("no/such/name"))

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(errors.StoreError, match="No space left"):
        hub(api).once("downloading", full)


def test_its_repr_has_no_token(api: Api) -> None:
    assert TOKEN not in repr(hub(api)) + repr(vars(hub(api)))
