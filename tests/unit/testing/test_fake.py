from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tunekit import errors
from tunekit.backends.base import Backend, ModelRef, Predicts, State, Step, Trains
from tunekit.planning import Work
from tunekit.shapes import Failure, Passage, Weights
from tunekit.tasks.classification import Classification
from tunekit.testing.fake import FakeBackend
from tunekit.testing.server import Fault, ScriptedServer

LINES = b'{"input":{"text":"my car broke"},"target":{"weights":[["claim",1.0]]}}\n'


class Notes:
    """A journal in memory, over a folder with the data."""

    def __init__(self, folder: Path, run_id: str = "run-1", lines: bytes = LINES) -> None:
        self.run_id = run_id
        self.folder = folder / run_id
        self.steps: list[Step] = []
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "data" / "train.jsonl").write_bytes(lines)

    def note(self, name: str, **facts: Any) -> None:
        self.steps.append(Step("2026-01-01T00:00:00+00:00", name, facts))

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]


def work(backend: FakeBackend, method: str = "head", **hyperparameters: Any) -> Work:
    task = Classification(["claim", "billing"])
    route = next(route for route in backend.routes("fake-1") if route.method == method)
    return Work(
        task=task,
        prompt=task.prompt(),
        route=route,
        model="fake-1",
        hyperparameters=backend.hyperparameters(route, hyperparameters),
    )


def train(backend: FakeBackend, notes: Notes) -> ModelRef:
    ref = backend.submit(work(backend), notes)
    while not backend.poll(ref).state.terminal:
        pass
    return backend.result(ref).ref


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def over(server: ScriptedServer, home: Path, **options: Any) -> FakeBackend:
    return FakeBackend(home=home, endpoint=server.url, **{"timeout": 1.0, "attempts": 2, **options})


def test_it_is_a_backend_that_trains_and_predicts(home: Path) -> None:
    backend = FakeBackend(home=home)
    for protocol in (Backend, Trains, Predicts):
        assert isinstance(backend, protocol)


@pytest.mark.parametrize("inside", [True, False])
def test_from_rows_to_answers(
    home: Path, tmp_path: Path, server: ScriptedServer, inside: bool
) -> None:
    backend = FakeBackend(home=home) if inside else over(server, home)
    ref = train(backend, Notes(tmp_path))
    answers = asyncio.run(backend.predict(ref, [Passage("my car broke")] * 150))
    assert answers == [Weights((("claim", 1.0),))] * 150


def test_the_states_are_those_of_a_job(home: Path, tmp_path: Path) -> None:
    backend = FakeBackend(home=home)
    ref = backend.submit(work(backend), Notes(tmp_path))
    seen = [backend.poll(ref).state for _ in range(4)]
    assert seen == [State.QUEUED, State.RUNNING, State.SUCCEEDED, State.SUCCEEDED]
    kinds = [event.kind for event in backend.events(ref)]
    assert kinds == ["state", "state", "state", "metric", "progress", "state"]


def test_states_of_the_provider(home: Path, tmp_path: Path, server: ScriptedServer) -> None:
    backend = over(server, home)
    server.service.story = ("paused", "reticulating", "failed")
    ref = backend.submit(work(backend), Notes(tmp_path))
    seen = [backend.poll(ref) for _ in range(3)]
    assert [status.state for status in seen] == [State.PAUSED, State.UNKNOWN, State.FAILED]
    assert seen[1].raw == "reticulating"
    assert seen[2].error == server.service.error
    with pytest.raises(errors.MalformedAnswer, match="tuned_model"):
        backend.result(ref)


def test_cancelling(home: Path, tmp_path: Path) -> None:
    backend = FakeBackend(home=home)
    ref = backend.submit(work(backend), Notes(tmp_path))
    backend.cancel(ref)
    assert backend.poll(ref).state is State.CANCELLED
    backend.cancel(ref)


def test_every_step_is_noted_before_the_next(home: Path, tmp_path: Path) -> None:
    backend, notes = FakeBackend(home=home), Notes(tmp_path)
    ref = backend.submit(work(backend), notes)
    assert notes.names == ["uploading", "uploaded", "creating", "created"]
    assert backend.submit(work(backend), notes) == ref
    assert len(backend.service.jobs()) == 1


