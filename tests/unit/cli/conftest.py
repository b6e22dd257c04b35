"""The command line on the fake backend, and a table of messages."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from .shell import ROWS, Shell


@pytest.fixture
def tunekit_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("TUNEKIT_BACKEND", "fake")
    monkeypatch.setenv("COLUMNS", "200")
    return Shell(monkeypatch, capsys)


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    """A table whose columns aren't called like the task's fields."""
    path = tmp_path / "messages.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("Text", "Intent"), *ROWS])
    return path
