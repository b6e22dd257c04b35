from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import MissingExtra, WeightsError
from tunekit.weights import (
    CATALOGUE,
    Size,
    here,
    known_languages,
    known_size,
    read_folder,
    token_counter,
    tokens,
)

TEXTS = [
    "",
    " ",
    "my card is lost",
    "My card, my CARD!",
    "thanks " * 70,
    "Ünïcode 😀 für alle",
    "中文没有空格",
    "a\tb\r\nc\0d",
    "money back " * 31 + "is",
]


@pytest.fixture
def weights(tiny_encoder: Path) -> tokens.BaseWeights:
    return read_folder(tiny_encoder, name="tiny")


# --- counting -------------------------------------------------------------------------------------


@pytest.mark.torch
def test_counts_are_what_training_computes(tiny_encoder: Path, weights: tokens.BaseWeights) -> None:
    from tunekit.training.counting import CountingEncoder
    from tunekit.training.recipe import Base

    counts = token_counter(weights)(TEXTS)
    assert max(counts) > 64 > sum(count > 64 for count in counts) > 0
    base = Base(name="tiny", files=(), max_length=64, limit=64)
    for text, count in zip(TEXTS, counts, strict=True):
        encoder = CountingEncoder(base, tiny_encoder, max_length=64, device="cpu")
        encoder.encode([text])
        assert encoder.reading.tokens == min(count, 64), text


@pytest.mark.torch
@pytest.mark.shared
def test_counts_are_what_training_computes_with_minilm(minilm: Path, shared: Path) -> None:
    import orjson

    from tunekit.training.counting import CountingEncoder
    from tunekit.training.recipe import Base

    lines = (shared / "data" / "cls_sib200_multilingual" / "train.jsonl").read_bytes().splitlines()
    texts = [orjson.loads(line)["text"] for line in lines[::80]]
    texts += ["long " * 254, "long " * 255, "long " * 300]
    counts = token_counter(read_folder(minilm, name="minilm", files={}))(texts)
    assert counts[-3:] == [256, 257, 302]
    base = Base(name="minilm", files=(), max_length=256, limit=512)
    encoder = CountingEncoder(base, minilm, max_length=256, device="cpu")
    encoder.encode(texts)
    reading = encoder.reading
    assert reading.tokens == sum(min(count, 256) for count in counts)
    assert reading.squares == sum(min(count, 256) ** 2 for count in counts)
    assert reading.characters == sum(map(len, texts))


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=12))
def test_portions_change_no_count(tiny_encoder: Path, texts: list[str]) -> None:
    count = token_counter(read_folder(tiny_encoder, name="tiny", files={}))
    alone = [count([text])[0] for text in texts]
    assert count(texts) == alone
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(tokens, "TEXTS_AT_ONCE", 2)
        changed.setattr(tokens, "CHARACTERS_AT_ONCE", 10)
        assert count(texts) == alone