def test_uploads_are_reused_by_content(home: Path, tmp_path: Path, server: ScriptedServer) -> None:
    backend = over(server, home)
    first, second = Notes(tmp_path, "run-1"), Notes(tmp_path, "run-2")
    for notes in (first, second):
        backend.submit(work(backend), notes)
    uploads = [request for request in server.requests if request[:2] == ("POST", "/files")]
    assert len(uploads) == 1
    reused = [
        step.facts["reused"]
        for notes in (first, second)
        for step in notes.steps
        if step.name == "uploaded"
    ]
    assert reused == [False, True]


@pytest.mark.parametrize("kind", ["hang", "cut", "garble"])
def test_a_create_whose_answer_was_lost_is_never_sent_again(
    home: Path, tmp_path: Path, server: ScriptedServer, kind: Any
) -> None:
    backend, notes = over(server, home), Notes(tmp_path)
    server.script("POST /jobs", Fault(kind, worked=True))
    # An answer that came, and can't be read, is a reason to look at once.
    with nullcontext() if kind == "garble" else pytest.raises(errors.BackendError):
        backend.submit(work(backend), notes)
    ref = backend.submit(work(backend), notes)
    assert ref == backend.find("run-1")
    assert len(server.service.jobs()) == 1
    assert sum(request[:2] == ("POST", "/jobs") for request in server.requests) == 1


def test_a_failed_job_is_not_gone_back_to(
    home: Path, tmp_path: Path, server: ScriptedServer
) -> None:
    backend, notes = over(server, home), Notes(tmp_path)
    server.service.story = ("failed",)
    first = backend.submit(work(backend), notes)
    assert backend.poll(first).state is State.FAILED
    server.service.story = ("succeeded",)
    server.script("POST /jobs", Fault("hang", worked=True))
    with pytest.raises(errors.BackendTimeout):
        backend.submit(work(backend), notes)
    second = backend.submit(work(backend), notes)
    assert second != first
    assert backend.find("run-1") == second
    assert len(server.service.jobs()) == 2


def test_a_create_that_never_arrived_is_sent_again(
    home: Path, tmp_path: Path, server: ScriptedServer
) -> None:
    backend, notes = over(server, home), Notes(tmp_path)
    server.script("POST /jobs", Fault("cut"))
    with pytest.raises(errors.ConnectionFailed):
        backend.submit(work(backend), notes)
    backend.submit(work(backend), notes)
    assert len(server.service.jobs()) == 1


def test_find_compares_run_ids_itself_over_all_pages(
    home: Path, tmp_path: Path, server: ScriptedServer
) -> None:
    backend = over(server, home)
    refs = {
        f"run-{n}": backend.submit(work(backend), Notes(tmp_path, f"run-{n}")) for n in range(23)
    }
    assert {run: backend.find(run) for run in refs} == refs
    assert backend.find("run") is None


def test_clean_takes_back_what_a_refused_job_left(
    home: Path, tmp_path: Path, server: ScriptedServer
) -> None:
    backend, notes = over(server, home), Notes(tmp_path)
    server.script("POST /jobs", Fault("refuse", status=403))
    with pytest.raises(errors.PermissionDenied):
        backend.submit(work(backend), notes)
    backend.clean(notes)
    assert list((server.service.folder / "files").glob("file-*")) == []
    backend.clean(notes)  # a second time there is nothing to do
    assert notes.names == ["uploading", "uploaded", "creating", "refused", "deleted"]
    backend.submit(work(backend), notes)  # and a resumed run uploads again
    assert notes.names[5:] == ["uploading", "uploaded", "creating", "created"]
    assert len(server.service.jobs()) == 1


def test_clean_leaves_what_another_job_uses(home: Path, tmp_path: Path) -> None:
    backend = FakeBackend(home=home)
    first, second = Notes(tmp_path, "run-1"), Notes(tmp_path, "run-2")
    backend.submit(work(backend), first)
    backend.submit(work(backend), second)
    backend.clean(first)
    backend.clean(second)
    assert len(list((home / "fake" / "files").glob("file-*"))) == 1


def test_bad_inputs_are_failures_of_their_own(home: Path, tmp_path: Path) -> None:
    backend = FakeBackend(home=home)
    ref = train(backend, Notes(tmp_path))
    asked = [Passage("a"), Passage("\ud800"), Passage("b\0"), Passage("c")]
    answers = asyncio.run(backend.predict(ref, asked))
    assert [isinstance(answer, Failure) for answer in answers] == [False, True, True, False]
    assert asyncio.run(backend.predict(ref, [])) == []
    assert isinstance(asyncio.run(backend.predict(ref, asked[1:2]))[0], Failure)


