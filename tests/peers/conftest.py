"""The real AutoTrain on this machine, and a hub that stands in for the parts of it that it needs.

Its environment is made once, in ``.venv-peers-autotrain`` beside the sources (or where
``TUNEKIT_AUTOTRAIN_PEER`` says), from what ``../shared/peers/autotrain`` has; that takes minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "peers" / "autotrain"
TORCH = "torch==2.13.0"
AUTOTRAIN = "autotrain-advanced==0.8.36"
TOKEN = "hf_write"
#: What it may take until a server answers, on a machine that does other things as well.
START_SECONDS = 120.0
#: Files that a tokenizer of sentences wants, and that may be empty.
PUNKT = ("abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt")


class Hub(NamedTuple):
    """The stand-in for the hub, whose Spaces run AutoTrain's own program."""

    url: str
    folder: Path

    def told(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/_stub/{path}", timeout=10) as answer:
            return json.load(answer)

    def repos(self, kind: str) -> set[str]:
        return {one["id"] for one in self.told("repos") if one["type"] == kind}

    def requests(self) -> list[str]:
        return [f"{one[1]} {one[2]}" for one in self.told("log")]


class Server(NamedTuple):
    """An AutoTrain server, and the folder that it works in."""

    url: str
    folder: Path


@pytest.fixture(scope="session")
def peer() -> Path:
    """The folder with AutoTrain's own environment, tiny models and what it wants besides."""
    told = os.environ.get("TUNEKIT_AUTOTRAIN_PEER")
    folder = Path(told) if told else ROOT / ".venv-peers-autotrain"
    if not (folder / "done").is_file():
        if not SHARED.is_dir():
            pytest.skip(f"no {SHARED}, which says how AutoTrain is installed beside tunekit")
        try:
            _build(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"") or b""
            pytest.skip(f"AutoTrain can't be installed here: {error} {said[-400:]!r}")
    return folder


def _build(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    models = folder / "fx"
    if not (folder / "venv" / "bin" / "autotrain").exists():
        _run(sys.executable, "-m", "venv", folder / "venv")
        _run(*pip, TORCH)
        _run(*pip, "-r", SHARED / "requirements.txt")
        _run(*pip, "--no-deps", AUTOTRAIN)
    _run(python, SHARED / "mkfx.py", models)
    (models / "rouge").mkdir(exist_ok=True)
    shutil.copyfile(SHARED / "rouge.py", models / "rouge" / "rouge.py")
    english = models / "nltk_data" / "tokenizers" / "punkt_tab" / "english"
    english.mkdir(parents=True, exist_ok=True)
    for name in PUNKT:
        (english / name).touch()
    (folder / "done").touch()


def _run(*command: object) -> None:
    subprocess.run([str(one) for one in command], check=True, capture_output=True)


@pytest.fixture(scope="session")
def peer_hub(peer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    state = tmp_path_factory.mktemp("hub")
    port = _free_port()
    known = [
        *(
            f"model=acme/{one}={peer / 'fx' / one}"
            for one in ("tiny-bert", "tiny-llama", "tiny-t5")
        ),
        f"space=evaluate-metric/rouge={peer / 'fx' / 'rouge'}",
    ]
    command: list[object] = [
        peer / "venv" / "bin" / "python", SHARED / "hubstub.py", "--port", port, "--state", state,
        "--token", f"{TOKEN}:acme:write", "--space-env", f"NLTK_DATA={peer / 'fx' / 'nltk_data'}",
    ]  # fmt: skip
    for one in known:
        command += ["--preload", one]
    url = f"http://127.0.0.1:{port}"
    with _process(command, state, _environment(peer), f"{url}/_stub/repos"):
        yield Hub(url, state)


@pytest.fixture(scope="module")
def peer_server(
    peer: Path, peer_hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **_environment(peer),
        "HF_ENDPOINT": peer_hub.url,
        "HF_API": peer_hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(folder.parent / "server-home"),
        "NLTK_DATA": str(peer / "fx" / "nltk_data"),
    }
    command = [
        peer / "venv" / "bin" / "uvicorn", "autotrain.app.app:app",
        "--host", "127.0.0.1", "--port", port,
    ]  # fmt: skip
    with _process(command, folder, environment, f"{url}/api/version"):
        yield Server(url, folder)


def _environment(peer: Path) -> dict[str, str]:
    """AutoTrain starts its trainers by name."""
    return {
        "PATH": os.pathsep.join([str(peer / "venv" / "bin"), os.environ["PATH"]]),
        "HOME": os.environ.get("HOME", str(peer)),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


@contextlib.contextmanager
def _process(
    command: list[Any], folder: Path, environment: Mapping[str, str], ready: str
) -> Iterator[None]:
    """A process of its own group, with its output where AutoTrain looks for its own log."""
    with (folder / "autotrain.log").open("wb") as log:
        process = subprocess.Popen(
            [str(one) for one in command],
            cwd=folder,
            env=dict(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(ready, process, folder / "autotrain.log")
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    raise AssertionError(f"nobody answers at {url}: {log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
