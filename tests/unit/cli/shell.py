"""The command line, run as a user runs it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tunekit.cli import main

ROWS = [
    ("Thank you, that was quick!", "praise"),
    ("Nobody answers my letters.", "complaint"),
    ("Very friendly on the phone.", "praise"),
    ("I have waited for three weeks.", "complaint"),
    ("A pleasure, as always.", "praise"),
    ("Charged twice, and no reply.", "complaint"),
    ("Great help with my claim.", "praise"),
    ("The form is broken again.", "complaint"),
]


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def values(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs the entry point in this process: what ``tunekit ...`` does in a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str | Path, stdin: str | bytes = "") -> Done:
        self._monkeypatch.setattr(sys, "argv", ["tunekit", *map(str, words)])
        typed = stdin.encode() if isinstance(stdin, str) else stdin
        stream = io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8")
        self._monkeypatch.setattr(sys, "stdin", stream)
        self._capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        else:
            code = 0
        return Done(code, *self._capsys.readouterr())
