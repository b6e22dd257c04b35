"""The scripted hub, as the library datasets uses it: it finds the hub by a variable of the
environment when it is imported, so it gets a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunekit.testing.hub import HubServer

from .conftest import STRANGER, WRITER

pytest.importorskip("datasets")

PUSHES = """
import datasets
rows = datasets.DatasetDict({
    "train": datasets.Dataset.from_dict({"text": ["a", "ö"] * 50, "label": [0, 1] * 50}),
    "test": datasets.Dataset.from_dict({"text": ["c"], "label": [1]}),
})
rows.push_to_hub("ada/rows", private=True)
rows["test"].push_to_hub("ada/rows", config_name="more", split="test")
"""
LOADS = """
import datasets
rows = datasets.load_dataset("ada/rows", "default")
print(rows["train"].num_rows, rows["test"][0], rows["train"][1]["text"])
print(datasets.load_dataset("ada/rows", "more", split="test").num_rows)
lines = datasets.load_dataset("ada/lines", split="train", revision=REVISION)
print(lines.to_list())
print(next(iter(datasets.load_dataset("ada/lines", split="train", streaming=True))))
"""


def run(server: HubServer, folder: Path, code: str, token: str = WRITER) -> tuple[int, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HF_ENDPOINT": server.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": token,
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + (done.stderr if done.returncode else "")


def test_datasets_are_pushed_and_loaded(server: HubServer, tmp_path: Path) -> None:
    old = server.put(
        "ada/lines", {"train.jsonl": '{"text": "old"}\n'}, kind="dataset", private=True
    )
    server.put("ada/lines", {"train.jsonl": '{"text": "new"}\n'}, kind="dataset")
    code, said = run(server, tmp_path, PUSHES)
    assert code == 0, said
    paths = set(server.files("ada/rows", kind="dataset"))
    assert {"README.md", "data/train-00000-of-00001.parquet"} <= paths
    code, said = run(server, tmp_path, LOADS.replace("REVISION", repr(old)))
    assert (code, said.splitlines()) == (
        0,
        ["100 {'text': 'c', 'label': 1} ö", "1", "[{'text': 'old'}]", "{'text': 'new'}"],
    )


def test_strangers_find_no_dataset(server: HubServer, tmp_path: Path) -> None:
    server.put("ada/lines", {"train.jsonl": '{"text": "a"}\n'}, kind="dataset", private=True)
    code, said = run(
        server, tmp_path, "import datasets; datasets.load_dataset('ada/lines')", STRANGER
    )
    assert code == 1
    assert "DatasetNotFoundError" in said
