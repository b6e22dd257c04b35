"""A server of one's own, as 0.8.36 answers: what it is sent, and what is made of what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tokenizers import Tokenizer, models, pre_tokenizers

import tunekit
from tunekit import Classification, Dataset, errors
from tunekit.backends.autotrain.project import Names
from tunekit.backends.base import Backend, State
from tunekit.job import Job
from tunekit.testing.hub import HubServer
from tunekit.testing.server import Fault
from tunekit.testing.serving import ServedApp

pytestmark = pytest.mark.torch
TOKEN = "hf_secret0123456789abcdef"
ROWS = [{"text": f"{word} number {n}", "label": word} for word in ("car", "pet") for n in range(6)]
WENT_WRONG = "ERROR    | 2026-11-22 08:54:04 | autotrain.trainers.common:wrapper:216 - no names"


class _State:
    """What the server knows: one log for all, newest first, and what trains now."""

    folder: Path

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.log: list[str] = []
        self.busy = 0
        self.stopped = 0
        self.ends = "finished"
        self.hub: HubServer | None = None

    async def create(self, request: Request) -> Response:
        async with request.form() as form:
            told = {name: str(value) for name, value in form.items()}
        if self.busy:
            said = "Another job is already running. Please wait for it to finish."
            return JSONResponse({"detail": said}, 409)
        self.forms.append(told)
        self.busy = 2
        project = told["project_name"]
        self.log.append(f"INFO | … --training_config {project}/training_params.json")
        return JSONResponse(
            {"success": "true", "monitor_url": "Monitor your job locally / in logs"}
        )

    async def training(self, request: Request) -> Response:
        if self.busy:
            self.busy -= 1
            if not self.busy:
                self._end()
        return JSONResponse({"model_training": bool(self.busy), "pids": [1] * bool(self.busy)})

    async def logs(self, request: Request) -> Response:
        return JSONResponse({"logs": list(reversed(self.log))})

    async def stop(self, request: Request) -> Response:
        self.stopped += 1
        self.busy = 0
        return JSONResponse({"success": True})

    def _end(self) -> None:
        told = self.forms[-1]
        if self.ends == "failed":
            self.log.append(WENT_WRONG)
            return
        self.log.append("INFO | … - Finished training, saving model...")
        if self.ends == "lost":
            return
        params = json.loads(told["params"])
        config = {
            "architectures": ["BertForSequenceClassification"], "model_type": "bert",
            "max_position_embeddings": 64, "id2label": {"0": "car", "1": "pet"},
        }  # fmt: skip
        files = {
            "config.json": json.dumps(config),
            "tokenizer.json": tokenizer(),
            "model.safetensors": "weights",
            "training_params.json": json.dumps({**params, "token": TOKEN}),
            "training_args.bin": "a pickle",
        }
        if params["push_to_hub"]:
            assert self.hub is not None
            repo = f"{told['autotrain_user']}/{told['project_name']}"
            self.hub.put(repo, {**files, "training_params.json": json.dumps(params)}, private=True)
            return
        target = self.folder / told["project_name"]
        target.mkdir()
        for name, text in files.items():
            (target / name).write_text(text, encoding="utf-8")


class Server(ServedApp):
    """AutoTrain's routes that are used, and those that must not be."""

    answer_route = "GET /ui"

    def __init__(self, folder: Path) -> None:
        state = self._state = _State()
        app = Starlette(
            routes=[
                Route("/ui/create_project", state.create, methods=["POST"]),
                Route("/ui/is_model_training", state.training),
                Route("/ui/logs", state.logs),
                Route("/ui/stop_training", state.stop),
            ]
        )
        super().__init__(app, lambda fault: Response("refused", fault.status), folder=folder)

    @property
    def state(self) -> _State:
        return self._state


def tokenizer() -> str:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "car": 1, "pet": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return str(words.to_str())


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    config = {"architectures": ["BertModel"], "model_type": "bert", "max_position_embeddings": 64}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer(), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with Server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def hub(base: Path, server: Server) -> Iterator[HubServer]:
    with HubServer(key=TOKEN) as hub:
        hub.put("acme/base", {one.name: one for one in base.iterdir()})
        server.state.hub = hub
        yield hub


def over(server: Server, **options: Any) -> Backend:
    settings = {"settle": 0.0, "timeout": 2.0, "attempts": 1, "device": "cpu", **options}
    return tunekit.backend("autotrain", runner="server", endpoint=server.origin, **settings)


def in_folder(server: Server, base: Path, *, resume: bool = False, **given: Any) -> Job:
    data = Dataset.from_rows(ROWS, Classification())
    backend = over(server, server_folder=str(server.state.folder))
    return tunekit.submit(data, backend=backend, model=str(base), resume=resume, **given)


