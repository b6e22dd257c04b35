"""The scripted hub, as the library datasets uses it: it finds the hub by a variable of the
environment when it is imported, so it gets a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunekit.testing.hub import HubServer

from .conftest import WRITER

pytest.importorskip("datasets")

CODE = """
import datasets
rows = datasets.DatasetDict({
    "train": datasets.Dataset.from_dict({"text": ["a", "ö"] * 50, "label": [0, 1] * 50}),
    "test": datasets.Dataset.from_dict({"text": ["c"], "label": [1]}),
})
rows.push_to_hub("me/rows", private=True)
rows["test"].push_to_hub("me/rows", config_name="more", split="test")
rows = datasets.load_dataset("me/rows", "default")
print(rows["train"].num_rows, rows["test"][0], rows["train"][1]["text"])
print(datasets.load_dataset("me/rows", "more", split="test").num_rows)
lines = datasets.load_dataset("me/lines", split="train", revision=REVISION)
print(lines.to_list())
print(next(iter(datasets.load_dataset("me/lines", split="train", streaming=True))))
try:
    datasets.load_dataset("me/none", token="hf_stranger")
except datasets.exceptions.DatasetNotFoundError:
    print("none")
"""
SAYS = """
100 {'text': 'c', 'label': 1} ö
1
[{'text': 'old'}]
{'text': 'new'}
none
"""


def test_datasets_are_pushed_and_loaded(server: HubServer, tmp_path: Path) -> None:
    old = server.put("me/lines", {"train.jsonl": '{"text": "old"}\n'}, kind="dataset", private=True)
    server.put("me/lines", {"train.jsonl": '{"text": "new"}\n'}, kind="dataset")
    server.put("me/none", {"train.jsonl": '{"text": "x"}\n'}, kind="dataset", private=True)
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("REVISION", repr(old))],
        check=False,
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HF_ENDPOINT": server.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": WRITER,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == SAYS.lstrip()
    paths = set(server.files("me/rows", kind="dataset"))
    assert {"README.md", "data/train-00000-of-00001.parquet"} <= paths
