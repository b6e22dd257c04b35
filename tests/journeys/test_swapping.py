"""One backend under several names of the config, and a key that shows nowhere."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset
from tunekit.backends.openai import OpenAIBackend
from tunekit.backends.openai.hosts import Host
from tunekit.backends.registry import build_backend, resolve_backend
from tunekit.config import load_config
from tunekit.testing.openai import Fault, OpenAIServer

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-scripted-0123456789abcdef"
CONFIG = """
backend = "scripted"

[backends.openai]
model = "gpt-4.1-mini-2025-04-14"

[backends.azure]
type = "openai"
base_url = "https://my-resource.openai.azure.com/openai/v1/"
api_key_env = "AZURE_OPENAI_API_KEY"
deployment = "triage"
training_type = "GlobalStandard"

[backends.nebius]
type = "openai"
base_url = "https://api.tokenfactory.nebius.com/v1/"
api_key_env = "NEBIUS_API_KEY"
model = "meta-llama/Llama-3.1-8B-Instruct"

[backends.scripted]
type = "openai"
base_url = "{url}"
api_key_env = "SCRIPTED_KEY"
model = "any-model"
settle = 0.0
timeout = 5.0
retries = 1
"""


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(key=KEY) as server:
        server.story = ("queued", "running", "succeeded")
        yield server


@pytest.fixture
def config(server: OpenAIServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = Path.cwd() / "tunekit.toml"
    path.write_text(CONFIG.replace("{url}", server.url), encoding="utf-8")
    monkeypatch.setenv("SCRIPTED_KEY", KEY)
    shutil.copytree(ROOT / "examples" / "data", Path.cwd() / "examples" / "data")
    return path


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("openai", Host.OPENAI),
        ("azure", Host.AZURE),
        ("nebius", Host.NEBIUS),
        ("scripted", Host.OTHER),
    ],
)
def test_endpoints_of_the_config(name: str, host: Host, config: Path) -> None:
    backend = build_backend(resolve_backend(load_config(), name), home=Path("home"))
    assert isinstance(backend, OpenAIBackend)
    assert (backend.name, backend.host) == (name, host)
    rows = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(12)]
    plan = tunekit.plan(Dataset.from_rows(rows, Classification()), backend=name)
    assert plan.backend.options == backend.options
    by_date = {"training-closed", "base-retired"}  # at OpenAI: no matter of the config
    assert {one.code for one in plan.findings if one.severity == "error"} <= by_date


def test_the_key_is_nowhere(
    config: Path,
    server: OpenAIServer,
    home: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    rows = [{"text": f"{word} {n}", "label": word} for word in ("ab", "cd") for n in range(9)]
    data = Dataset.from_rows(rows, Classification())
    model = tunekit.tune(data)
    job = model.submit_predictions(data)
    report = model.evaluate(data)
    said += map(repr, (model, model.backend, vars(model.backend), model.provenance, report, job))
    said += [str(report), str(report.to_dict()), repr(job.wait(timeout=20))]
    said += [repr(vars(one)) for one in tunekit.list_jobs()]
    model.save("saved")
    os.environ["SCRIPTED_KEY"] = f"{KEY}-mistyped"
    faults = (
        Fault("refuse", status=401, message=f"wrong key {KEY}-mistyped"),
        Fault("refuse", status=500, message=f"oops {KEY}-mistyped"),
        Fault("garble"),
        Fault("cut"),
    )
    for fault in faults:
        server.script("POST /chat/completions", fault, always=True)
        with pytest.raises(tunekit.BackendError) as raised:
            tunekit.load("saved").predict("ab 1")
        said += [repr(raised.value), str(raised.value), repr(vars(raised.value))]
        said += [str(raised.getrepr(showlocals=False)), repr(raised.value.__cause__)]
    with pytest.raises(tunekit.BackendError) as raised:
        tunekit.tune(data, epochs=9)
    said += [str(raised.value), str(raised.getrepr(showlocals=False))]
    out, err = capfd.readouterr()
    said += [out, err, *(record.getMessage() + repr(record.args) for record in caplog.records)]
    assert caplog.records
    assert [text for text in said if KEY in text] == []
    files = [path for folder in (home, Path.cwd()) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
