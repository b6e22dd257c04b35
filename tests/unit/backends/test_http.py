from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from tunekit import errors
from tunekit.backends.http import HttpClient, expect
from tunekit.backends.http_errors import EXCEPTION_ERRORS, failure

KEY = "sk-very-secret-123"
Handler = Callable[[httpx2.Request], httpx2.Response]


def client(handler: Handler, **options: Any) -> HttpClient:
    options = {"first_wait": 0.001, "longest_wait": 0.05, **options}
    return HttpClient(
        "mine", "https://api.test/v1", transport=httpx2.MockTransport(handler), **options
    )


class Answers:
    """A handler that gives one answer after the other and counts; the last one stays."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            if isinstance(answer, httpx2.RequestError):
                answer.request = request
            raise answer
        return answer


def json(status: int, body: object = None, **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json=body, headers=names)


def leaves(root: type[BaseException]) -> Iterator[type[BaseException]]:
    below = root.__subclasses__()
    if not below:
        yield root
    for one in below:
        yield from leaves(one)


def all_httpx_errors() -> set[type[Exception]]:
    roots = [
        thing
        for thing in vars(httpx2).values()
        if isinstance(thing, type) and issubclass(thing, Exception)
    ]
    return {leaf for root in roots for leaf in leaves(root) if leaf.__module__.startswith("httpx2")}


def test_every_exception_of_httpx2_has_its_place_in_the_table() -> None:
    unmapped = [
        kind.__name__
        for kind in all_httpx_errors()
        if not any(ancestor in EXCEPTION_ERRORS for ancestor in kind.__mro__)
    ]
    assert len(all_httpx_errors()) >= 15
    assert unmapped == []


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (httpx2.ReadTimeout("slow"), errors.BackendTimeout),
        (httpx2.ConnectTimeout("slow"), errors.BackendTimeout),
        (httpx2.PoolTimeout("busy"), errors.BackendTimeout),
        (httpx2.ConnectError("refused"), errors.ConnectionFailed),
        (httpx2.ReadError("reset"), errors.ConnectionFailed),
        (httpx2.RemoteProtocolError("cut"), errors.ConnectionFailed),
        (httpx2.ProxyError("no"), errors.ConnectionFailed),
        (httpx2.DecodingError("gzip"), errors.MalformedAnswer),
    ],
)
def test_lack_of_an_answer_is_our_error_with_its_cause(
    raised: Exception, expected: type[errors.BackendError]
) -> None:
    with pytest.raises(expected) as caught:
        client(Answers(raised)).create("/jobs", json={})
    assert caught.value.backend == "mine"
    assert caught.value.status is None
    assert caught.value.__cause__ is raised
    assert "mine: POST /jobs" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "expected", "retryable"),
    [
        (400, errors.InvalidRequest, False),
        (401, errors.AuthenticationFailed, False),
        (402, errors.InvalidRequest, False),
        (403, errors.PermissionDenied, False),
        (404, errors.NotFound, False),
        (408, errors.BackendTimeout, True),
        (409, errors.Conflict, True),
        (410, errors.NotFound, False),
        (413, errors.InvalidRequest, False),
        (422, errors.InvalidRequest, False),
        (429, errors.RateLimited, True),
        (500, errors.ServerFailed, True),
        (503, errors.ServerFailed, True),
        (307, errors.MalformedAnswer, False),
    ],
)
def test_every_status_is_one_class(
    status: int, expected: type[errors.BackendError], retryable: bool
) -> None:
    answer = json(status, {"error": {"message": "because"}}, x_request_id="req-7")
    with pytest.raises(expected) as caught:
        client(Answers(answer)).create("/jobs", json={})
    error = caught.value
    assert type(error) is expected
    assert (error.status, error.request_id, error.retryable) == (status, "req-7", retryable)
    assert "because" in str(error)
    assert "req-7" in str(error)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "inner"}}', "inner"),
        (b'{"error": "flat"}', "flat"),
        (b'{"message": "top"}', "top"),
        (b'{"detail": [{"loc": ["x"]}]}', '[{"loc":["x"]}]'),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        (b'"only a text"', "only a text"),
        (b"", "Bad Request"),
        (b"\xff\xfe", "400"),
    ],
)
def test_the_message_is_found_wherever_it_is(body: bytes, said: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="400") as caught:
        client(Answers(httpx2.Response(400, content=body))).create("/jobs")
    assert said in str(caught.value)


def test_a_long_message_is_cut() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        client(Answers(json(400, {"error": {"message": "x" * 100_000}}))).create("/jobs")
    assert len(str(caught.value)) < 1_000


# --- who repeats ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [json(500), json(429), json(409), httpx2.ReadTimeout("slow")])
def test_a_get_is_repeated_until_it_works(answer: httpx2.Response | Exception) -> None:
    answers = Answers(answer, answer, json(200, {"ok": True}))
    assert client(answers).get("/jobs") == {"ok": True}
    assert len(answers.requests) == 3


@pytest.mark.parametrize("answer", [json(500), json(429), json(409), httpx2.ReadTimeout("slow")])
def test_a_create_is_sent_once(answer: httpx2.Response | Exception) -> None:
    answers = Answers(answer, json(200, {"ok": True}))
    with pytest.raises(errors.BackendError):
        client(answers).create("/jobs", json={})
    assert len(answers.requests) == 1


def test_repeating_ends() -> None:
    answers = Answers(json(503))
    with pytest.raises(errors.ServerFailed):
        client(answers, attempts=3).get("/jobs")
    assert len(answers.requests) == 3


def test_what_will_not_get_better_is_not_repeated() -> None:
    answers = Answers(json(404))
    with pytest.raises(errors.NotFound):
        client(answers).get("/jobs/1")
    assert len(answers.requests) == 1


def test_retry_after_is_waited_for() -> None:
    answers = Answers(json(429, None, retry_after="0.3"), json(200, {}))
    begun = datetime.now(UTC)
    client(answers, longest_wait=1.0).get("/jobs")
    assert datetime.now(UTC) - begun >= timedelta(seconds=0.3)


@pytest.mark.parametrize("later", ["3600", "inf", "date"])
def test_a_long_retry_after_is_for_the_caller_to_wait(later: str) -> None:
    if later == "date":
        later = format_datetime(datetime.now(UTC) + timedelta(hours=1))
    answers = Answers(json(429, None, retry_after=later))
    with pytest.raises(errors.RateLimited) as caught:
        client(answers, longest_wait=1.0).get("/jobs")
    assert len(answers.requests) == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 3_500


@pytest.mark.parametrize("nonsense", ["soon", "", "Wed, 99 Foo"])
def test_an_unreadable_retry_after_is_none(nonsense: str) -> None:
    with pytest.raises(errors.RateLimited) as caught:
        client(Answers(json(429, None, retry_after=nonsense))).create("/jobs")
    assert caught.value.retry_after is None


# --- answers --------------------------------------------------------------------------------------


def test_an_answer_that_is_no_json_is_malformed() -> None:
    answer = httpx2.Response(200, content=b'{"id": ', headers={"x-request-id": "req-1"})
    with pytest.raises(errors.MalformedAnswer) as caught:
        client(Answers(answer)).get("/jobs")
    assert (caught.value.status, caught.value.request_id) == (200, "req-1")


def test_an_empty_answer_is_none() -> None:
    assert client(Answers(httpx2.Response(204))).repeat("DELETE", "/files/1") is None


@pytest.mark.parametrize("answer", [None, [], {}, {"id": 7}])
def test_a_field_that_is_not_as_promised_is_malformed(answer: object) -> None:
    with pytest.raises(errors.MalformedAnswer, match="'id'"):
        expect(answer, "id", str, backend="mine")


def test_what_is_no_json_is_refused_before_it_is_sent() -> None:
    answers = Answers(json(200))
    with pytest.raises(errors.InvalidRequest, match="no JSON"):
        client(answers).create("/jobs", json={"text": "\ud800"})
    assert answers.requests == []


def test_a_redirect_is_not_followed() -> None:
    answers = Answers(json(302, None, location="https://elsewhere.test/"))
    with pytest.raises(errors.MalformedAnswer):
        client(answers).get("/jobs")
    assert [request.url.host for request in answers.requests] == ["api.test"]


# --- the address and the key ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["", "api.test/v1", "ftp://api.test", "http://", "http://a\0b", "http://a:b@c"]
)
def test_an_address_that_is_none_is_a_config_error(address: str) -> None:
    with pytest.raises(errors.ConfigError, match="mine"):
        HttpClient("mine", address)


@pytest.mark.parametrize(
    "address", [f"https://me:{KEY}@api.test", f"ftp://{KEY}@api.test", f"http://a:{KEY}\0@api"]
)
def test_a_password_in_the_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        HttpClient("mine", address)
    assert KEY not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None


def test_the_key_is_read_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(json(200, {}))
    wire = client(answers, key_env="MINE_KEY")
    with pytest.raises(errors.AuthenticationFailed, match="MINE_KEY"):
        wire.get("/jobs")
    assert answers.requests == []
    monkeypatch.setenv("MINE_KEY", f" {KEY}\n")
    wire.get("/jobs")
    assert answers.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("broken", ["sk-“quoted”", "sk-two\nlines", "sk-\0"])
def test_a_key_that_can_be_none_is_named_and_not_shown(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"MINE_KEY": broken})
    with pytest.raises(errors.AuthenticationFailed, match="MINE_KEY") as caught:
        client(Answers(json(200, {})), key_env="MINE_KEY").get("/jobs")
    assert broken not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        json(401, {"error": {"message": f"incorrect API key provided: {KEY}"}}),
        json(400, {"error": {"message": f"header Bearer {KEY} is odd"}}, x_request_id=f"r-{KEY}"),
        httpx2.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"),
        httpx2.ReadTimeout("slow"),
    ],
)
def test_no_key_in_any_error(
    answer: httpx2.Response | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE_KEY", KEY)
    wire = client(Answers(answer), key_env="MINE_KEY")
    with pytest.raises(errors.BackendError) as caught:
        wire.create("/jobs", json={})
    shown = "".join(traceback.format_exception(caught.value)) + repr(wire)
    assert KEY not in shown
    held = [caught.value, caught.value.__cause__, caught.value.__context__]
    for error in held:
        request = getattr(error, "_request", None)
        assert request is None or KEY not in str(request.headers.raw)


def test_a_401_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_KEY", KEY)
    with pytest.raises(errors.AuthenticationFailed, match="MINE_KEY"):
        client(Answers(json(401)), key_env="MINE_KEY").get("/jobs")
    with pytest.raises(errors.AuthenticationFailed, match="environment variable"):
        client(Answers(json(401))).get("/jobs")


def test_a_proxy_of_the_environment_is_not_for_loopback() -> None:
    assert not HttpClient("mine", "http://127.0.0.1:8000").trust_env
    assert HttpClient("mine", "https://api.test").trust_env


# --- the asynchronous side ------------------------------------------------------------------------


def test_predictions_are_repeated_and_fail_alike() -> None:
    async def ask(answers: Answers) -> Any:
        async with client(answers, attempts=3).session() as session:
            return await session.repeat("POST", "/answers", json={"inputs": []})

    works = Answers(json(429), httpx2.ReadError("reset"), json(200, {"answers": []}))
    assert asyncio.run(ask(works)) == {"answers": []}
    assert len(works.requests) == 3
    for answer, expected in [
        (json(500), errors.ServerFailed),
        (json(403), errors.PermissionDenied),
        (httpx2.ConnectTimeout("slow"), errors.BackendTimeout),
    ]:
        with pytest.raises(expected):
            asyncio.run(ask(Answers(answer)))


def test_an_unknown_exception_of_httpx2_is_still_ours() -> None:
    class NewTrouble(httpx2.TransportError):
        pass

    assert failure(NewTrouble) is errors.ConnectionFailed
