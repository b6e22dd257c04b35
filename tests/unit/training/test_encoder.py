from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

from tunekit.errors import ConfigError, WeightsError  # noqa: E402
from tunekit.training.base_model import choose_precision  # noqa: E402
from tunekit.training.cache import embed  # noqa: E402
from tunekit.training.encoder import Encoder  # noqa: E402
from tunekit.training.recipe import Base  # noqa: E402

BASE = Base(name="tiny", files=(("model.safetensors", "0"),), max_length=64, limit=64)
CHANCE = random.Random(3)
LETTERS = "abcdefghij klmnopq rstuvwxyz ,.!?"
ONE = "encoder.layer.0.output.dense.weight"
TEXTS = ["".join(CHANCE.choices(LETTERS, k=CHANCE.randrange(1, 90))) for _ in range(150)] + [
    "",
    " ",
    "my card is lost",
    "ÄÖÜ straße 😀",
    "a\0b\nc",
    "x" * 5000,
]


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> Encoder:
    return Encoder(BASE, tiny_encoder, max_length=64, precision="fp32")


def test_vectors_are_those_of_transformers_one_by_one(tiny_encoder: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import BertModel

    tokenizer = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(64)
    model = BertModel.from_pretrained(tiny_encoder).eval()
    for pooling in ("mean", "cls"):
        base = BASE.model_copy(update={"pooling": pooling})
        encoder = Encoder(base, tiny_encoder, max_length=64, precision="fp32")
        for text, vector in zip(TEXTS, encoder.encode(TEXTS), strict=True):
            with torch.inference_mode():
                ids = torch.tensor([tokenizer.encode(text).ids])
                hidden = model(input_ids=ids).last_hidden_state[0]
            pooled = hidden[0] if pooling == "cls" else hidden.mean(0)
            assert torch.allclose(vector, pooled / pooled.norm(), atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_text_has_the_same_vector_alone_and_in_any_company(
    tiny_encoder: Path, precision: str
) -> None:
    encoder = Encoder(BASE, tiny_encoder, max_length=64, precision=precision)
    together = encoder.encode(TEXTS)
    alone = torch.cat([encoder.encode([text]) for text in TEXTS])
    backwards = encoder.encode(TEXTS[::-1]).flip(0)
    assert torch.allclose(together, alone, atol=1e-6)
    assert torch.allclose(together, backwards, atol=1e-6)


def test_nothing_is_an_empty_result(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimensions)


def test_max_length_cuts_and_the_files_own_truncation_does_not(tiny_encoder: Path) -> None:
    long = "a " * 40
    wide = Encoder(BASE, tiny_encoder, max_length=64, precision="fp32")
    narrow = Encoder(BASE, tiny_encoder, max_length=10, precision="fp32")
    assert not torch.allclose(wide.encode([long]), wide.encode([long[:60]]), atol=1e-6)
    assert torch.equal(narrow.encode([long]), narrow.encode([long[:60]]))


def test_progress_adds_up(encoder: Encoder) -> None:
    done: list[int] = []
    encoder.encode(TEXTS, done.append)
    assert sum(done) == len(TEXTS)


def test_broken_files_are_clear_errors(tiny_encoder: Path, tmp_path: Path) -> None:
    for file, content in (
        ("tokenizer.json", b"{"),
        ("model.safetensors", b"damaged"),
        ("config.json", b'{"model_type": "nobody-knows-it"}'),
    ):
        folder = tmp_path / file
        shutil.copytree(tiny_encoder, folder)
        (folder / file).write_bytes(content)
        with pytest.raises(WeightsError, match="tiny: "):
            Encoder(BASE, folder, max_length=64)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("renamed", r"lacks embeddings\.LayerNorm\.bias, .* and \d+ more, .*Save the model there"),
        ("one renamed", r"lacks encoder\.layer\.0\.output\.dense\.weight, which"),
        ("another size", r"another size of embeddings\.word_embeddings\.weight, .*name another"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(
    tiny_encoder: Path, tmp_path: Path, damage: str, message: str
) -> None:
    def rename(name: str) -> str:
        odd = damage == "renamed" or (damage == "one renamed" and name == ONE)
        return f"other.{name}" if odd else name

    folder = changed(tiny_encoder, tmp_path, rename)
    if damage == "another size":
        config = json.loads((folder / "config.json").read_text())
        config["vocab_size"] += 7
        (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=message):
        Encoder(BASE, folder, max_length=64)


def test_what_has_no_part_in_a_vector_may_be_absent(
    encoder: Encoder, tiny_encoder: Path, tmp_path: Path
) -> None:
    folder = changed(tiny_encoder, tmp_path, lambda name: name.replace("pooler.", "cls."))
    without = Encoder(BASE, folder, max_length=64, precision="fp32")
    assert torch.equal(without.encode(TEXTS), encoder.encode(TEXTS))


def changed(encoder: Path, target: Path, rename: Callable[[str], str]) -> Path:
    """A copy whose tensors have other names."""
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(encoder, target / "changed"))
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {rename(name): tensor.clone() for name, tensor in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    return folder


@pytest.mark.parametrize("device", ["xpu", "cuda:99", "banana", "cuda:x"])
def test_device_that_is_not_there_is_a_clear_error(tiny_encoder: Path, device: str) -> None:
    with pytest.raises(ConfigError, match=rf"device='{device}'.*device='auto'"):
        Encoder(BASE, tiny_encoder, max_length=64, device=device)


def test_code_of_the_models_own_is_never_run(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_encoder, folder)
    ran = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "evil",
        "auto_map": {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError):
        Encoder(BASE, folder, max_length=64)
    assert not ran.exists()


def test_loading_is_quiet_and_leaves_transformers_as_it_was(
    tiny_encoder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    Encoder(BASE, tiny_encoder, max_length=64)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_precision_is_bf16_only_where_the_chip_is_good_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    for capabilities, wanted in (({"avx512_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda c=capabilities: c, raising=False)
        assert choose_precision("auto", cpu) == wanted
    assert choose_precision("bf16", cpu) == "bf16"


# --- the cache ------------------------------------------------------------------------------------


class Counting(Encoder):
    """Counts the texts that it really embeds."""

    seen = 0

    def encode(self, texts, progress=None):
        self.seen += len(texts)
        return super().encode(texts, progress)


@pytest.fixture
def counting(tiny_encoder: Path) -> Counting:
    return Counting(BASE, tiny_encoder, max_length=64, precision="bf16")


def test_cached_texts_are_not_embedded_again_and_have_the_same_vectors(
    counting: Counting, tmp_path: Path
) -> None:
    fresh = counting.encode(TEXTS)
    counting.seen = 0
    log: list[str] = []
    first = embed(counting, TEXTS[:50] * 2, folder=tmp_path, log=log.append)
    assert counting.seen == 50
    done: list[int] = []
    second = embed(counting, TEXTS, folder=tmp_path, log=log.append, progress=done.append)
    assert counting.seen == len(TEXTS)
    third = embed(counting, TEXTS[::-1], folder=tmp_path, log=log.append)
    assert counting.seen == len(TEXTS)
    assert torch.equal(first[:50], fresh[:50])
    assert torch.equal(first[50:], fresh[:50])
    assert torch.equal(second, fresh)
    assert torch.equal(third.flip(0), fresh)
    assert sum(done) == len(TEXTS)
    assert log == []


def test_another_setting_has_a_cache_of_its_own(counting: Counting, tmp_path: Path) -> None:
    embed(counting, TEXTS, folder=tmp_path, log=print)
    counting.max_length = 32
    embed(counting, TEXTS, folder=tmp_path, log=print)
    assert counting.seen == 2 * len(TEXTS)
    assert len(list(tmp_path.glob("*.sqlite3"))) == 2


def test_cache_holds_no_text(counting: Counting, tmp_path: Path) -> None:
    embed(counting, ["a secret sentence of somebody"], folder=tmp_path, log=print)
    assert b"secret" not in b"".join(one.read_bytes() for one in tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["not a database", "in the middle"])
def test_damaged_cache_is_thrown_away_and_said(
    counting: Counting, tmp_path: Path, damage: str
) -> None:
    texts = [f"text number {place}" for place in range(300)]
    fresh = embed(counting, texts, folder=tmp_path, log=print)
    (path,) = tmp_path.glob("*.sqlite3")
    content = bytearray(path.read_bytes())
    start = 0 if damage == "not a database" else 4096
    content[start:] = b"\xa5" * (len(content) - start)
    path.write_bytes(content)
    log: list[str] = []
    again = embed(counting, texts, folder=tmp_path, log=log.append)
    assert torch.equal(fresh, again)
    assert log
    embed(counting, texts, folder=tmp_path, log=log.append)
    count = counting.seen
    embed(counting, texts, folder=tmp_path, log=log.append)
    assert counting.seen == count  # it works again


def test_place_that_cannot_be_written_is_done_without(counting: Counting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log: list[str] = []
    embed(counting, TEXTS, folder=tmp_path / "file" / "cache", log=log.append)
    assert counting.seen == len(TEXTS)
    assert len(log) == 1


def test_cache_is_bounded_and_drops_the_oldest(counting: Counting, tmp_path: Path) -> None:
    limit = 10 * counting.dimensions * 4
    embed(counting, TEXTS[:10], folder=tmp_path, log=print, limit=limit)
    embed(counting, TEXTS[10:15], folder=tmp_path, log=print, limit=limit)
    counting.seen = 0
    embed(counting, TEXTS[10:15], folder=tmp_path, log=print, limit=limit)
    assert counting.seen == 0
    embed(counting, TEXTS[:15], folder=tmp_path, log=print, limit=limit)
    assert counting.seen == 5
