from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tunekit.testing.service import Call, FakeService

LINES = b'{"input":{"text":"a"},"target":{"weights":[["x",1.0]]}}\n'


def call(
    service: FakeService, method: str, path: str, body: object = None, **query: str
) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    reply = service.answer(Call(method, path, query, {}, content))
    assert reply.headers["x-request-id"]
    return reply.status, orjson.loads(reply.body)


def job(service: FakeService, lines: bytes = LINES, **other: Any) -> dict[str, Any]:
    _, file = call(service, "POST", "/files", lines)
    fields = {
        "file": file["id"],
        "validation": None,
        "format": "examples",
        "model": "fake-1",
        "method": "head",
        "hyperparameters": {},
        "metadata": {"run": "r1"},
        **other,
    }
    status, made = call(service, "POST", "/jobs", fields)
    assert status == 200, made
    return dict(made)


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    return FakeService(tmp_path / "fake")


def test_a_job_takes_one_step_each_time_it_is_polled(service: FakeService) -> None:
    made = job(service)
    assert made["status"] == "created"
    seen = [call(service, "GET", f"/jobs/{made['id']}")[1]["status"] for _ in range(4)]
    assert seen == ["queued", "running", "succeeded", "succeeded"]


def test_a_job_outlives_the_process(tmp_path: Path) -> None:
    made = job(FakeService(tmp_path))
    for _ in range(3):
        status, polled = call(FakeService(tmp_path), "GET", f"/jobs/{made['id']}")
    assert (status, polled["status"]) == (200, "succeeded")
    answer = call(
        FakeService(tmp_path),
        "POST",
        "/answers",
        {"model": polled["tuned_model"], "inputs": [{"text": "a"}]},
    )
    assert answer == (200, {"answers": [{"weights": [["x", 1.0]]}]})


def test_the_same_bytes_are_the_same_file(service: FakeService) -> None:
    first, second = (call(service, "POST", "/files", LINES)[1] for _ in range(2))
    assert first == second
    assert call(service, "POST", "/files", LINES + LINES)[1]["id"] != first["id"]


def test_a_file_in_use_stays(service: FakeService) -> None:
    made = job(service)
    assert call(service, "DELETE", f"/files/{made['file']}")[0] == 409
    _, unused = call(service, "POST", "/files", b"other\n")
    assert call(service, "DELETE", f"/files/{unused['id']}")[0] == 200
    assert call(service, "DELETE", f"/files/{unused['id']}")[0] == 404


def test_jobs_come_in_pages_in_order(service: FakeService) -> None:
    made = [job(service)["id"] for _ in range(25)]
    _, first = call(service, "GET", "/jobs")
    _, second = call(service, "GET", "/jobs", after=first["data"][-1]["id"])
    assert [one["id"] for one in first["data"] + second["data"]] == made
    assert (first["more"], second["more"]) == (True, False)


def test_a_cancelled_job_stays_cancelled(service: FakeService) -> None:
    made = job(service)
    call(service, "POST", f"/jobs/{made['id']}/cancel")
    seen = [call(service, "GET", f"/jobs/{made['id']}")[1]["status"] for _ in range(2)]
    assert seen == ["cancelled", "cancelled"]
    assert call(service, "POST", f"/jobs/{made['id']}/cancel")[0] == 409


def test_broken_records_fail_the_job_and_name_the_line(service: FakeService) -> None:
    made = job(service, LINES + b'{"input": 1}\n')
    for _ in range(3):
        _, polled = call(service, "GET", f"/jobs/{made['id']}")
    assert polled["status"] == "failed"
    assert "line 2" in polled["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("PATCH", "/jobs", None, 404),
        ("GET", "/jobs/job-9", None, 404),
        ("GET", "/jobs/../../etc", None, 404),
        ("POST", "/files", b"", 400),
        ("POST", "/jobs", b"{", 400),
        ("POST", "/jobs", {"file": "x"}, 400),
        ("POST", "/answers", {"model": "m", "inputs": []}, 404),
        ("POST", "/answers", {"model": "m:job-1", "inputs": []}, 404),
        ("POST", "/answers", {"inputs": "x"}, 422),
    ],
)
def test_bad_calls_are_refused(
    service: FakeService, method: str, path: str, body: object, status: int
) -> None:
    got, answer = call(service, method, path, body)
    assert got == status
    assert answer["error"]["message"]


def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    service = FakeService(tmp_path, key="right")
    wrong = service.answer(Call("GET", "/jobs", {}, {"authorization": "Bearer wrong"}, b""))
    right = service.answer(Call("GET", "/jobs", {}, {"authorization": "Bearer right"}, b""))
    assert (wrong.status, right.status) == (401, 200)


def test_one_bad_input_costs_no_other(service: FakeService) -> None:
    made = job(service)
    for _ in range(3):
        _, polled = call(service, "GET", f"/jobs/{made['id']}")
    inputs = [{"text": "a"}, {"text": "\0"}, {"nonsense": 1}, {"text": "a"}]
    _, answer = call(
        service, "POST", "/answers", {"model": polled["tuned_model"], "inputs": inputs}
    )
    assert ["error" in one for one in answer["answers"]] == [False, True, True, False]


def test_a_disk_that_refuses_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    status, answer = call(FakeService(tmp_path / "file"), "POST", "/files", LINES)
    assert status == 507
    assert "can't write" in answer["error"]["message"]