def test_a_lost_batch_costs_no_other(home: Path, tmp_path: Path, server: ScriptedServer) -> None:
    backend = over(server, home)
    ref = train(backend, Notes(tmp_path))
    server.script("POST /answers", Fault("refuse", status=400))
    answers = asyncio.run(backend.predict(ref, [Passage("a")] * 100))
    failed = [answer for answer in answers if isinstance(answer, Failure)]
    assert len(answers) == 100
    assert len(failed) in (64, 36)
    assert failed[0].code == "InvalidRequest"
    server.script("POST /answers", Fault("refuse", status=400), always=True)
    with pytest.raises(errors.InvalidRequest):
        asyncio.run(backend.predict(ref, [Passage("a")] * 100))


@pytest.mark.parametrize("body", ["reshape", "garble"])
def test_a_malformed_answer_is_said_to_be_one(
    home: Path, tmp_path: Path, server: ScriptedServer, body: Any
) -> None:
    backend = over(server, home)
    ref = train(backend, Notes(tmp_path))
    server.script("POST /answers", Fault(body), always=True)
    with pytest.raises(errors.MalformedAnswer):
        asyncio.run(backend.predict(ref, [Passage("a")]))


def test_too_few_answers_are_malformed(home: Path, tmp_path: Path, monkeypatch: Any) -> None:
    backend = FakeBackend(home=home)
    ref = train(backend, Notes(tmp_path))
    monkeypatch.setattr(backend.service, "_say", lambda asked: {"answers": []})
    with pytest.raises(errors.MalformedAnswer, match="0 answers to 1"):
        asyncio.run(backend.predict(ref, [Passage("a")]))
    monkeypatch.setattr(backend.service, "_say", lambda asked: {"answers": [{"odd": 1}]})
    with pytest.raises(errors.MalformedAnswer, match="an answer"):
        asyncio.run(backend.predict(ref, [Passage("a")]))


def test_an_unknown_model_is_not_found(home: Path) -> None:
    with pytest.raises(errors.NotFound):
        asyncio.run(FakeBackend(home=home).predict(ModelRef("fake", "nobody"), [Passage("a")]))


# --- hyperparameters and options ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"learning_rate": 1e-3}, "learning_rate_multiplier"),
        ({"epoch": 3}, "epochs"),
        ({"lora_rank": 8}, "batch_size"),
        ({"epochs": 0}, "whole number from 1"),
        ({"epochs": True}, "whole number"),
        ({"batch_size": 1.5}, "whole number"),
        ({"learning_rate_multiplier": "fast"}, "number above 0"),
        ({"learning_rate_multiplier": 0}, "number above 0"),
        ({"learning_rate_multiplier": float("nan")}, "number above 0"),
    ],
)
def test_a_hyperparameter_is_mapped_or_refused_by_name(
    home: Path, given: Mapping[str, Any], says: str
) -> None:
    backend = FakeBackend(home=home)
    with pytest.raises(errors.HyperparameterError, match=says) as caught:
        backend.hyperparameters(backend.routes("fake-1")[0], given)
    assert next(iter(given)) in str(caught.value)


def test_what_was_applied_comes_back(home: Path, tmp_path: Path) -> None:
    backend = FakeBackend(home=home)
    ref = backend.submit(work(backend, epochs=5), Notes(tmp_path))
    for _ in range(3):
        backend.poll(ref)
    assert backend.result(ref).applied == {
        "epochs": 5,
        "batch_size": 8,
        "learning_rate_multiplier": 1.0,
        "seed": 0,
    }


def test_options_build_it_again(home: Path) -> None:
    given = {"endpoint": "http://127.0.0.1:9", "key_env": "SOME_KEY", "timeout": 2.0, "attempts": 2}
    backend = FakeBackend("mine", home=home, **given)  # type: ignore[arg-type]
    assert backend.options == given
    assert FakeBackend(home=home).options == {}


def test_the_key_goes_to_the_server_and_nowhere_else(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-not-to-be-seen"
    with ScriptedServer(key=secret) as server:
        backend = over(server, home, key_env="FAKE_KEY")
        with pytest.raises(errors.AuthenticationFailed, match="FAKE_KEY"):
            backend.find("run")
        monkeypatch.setenv("FAKE_KEY", "sk-wrong-and-repeated")
        with pytest.raises(errors.AuthenticationFailed) as caught:
            backend.find("run")
        assert "sk-wrong-and-repeated" not in str(caught.value)
        monkeypatch.setenv("FAKE_KEY", secret)
        train(backend, Notes(tmp_path))
        assert secret not in repr(backend) + repr(backend.options)