def test_long_texts_are_counted_in_pieces(
    weights: tokens.BaseWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "My card is lost, and the app (great!) wants 12 euros back.\n" * 40
    count = token_counter(weights)
    whole = count([text])
    monkeypatch.setattr(tokens, "PIECE", 100)
    assert count([text]) == whole
    assert count(["my", text, "card", text]) == [3, *whole, 3, *whole]
    assert count(["x" * 1_000])[0] >= 2 + 10  # no white space to cut at, and no end of it either


def test_texts_of_any_length_need_bounded_memory(weights: tokens.BaseWeights) -> None:
    code = """
import resource, sys
from pathlib import Path
from tunekit.weights import read_folder, token_counter

count = token_counter(read_folder(Path(sys.argv[1]), name="tiny", files={}))
count(["my card is lost"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
texts = ["my card is lost " * 200_000, *["my card is lost " * 1_000] * 200]
(long, *short) = count(texts)
assert long == 800_002 and set(short) == {4_002}, (long, set(short))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    pytest.importorskip("resource", reason="not on this system")
    done = _python(code, str(weights.path))
    assert done.returncode == 0, done.stderr
    scale = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * scale < 150e6


FORKED = """
import os, sys
from pathlib import Path
from tunekit.weights import read_folder, token_counter

count = token_counter(read_folder(Path(sys.argv[1]), name="tiny", files={}))
texts = ["my card is lost"] * 5_000
before = count(texts)
assert "TOKENIZERS_PARALLELISM" not in os.environ
tasks = Path("/proc/self/task")
assert not tasks.exists() or len(list(tasks.iterdir())) == 1
child = os.fork()
if child == 0:
    os._exit(0 if count(texts) == before else 4)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_no_threads_are_left_and_a_program_may_fork_afterwards(weights: tokens.BaseWeights) -> None:
    done = _python(FORKED, str(weights.path))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_user_says_of_threads_stays(
    weights: tokens.BaseWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    token_counter(weights)(["my card"])
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"


def test_without_the_package_the_extra_is_named(
    weights: tokens.BaseWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"tunekit-sdk\[local\]"):
        token_counter(weights)


def test_changed_or_damaged_tokenizers_are_refused(
    weights: tokens.BaseWeights, tmp_path: Path
) -> None:
    damaged = tmp_path / "tokenizer.json"
    damaged.write_text("{}")
    pinned = weights._replace(path=tmp_path)
    with pytest.raises(WeightsError, match=r"tokenizer\.json is not the file that was pinned"):
        token_counter(pinned)
    with pytest.raises(WeightsError, match=r"tokenizer\.json can't be read"):
        token_counter(pinned._replace(files={}))


def test_text_that_no_tokenizer_reads_is_a_clear_error(weights: tokens.BaseWeights) -> None:
    with pytest.raises(WeightsError, match="can't read a text"):
        token_counter(weights)(["fine", "half a \ud800 character"])


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- what is here ---------------------------------------------------------------------------------


def test_nothing_is_fetched_or_written_to_find_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.weights.catalogued.installed_folder", lambda entry: None)
    assert here("minilm", home=tmp_path) is None
    assert here("some-org/never-fetched", home=tmp_path) is None
    assert not list(tmp_path.iterdir())
    with pytest.raises(WeightsError, match="Did you mean 'minilm'"):
        here("minlm", home=tmp_path)


def test_weights_under_home_are_found(minilm: Path, minilm_home: Path) -> None:
    found = here("minilm", home=minilm_home)
    assert found is not None
    assert (found.name, found.max_length) == ("minilm", 256)
    assert found.files["tokenizer.json"] == CATALOGUE["minilm"].files["tokenizer.json"].sha256
    assert token_counter(found)(["My card is lost."]) == [7]


def test_weights_in_an_installed_wheel_are_found(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.weights.catalogued.installed_folder", lambda entry: tiny_encoder)
    found = here("minilm", home=tmp_path)
    assert found is not None
    assert found.path == tiny_encoder


def test_weights_in_a_folder_are_found_unhashed(tiny_encoder: Path, tmp_path: Path) -> None:
    found = here(str(tiny_encoder), home=tmp_path)
    assert found is not None
    assert (found.path, found.max_length, found.files) == (tiny_encoder, 64, {})


def test_weights_in_the_hubs_own_cache_are_found(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra local")
    cached = tmp_path / "models--some-org--tiny"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(commit)
    (cached / "snapshots").mkdir()
    (cached / "snapshots" / commit).symlink_to(tiny_encoder, target_is_directory=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    found = here("some-org/tiny", home=tmp_path)
    assert found is not None
    assert found.max_length == 64

    (cached / "snapshots" / commit).unlink()
    (cached / "snapshots" / commit).mkdir()
    (cached / "snapshots" / commit / "config.json").write_text("{}")
    assert here("some-org/tiny", home=tmp_path) is None  # there in part


# --- size and languages ---------------------------------------------------------------------------


def test_size_comes_from_the_files_else_from_the_catalogue(
    weights: tokens.BaseWeights, minilm: Path
) -> None:
    size = known_size("tiny", weights)
    assert size is not None
    assert size[:3] == (32, 2, 64)
    assert size.bytes == (weights.path / "model.safetensors").stat().st_size
    assert known_size("some-org/never-fetched", None) is None
    listed = known_size("minilm", None)
    assert isinstance(listed, Size)
    found = known_size("minilm", read_folder(minilm, name="minilm", files={}))
    assert found is not None
    assert found[:4] == listed[:4]


@pytest.mark.parametrize(
    "config", ["{}", "[]", "no json", '{"hidden_size": 32, "num_hidden_layers": "many"}']
)
def test_size_that_nobody_states_is_none(
    weights: tokens.BaseWeights, tmp_path: Path, config: str
) -> None:
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert known_size("tiny", weights._replace(path=tmp_path)) is None


def test_languages_are_known_for_the_catalogue_alone() -> None:
    assert known_languages("minilm") == ("en",)
    assert known_languages("some-org/model") == ()
