"""The bytes of the sample rows in every format of objects, which must not change by accident."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tunekit import Dataset
from tunekit.formats.base import Writes
from tunekit.formats.registry import codecs
from tunekit.testing.checks.rendering import GOLDEN_VARIABLE
from tunekit.testing.samples import SAMPLES, Sample

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "formats"
NAMED = ("alpaca", "openai-completions", "sharegpt", "trl")
WRITTEN = [one for one in codecs() if isinstance(one, Writes) and one.name.startswith(NAMED)]


def _cases() -> list[tuple[str, Sample]]:
    return [
        (wire.name, sample)
        for wire in WRITTEN
        for sample in SAMPLES.values()
        if wire.shapes & set(sample.task.offers)
    ]


@pytest.mark.parametrize(("name", "sample"), _cases(), ids=lambda one: getattr(one, "name", one))
def test_the_bytes_are_golden(tmp_path: Path, name: str, sample: Sample) -> None:
    wire = next(one for one in WRITTEN if one.name == name)
    (shape, *_) = [one for one in sample.task.offers if one in wire.shapes]
    without = wire.loses | sample.task.loses(shape)
    rows = [row for row in sample.rows if without.isdisjoint(sample.task.needs(row))]
    assert rows
    now = Dataset.from_rows(rows, sample.task).to(name, tmp_path / "now.jsonl").read_bytes()
    path = GOLDEN / f"{name}.{sample.name}.jsonl"
    if os.environ.get(GOLDEN_VARIABLE) == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(now)
    assert path.exists(), f"write it with {GOLDEN_VARIABLE}=write"
    assert now.splitlines() == path.read_bytes().splitlines()
    assert now == path.read_bytes()


def test_no_golden_file_is_left_over() -> None:
    known = {f"{name}.{sample.name}.jsonl" for name, sample in _cases()}
    assert {path.name for path in GOLDEN.iterdir()} == known