def test_what_is_asked_for_is_sent(server: Server, base: Path, home: Path) -> None:
    job = in_folder(server, base, epochs=2, learning_rate=1e-4)
    (form,) = server.state.forms
    assert form["project_name"] == f"tunekit-{job.id}" == job.record.ref
    assert (form["task"], form["hardware"]) == ("text-classification", "local-ui")
    assert form["base_model"] == str(base)
    assert json.loads(form["column_mapping"]) == {"text": "text", "label": "label"}
    assert (form["train_split"], form["valid_split"]) == ("train", "")
    rows = Path(form["hub_dataset"])
    assert rows == job.folder / "rows"
    assert (rows / "README.md").read_text("utf-8").startswith("---\nconfigs:")
    params = json.loads(form["params"])
    assert (params["epochs"], params["lr"], params["push_to_hub"]) == (2, 1e-4, False)
    assert "token" not in params
    assert "/api/" not in "".join(one.path for one in server.requests)


def test_the_model_comes_from_the_server_s_folder(server: Server, base: Path, home: Path) -> None:
    job = in_folder(server, base)
    model = job.wait(timeout=20)
    assert model.ref.id == f"run:{job.id}"
    names = {one.name for one in (job.folder / "model").iterdir()}
    assert names == {"config.json", "tokenizer.json", "training_params.json", "model.safetensors"}
    # The server writes its own token beside the model; it stays there and doesn't come along.
    for path in home.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_without_the_folder_rows_and_model_go_over_the_hub(
    server: Server, hub: HubServer, home: Path
) -> None:
    data = Dataset.from_rows(ROWS, Classification())
    backend = over(server, hub_endpoint=hub.url)
    job = tunekit.submit(data, backend=backend, model="acme/base", method="text-classification")
    (form,) = server.state.forms
    assert form["hub_dataset"] == f"tester/tunekit-{job.id}-data"
    assert json.loads(form["params"])["push_to_hub"] is True
    model = job.wait(timeout=20)
    assert model.provenance["artifact"] == {"repo": f"tester/tunekit-{job.id}"}
    assert [one["id"] for one in hub.repos() if one["kind"] == "dataset"] == []


def test_a_failed_job_says_why(server: Server, base: Path, home: Path) -> None:
    server.state.ends = "failed"
    with pytest.raises(errors.JobFailed, match="the training has failed: no names"):
        in_folder(server, base).wait(timeout=20)


def test_finished_without_weights_is_a_failure(server: Server, base: Path, home: Path) -> None:
    server.state.ends = "lost"
    with pytest.raises(errors.JobFailed, match=r"has finished, and .+ has no weights"):
        in_folder(server, base).wait(timeout=20)


def test_cancel_stops_it(server: Server, base: Path, home: Path) -> None:
    job = in_folder(server, base)
    server.state.busy = 99
    assert job.cancel().status is State.CANCELLED
    assert server.state.stopped == 1
    again = in_folder(server, base, resume=True)
    assert again.record.ref == f"tunekit-{job.id}-2"
    again.wait(timeout=20)


def test_one_job_at_a_time(server: Server, base: Path, home: Path) -> None:
    server.state.busy = 99
    with pytest.raises(errors.Conflict, match="Another job is already running") as caught:
        in_folder(server, base)
    assert caught.value.retryable
    assert server.state.forms == []
    server.state.busy = 0
    in_folder(server, base).wait(timeout=20)
    assert len(server.state.forms) == 1


def test_another_job_s_trouble_is_not_ours(server: Server, base: Path, home: Path) -> None:
    server.state.log.append(WENT_WRONG)
    in_folder(server, base).wait(timeout=20)


@pytest.mark.parametrize("kind", ["hang", "cut", "garble"])
def test_a_lost_answer_starts_no_second_training(
    server: Server, base: Path, kind: Any, home: Path
) -> None:
    server.script("POST /ui/create_project", Fault(kind, worked=True))
    for _ in range(3):
        try:
            job = in_folder(server, base)
            break
        except errors.BackendError:
            continue
    job.wait(timeout=20)
    assert len(server.state.forms) == 1


def test_a_server_that_fails_is_asked_again_only_where_it_reads(
    server: Server, base: Path, home: Path
) -> None:
    server.script("POST /ui/create_project", Fault("refuse", status=500))
    with pytest.raises(errors.ServerFailed):
        in_folder(server, base)
    assert server.state.forms == []
    job = in_folder(server, base)
    server.state.busy = 99
    server.script("GET /ui/is_model_training", Fault("refuse", status=503))
    patient = over(server, server_folder=str(server.state.folder), attempts=2)
    assert patient.poll(str(job.record.ref)).state is State.RUNNING  # type: ignore[attr-defined]


def test_a_name_that_is_taken(
    server: Server, base: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(Names, "project", property(lambda names: "taken"))
    (server.state.folder / "taken").mkdir(parents=True, exist_ok=True)
    with pytest.raises(errors.TunekitError, match="taken"):
        in_folder(server, base)
    assert server.state.forms == []


def test_a_folder_that_isn_t_there(server: Server, base: Path, home: Path) -> None:
    backend = over(server, server_folder="/no/such/folder")
    with pytest.raises(errors.StoreError, match="no folder of this machine"):
        tunekit.submit(Dataset.from_rows(ROWS, Classification()), backend=backend, model=str(base))
