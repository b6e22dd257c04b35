"""The scripted hub as a server: faults, life, the command, and what of ours downloads from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError

from tunekit.errors import WeightsError
from tunekit.testing.hub import Fault, HubServer
from tunekit.weights.hub import fetch_repo

from .conftest import WRITER

MEGA = 1024 * 1024


def test_faults(server: HubServer, api: HfApi) -> None:
    server.script(
        "GET /api/models/me/m",
        Fault("refuse", status=500, message="broken"),
        Fault("garble"),
        Fault("cut"),
        Fault("slow", seconds=0.05),
    )
    server.put("me/m", {"a": "x"})
    with pytest.raises(HfHubHTTPError, match="broken") as caught:
        api.model_info("me/m")
    assert caught.value.request_id
    with pytest.raises(ValueError):  # noqa: PT011  # no JSON
        api.model_info("me/m")
    with pytest.raises(httpx2.HTTPError):
        api.model_info("me/m")
    assert api.model_info("me/m").id == "me/m"
    assert [one.path for one in server.requests] == ["/api/models/me/m"] * 4


def test_what_isnt_there_is_an_error_of_the_hub(server: HubServer) -> None:
    reply = httpx2.get(f"{server.url}/api/agent-harnesses")
    assert reply.status_code == 404
    assert reply.json() == {"error": reply.headers["x-error-message"]}
    headers = {"authorization": f"Bearer {WRITER}"}
    reply = httpx2.post(f"{server.url}/api/repos/create", content=b"{", headers=headers)
    assert (reply.status_code, reply.json()["error"]) == (400, "the body is no JSON object")


def test_no_token_is_in_any_answer(server: HubServer) -> None:
    for method, path in (("GET", "/api/whoami-v2"), ("POST", "/api/repos/create"), ("GET", "/x")):
        for token in (WRITER, "hf_unknown"):
            headers = {"authorization": f"Bearer {token}"}
            reply = httpx2.request(method, f"{server.url}{path}?t={token}", headers=headers)
            assert token not in reply.text + str(reply.headers)


def test_large_files_are_never_held(server: HubServer, api: HfApi, tmp_path: Path) -> None:
    large = tmp_path / "weights.safetensors"
    with large.open("wb") as file:
        for _ in range(48):
            file.write(os.urandom(MEGA))
    api.create_repo("me/m")
    tracemalloc.start()
    try:
        api.upload_file(path_or_fileobj=large, path_in_repo="w.safetensors", repo_id="me/m")
        path = api.hf_hub_download("me/m", "w.safetensors", cache_dir=tmp_path / "cache")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert Path(path).stat().st_size == 48 * MEGA
    assert most < 40 * MEGA  # of which the client takes half


def test_a_stream_ends_with_the_server() -> None:
    told: list[str] = []
    with HubServer() as server:
        api = HfApi(endpoint=server.url, token="hf_any")
        code = "import time; print('up', flush=True); time.sleep(60)"
        job = api.run_job(image="x", command=["python", "-c", code], namespace="tester")
        url = f"{server.url}/api/jobs/tester/{job.id}/logs"
        seen = threading.Event()

        def listen() -> None:
            headers = {"authorization": "Bearer hf_any"}
            with httpx2.stream("GET", url, headers=headers, timeout=30) as reply:
                for line in reply.iter_lines():
                    told.append(line)
                    if '"up"' in line:
                        seen.set()

        listener = threading.Thread(target=listen)
        listener.start()
        assert seen.wait(10)
    listener.join(5)
    assert not listener.is_alive()


def test_weights_come_from_it(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    server.large_from = 1
    old = server.put("me/m", {"model.safetensors": b"old", "tokenizer.json": "{}", "a.py": "1/0"})
    server.put("me/m", {"model.safetensors": b"new"})
    assert (fetch_repo("me/m") / "model.safetensors").read_bytes() == b"new"
    folder = fetch_repo(f"me/m@{old}")
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == {
        "model.safetensors": b"old",
        "tokenizer.json": b"{}",
    }
    with pytest.raises(WeightsError, match="RevisionNotFoundError"):
        fetch_repo("me/m@nowhere")
    with pytest.raises(WeightsError, match="RepositoryNotFoundError"):
        fetch_repo("me/none")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is POSIX")
def test_the_command_serves_until_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tunekit.testing.hub", "--key-env", "A_KEY"]
    with subprocess.Popen(
        [*command, "--folder", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "A_KEY": "hf_right"},
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx2.get(f"{url}/api/whoami-v2").status_code == 401
        assert HfApi(endpoint=url, token="hf_right").whoami()["name"] == "tester"
        try:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
