"""The lines of the README, unchanged, on every backend that ``TUNEKIT_BACKEND`` can name.

Hosted ones are asked at a scripted server of theirs. Names of providers lead to this machine, so
that what depends on whose server it is happens here as it would there.
"""

from __future__ import annotations

import csv
import json
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

import tunekit
from tunekit.backends.registry import BACKENDS, BUILT_INS
from tunekit.testing.anthropic import AnthropicServer
from tunekit.testing.hub import HubServer, SpaceRun
from tunekit.testing.openai import OpenAIServer
from tunekit.testing.serving import ServedApp

from ..conformance.autotrain_space import lines_of, trained

ROOT = Path(__file__).resolve().parents[2]
KEY = "hf_five_lines_0123456789abcdef"
ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
AZURE, NEBIUS = "my-resource.openai.azure.com", "api.tokenfactory.nebius.com"
CONFIG = f"""
[backends.openai]
base_url = "http://127.0.0.1:{{port}}/v1"
api_key_env = "SCRIPTED_KEY"
settle = 0.0

[backends.azure]
type = "openai"
base_url = "http://{AZURE}:{{port}}/v1"
api_key_env = "SCRIPTED_KEY"
training_type = "GlobalStandard"
deployment = "triage"

[backends.nebius]
type = "openai"
base_url = "http://{NEBIUS}:{{port}}/v1"
api_key_env = "SCRIPTED_KEY"
model = "meta-llama/Llama-3.1-8B-Instruct"

[backends.anthropic]
base_url = "http://127.0.0.1:{{port}}"
api_key_env = "SCRIPTED_KEY"

[backends.hf-jobs]
endpoint = "http://127.0.0.1:{{port}}"
token_env = "SCRIPTED_KEY"
flavor = "cpu-basic"
model = "{{tiny}}"

[backends.autotrain]
hub_endpoint = "http://127.0.0.1:{{port}}"
token_env = "SCRIPTED_KEY"
settle = 0.0

[backends.local]
model = "{{tiny}}"
"""
#: Types of backends that no name of their own stands for below.
REFUSED = ("trivial",)
QUICK = ("anthropic", "azure", "fake", "nebius", "openai")
SLOW = ("autotrain", "hf-jobs", "local")


@pytest.fixture(autouse=True)
def reader(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader stands who has cloned the repository, with every tenth row of the table; what
    is at a provider is at this machine."""
    data = Path.cwd() / "examples" / "data"
    data.mkdir(parents=True)
    table = "insurer_messages.csv"
    with (ROOT / "examples" / "data" / table).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with (data / table).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows[::10]])
    monkeypatch.setenv("SCRIPTED_KEY", KEY)
    really = socket.getaddrinfo

    def leads_here(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return really("127.0.0.1" if name in (AZURE, NEBIUS) else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", leads_here)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    return Path.cwd()


def five_lines() -> Any:
    """What the README shows first, as it stands there; its model."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(compile(found[1], "README.md", "exec"), names)
    return names["model"]


def configured(port: int, tiny: Path | str = "") -> None:
    text = CONFIG.format(port=port, tiny=tiny)
    Path("tunekit.toml").write_text(text, encoding="utf-8")


# --- providers ------------------------------------------------------------------------------------


@contextmanager
def openai() -> Iterator[ServedApp]:
    with OpenAIServer(key=KEY) as server:
        server.story = ("queued", "running", "succeeded")
        server.azure, server.deployment = True, "triage"
        yield server


def serving(name: str) -> Any:
    """The scripted server of a backend, or nothing where it asks nobody."""
    servers: dict[str, Callable[[], Any]] = {
        "anthropic": lambda: AnthropicServer(key=KEY),
        "azure": openai,
        "fake": nullcontext,
        "nebius": openai,
        "openai": openai,
    }
    return servers[name]()


def autotrain(server: HubServer, base: Path) -> None:
    """A hub whose Spaces make a model of the right form, as AutoTrain does at its end."""
    server.put(ENCODER, {one.name: one for one in base.iterdir() if one.is_file()})
    server.space_story = ("BUILDING", "RUNNING", "PAUSED")
    server.space_logs = lines_of(failed=False)

    def work(space: SpaceRun) -> None:
        told = json.loads(space.secrets["PARAMS"])
        card = server.files(told["data_path"], kind="dataset")["README.md"]
        with tempfile.TemporaryDirectory() as folder:
            trained(told, card.read_text("utf-8"), base, Path(folder))
            made = [path for path in Path(folder).rglob("*") if path.is_file()]
            files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in made}
            server.put(f"{told['username']}/{told['project_name']}", files, private=True)

    server.space_work = work


# --- the lines ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUICK)
def test_the_lines_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEKIT_BACKEND", name)
    with serving(name) as server:
        configured(int(server.origin.rpartition(":")[2]) if server else 0)
        model = five_lines()
        again = tunekit.load("models/intents")
        assert again.predict("Wann bekomme ich mein Geld zurück?").label in again.task.labels
        assert (model.spec.name, again.spec.name) == (name, name)
        assert model.kind == ("prompted" if name == "anthropic" else "tuned")
        if server is not None:
            assert server.requests
            assert all(KEY in str(sorted(one.headers.items())) for one in server.requests)


@pytest.mark.soak
@pytest.mark.torch
@pytest.mark.parametrize("name", SLOW)
def test_the_lines_run_where_something_is_trained(
    name: str, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEKIT_BACKEND", name)
    with HubServer(key=KEY) as server:
        server.local_environment = {"OMP_NUM_THREADS": "1"}
        autotrain(server, tiny_encoder)
        configured(int(server.origin.rpartition(":")[2]), tiny_encoder)
        model = five_lines()
        there = (len(server.jobs()), len(server.started()))
    assert there == {"autotrain": (0, 1), "hf-jobs": (1, 0), "local": (0, 0)}[name]
    assert (model.spec.name, model.kind) == (name, "tuned")
    again = tunekit.load("models/intents")  # it answers here, whoever trained it
    assert again.predict("Wann bekomme ich mein Geld zurück?").label in again.task.labels


@pytest.mark.parametrize("name", REFUSED)
def test_what_trains_nothing_says_what_to_write(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEKIT_BACKEND", name)
    with pytest.raises(tunekit.UnsupportedTask, match=rf"baseline\(data, backend='{name}'\)"):
        five_lines()


def test_no_backend_is_left_out() -> None:
    assert set(BUILT_INS[BACKENDS]) <= {*QUICK, *SLOW, *REFUSED}
