"""What tunekit says of this machine, and of what is configured and can't work."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import tunekit
from tunekit.diagnosis import examining
from tunekit.diagnosis.extras import PURPOSES

ROOT = Path(__file__).resolve().parents[2]
SECRET = "sk-0123456789abcdefghij"


class Refusing(HTTPServer):
    """A server that refuses everybody, and remembers what it was sent."""

    def __init__(self) -> None:
        seen = self.seen = list[dict[str, str]]()

        class Refuses(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(dict(self.headers))
                self.send_response(401)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Refuses)


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    with Refusing() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def settings(text: str) -> None:
    Path("tunekit.toml").write_text(text, encoding="utf-8")


def mine(**options: str) -> None:
    lines = (f'{name} = "{value}"' for name, value in options.items())
    settings("\n".join(["[backends.mine]", 'type = "fake"', *lines, ""]))


def test_the_machine_as_it_is(home: Path) -> None:
    found = tunekit.doctor()
    assert found.problems == () and found.reached is None
    assert found.version == tunekit.__version__
    assert found.machine.cores >= 1 and found.home.path == str(home) and found.home.writable
    assert found.devices[-1].kind == "cpu" and any(one.auto for one in found.devices)
    assert found.default == "local" and found.default_from == "the default"
    told = json.loads(json.dumps(found.to_dict()))
    assert told["trains"]["classification"] and "minilm" in told["weights"]
    assert max(map(len, str(found).splitlines())) <= 100


def test_what_backends_train_is_what_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    pinned = json.loads((ROOT / "tests/conformance/support.json").read_text(encoding="utf-8"))
    found = {one.name: one for one in tunekit.doctor().backends}
    for name in ("fake", "openai", "anthropic"):
        told = {task.replace(" (answer)", "-answer"): m for task, m in found[name].trains.items()}
        wanted = {task.removesuffix("-choose"): tuple(m) for task, m in pinned[name].items()}
        assert told == wanted, name
    assert not found["anthropic"].trains_weights and not found["trivial"].trains


def test_every_extra_for_users_has_a_purpose() -> None:
    found = tunekit.doctor().extras
    assert [one.name for one in found] == list(PURPOSES)
    assert all(one.packages for one in found)


def test_a_key_is_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    found = tunekit.doctor()
    (one,) = [one for one in found.backends if one.name == "openai"]
    assert one.ready and one.keys == {"OPENAI_API_KEY": True}
    assert "openai" in found.trains["classification"] and "openai" in found.answers
    assert SECRET not in str(found) + json.dumps(found.to_dict()) + repr(found)
    monkeypatch.delenv("OPENAI_API_KEY")
    found = tunekit.doctor()
    assert "openai" not in found.trains["classification"]
    assert found.problems == ()  # nobody configured it
    assert "export OPENAI_API_KEY=…" in found.ways_out


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('[backends.mine]\ntype = "fake"\nkey_env = "NO_SUCH_KEY"\n', "lacks a key in NO_SUCH_KEY"),
        ('[backends.mine]\ntype = "fak"\n', "did you mean 'fake'"),
        ('[backends.mine]\ntype = "fake"\ncolour = "red"\n', "colour"),
        ('backend = "nobody"\n', "nobody"),
        ("backent = 1\n", "backent"),
        ('[models.triage]\nref = "models/none"\n', "there is no folder"),
        ('[models.triage]\nref = "run:none"\n', "there is no run"),
        ('[models.triage]\nref = "cloud9:m"\n', "cloud9"),
        ('[models.triage]\nref = "."\n', "no model.json"),
        ('[models.triage]\nref = "ftp://host/x"\n', "no reference"),
    ],
)
def test_what_is_configured_and_cant_work(said: str, problem: str) -> None:
    settings(said)
    found = tunekit.doctor()
    (told,) = found.problems
    assert problem.lower() in told.lower()
    assert "configured, and can't work" in str(found)


def test_what_is_configured_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    settings('backend = "mine"\n[backends.mine]\ntype = "fake"\n[models.a]\nref = "fake:m"\n')
    found = tunekit.doctor()
    assert found.problems == () and found.default == "mine"
    assert found.backends[0].name == "mine" and found.backends[0].configured


def test_nobody_is_asked_unless_told_to(refusing: Refusing) -> None:
    address = f"http://127.0.0.1:{refusing.server_port}"
    mine(endpoint=address)
    assert tunekit.doctor().reached is None and not refusing.seen


def test_an_address_that_answers_and_one_that_doesnt(
    refusing: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{refusing.server_port}"
    nowhere = "http://127.0.0.1:9"  # discard: nobody serves that
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "HF_ENDPOINT"):
        monkeypatch.setenv(name, address)
    monkeypatch.setenv("MY_KEY", SECRET)
    mine(endpoint=nowhere, key_env="MY_KEY")
    monkeypatch.setattr(examining, "PATIENCE", 20.0)
    found = tunekit.doctor(online=True)
    told = {one.address: one.status for one in found.reached or ()}
    assert told == {nowhere: None, address: 401}
    (problem,) = found.problems
    assert nowhere in problem and "no answer" in problem
    assert SECRET not in str(refusing.seen)
    assert "answers (HTTP 401)" in str(found)


def test_a_home_that_cant_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TUNEKIT_HOME", str(tmp_path / "file" / "home"))
    (problem,) = tunekit.doctor().problems
    assert "TUNEKIT_HOME" in problem


@pytest.mark.parametrize(
    ("options", "keys", "addresses"),
    [
        ({"type": "hf-jobs", "endpoint": "http://127.0.0.1:1"}, ["HF_TOKEN"], [1]),
        (
            {
                "type": "hf-jobs",
                "endpoint": "http://127.0.0.1:1",
                "token_env": "MINE",
                "answers_url": "http://127.0.0.1:2",
                "answers_token_env": "OTHER",
            },
            ["MINE", "OTHER"],
            [1, 2],
        ),
        (
            {
                "type": "autotrain",
                "runner": "server",
                "endpoint": "http://127.0.0.1:1",
                "hub_endpoint": "http://127.0.0.1:2",
            },
            ["HF_TOKEN"],
            [1, 2],
        ),
        (
            {
                "type": "autotrain",
                "runner": "server",
                "endpoint": "http://127.0.0.1:1",
                "server_folder": "/srv",
            },
            [],
            [1],
        ),
    ],
)
def test_whom_a_backend_calls(
    options: dict[str, str], keys: list[str], addresses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    for name in ("HF_TOKEN", "MINE", "OTHER"):
        monkeypatch.delenv(name, raising=False)
    lines = (f'{name} = "{value}"' for name, value in options.items())
    settings("\n".join(["[backends.mine]", *lines, ""]))
    (one,) = [one for one in tunekit.doctor().backends if one.configured]
    assert list(one.keys) == keys
    assert one.addresses == tuple(f"http://127.0.0.1:{port}" for port in addresses)


def test_a_package_that_isnt_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)  # as if it weren't
    settings('[backends.mine]\ntype = "openai"\napi_key_env = ""\n')
    found = tunekit.doctor()
    assert found.problems == ("backend 'mine' lacks the extra 'openai' (openai)",)
    assert "pip install 'tunekit-sdk[openai]'" in found.ways_out
