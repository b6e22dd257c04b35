"""The application's test, on ``fake`` and against a provider that fails on command: ``pytest``."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from app import app
from train import main as train

from tunekit.testing.openai import Fault, OpenAIServer

HERE = Path(__file__).parent
MESSAGE = {"text": "Please cancel my contract at the end of the year."}
PROVIDER = {"TYPE": "openai", "API_KEY_ENV": "SCRIPTED_KEY", "MODEL": "any-model", "RETRIES": "0"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the test's own with the application's configuration."""
    shutil.copy(HERE / "tunekit.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNEKIT_HOME", str(tmp_path / "home"))


@contextmanager
def running() -> Iterator[httpx2.Client]:
    """The application on a free port, and a client for it."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application didn't start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def test_a_message_is_sorted() -> None:
    train()
    with running() as client:
        assert "practice" in client.get("/health").json()["model"]
        answer = client.post("/triage", json=MESSAGE).json()
        assert answer["label"] == "cancel_policy"
        assert 0 < answer["probability"] <= 1
        assert client.post("/triage", json={"text": ""}).status_code == 422


def test_a_provider_is_asked_and_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(key="sk-secret") as provider:
        provider.story = ("succeeded",)
        monkeypatch.setenv("SCRIPTED_KEY", "sk-secret")
        monkeypatch.setenv("TUNEKIT_BACKEND", "scripted")
        for option, value in {**PROVIDER, "BASE_URL": provider.url}.items():
            monkeypatch.setenv(f"TUNEKIT_BACKENDS__SCRIPTED__{option}", value)
        train()
        with running() as client:
            assert client.post("/triage", json=MESSAGE).status_code == 200
            asked = "POST /chat/completions"
            provider.script(asked, Fault("refuse", status=429, retry_after=7))
            refused = client.post("/triage", json=MESSAGE)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "7")
            provider.script(asked, Fault("refuse", status=401, message="wrong key sk-secret"))
            refused = client.post("/triage", json=MESSAGE)
            assert refused.status_code == 503
            assert "sk-secret" not in refused.text
            assert client.post("/triage", json=MESSAGE).status_code == 200
