"""The commands about tunekit itself, and the help of all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tunekit
from tunekit.cli.app import COMMANDS

from .shell import Shell

ROOT = Path(__file__).resolve().parents[3]
ALL = [command.__name__ for commands in COMMANDS.values() for command in commands]
#: What costs time or memory to import, and no help needs.
HEAVY = ("anthropic", "httpx2", "huggingface_hub", "numpy", "openai", "pydantic", "torch")


def test_backends_say_what_they_train_and_lack(
    tunekit_command: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    found = {one["name"]: one for one in tunekit_command("backends", "--json").values}
    assert set(found) == set(tunekit.list_backends())
    assert found["fake"]["ready"] and found["fake"]["default"]
    assert found["fake"]["trains"]["classification"] == ["sft", "head"]
    assert not found["trivial"]["trains"] and not found["hf-jobs"]["ready"]
    shown = tunekit_command("backends").out
    assert "(the default)" in shown and "preference (answer): pairs" in shown


def test_settings_and_where_they_come_from(
    tunekit_command: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("tunekit.toml").write_text(
        '[backends.mine]\ntype = "fake"\nkey_env = "MY_KEY"\n', encoding="utf-8"
    )
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    found = {one["name"]: one for one in tunekit_command("config", "--json").values}
    assert found["backend"]["value"] == "fake"
    assert found["backend"]["source"] == "the variable TUNEKIT_BACKEND"
    assert found["backends.mine.type"]["source"].endswith("tunekit.toml")
    assert (found["backends.mine.key_env"]["value"], found["backends.mine.key_env"]["set"]) == (
        "MY_KEY",
        True,
    )
    shown = tunekit_command("config").out
    assert "MY_KEY (a variable that is set)" in shown and "very-secret" not in shown
    monkeypatch.delenv("MY_KEY")
    assert "MY_KEY (a variable that is not set)" in tunekit_command("config").out


def test_the_doctor(tunekit_command: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tunekit_command("doctor")
    assert done.code == 0, done
    assert "default backend" in done.out and "can be trained now, by" in done.out
    Path("tunekit.toml").write_text(
        '[backends.mine]\ntype = "fake"\nendpoint = "http://127.0.0.1:9"\nkey_env = "MY_KEY"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("MY_KEY", "")
    failed = tunekit_command("doctor", "--json")
    assert failed.code == 1
    assert failed.values[0]["problems"] == ["backend 'mine' lacks a key in MY_KEY"]


# --- help -----------------------------------------------------------------------------------------


def test_the_help_lists_every_command_in_its_place(tunekit_command: Shell) -> None:
    done = tunekit_command("--help")
    assert done.code == 0
    wanted = (
        "check convert split plan tune jobs wait logs cancel predict evaluate baseline compare "
        "migrate export models backends formats config doctor version"
    )
    assert sorted(ALL) == sorted(wanted.split())
    for name in (*COMMANDS, *ALL):
        assert name in done.out, name


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_explained(tunekit_command: Shell, name: str) -> None:
    done = tunekit_command(name, "--help")
    assert done.code == 0 and "--json" in done.out
    for line in done.out.splitlines():
        words = line.strip("│ *").split()
        if words and words[0].startswith("--"):
            assert len(words) > 2, f"{name}: nothing is said of {words[0]}"


def test_the_page_shows_every_command() -> None:
    page = (ROOT / "docs" / "how-to" / "command-line.md").read_text(encoding="utf-8")
    text = page.partition("## What a machine can do")[2]  # behind the help that lists them all
    missing = [name for name in ALL if f"`{name}`" not in text and f"$ tunekit {name}" not in text]
    assert not missing


def test_help_is_quick_to_come() -> None:
    code = (
        "import sys; sys.argv = ['tunekit', '--help']\n"
        "from tunekit.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"sys.stderr.write(' '.join(sorted({HEAVY!r} & sys.modules.keys())))"
    ).replace(f"{HEAVY!r}", f"set({HEAVY!r})")
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert "doctor" in done.stdout and done.stderr == ""


def test_a_shell_is_told_how_to_complete() -> None:
    words = [sys.executable, "-m", "tunekit.cli", "--show-completion", "bash"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "complete" in done.stdout, done
