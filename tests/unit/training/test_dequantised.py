"""A GGUF becomes a folder of transformers that has what was in it, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch

from tunekit.training.language.dequantised import main  # noqa: E402
from tunekit.weights import read_folder  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def no_bars() -> Iterator[None]:
    """Set before the converter does, so that it is taken back afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQDM_DISABLE", "1")
        yield


@pytest.fixture(scope="module")
def converted(tiny_gguf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    assert main([str(tiny_gguf.path), str(folder)]) == 0
    return folder


def test_weights_come_out_as_they_went_in(converted: Path, tiny_gguf: Any) -> None:
    import torch
    from safetensors.torch import load_file

    stored = load_file(converted / "model.safetensors")
    assert stored.keys() == tiny_gguf.weights.keys() - {"lm_head.weight"}
    for name, tensor in stored.items():
        assert torch.equal(tensor, tiny_gguf.weights[name].to(torch.bfloat16)), name


def test_folder_is_a_causal_model_with_tokenizer_and_turns(converted: Path) -> None:
    found = read_folder(converted, name="tiny")
    assert (found.family, found.limit) == ("causal", 128)
    assert set(found.files) == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert found.files.keys() == {one.name for one in converted.iterdir()}


def test_nothing_of_how_it_was_loaded_is_left(converted: Path) -> None:
    config = json.loads((converted / "config.json").read_bytes())
    assert not [name for name in config if name.startswith("_") or "quant" in name]
    generation = json.loads((converted / "generation_config.json").read_bytes())
    del generation["transformers_version"]
    assert generation == {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    tokenizer = json.loads((converted / "tokenizer_config.json").read_bytes())
    del tokenizer["backend"], tokenizer["tokenizer_class"]
    assert tokenizer == {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "model_max_length": 128,
        "pad_token": "<|pad|>",
    }


def test_it_loads_and_writes(converted: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(converted, local_files_only=True)
    text = "Grüße  12 an\nalle"
    asked = [{"role": "user", "content": text}]
    shown = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    assert shown == f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    tokens = tokenizer(shown, return_tensors="pt")["input_ids"]
    assert tokenizer.decode(tokens[0]) == shown
    model = AutoModelForCausalLM.from_pretrained(converted, local_files_only=True)
    assert model.dtype == torch.bfloat16
    with torch.no_grad():
        written = model.generate(tokens, max_new_tokens=3, do_sample=False)
    assert written.shape[1] > tokens.shape[1]


def test_digits_are_split_as_in_the_models_own_tokenizer(converted: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(converted / "tokenizer.json"))
    # Not ("a", "Ġ", "Ġ", "1", "2"), which is how it would be without.
    assert tokenizer.encode("a  12").tokens == ["a", "ĠĠ", "1", "2"]


def test_a_tensor_that_is_missing_is_named_and_never_made_up(
    tiny_gguf: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = tiny_gguf.path.read_bytes()
    (tmp_path / "a.gguf").write_bytes(
        content.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_UP.weight")
    )
    (tmp_path / "out").mkdir()
    assert main([str(tmp_path / "a.gguf"), str(tmp_path / "out")]) == 1
    said = capfd.readouterr().err.splitlines()
    assert said[-1] == "a.gguf has no model.layers.1.mlp.up_proj.weight"
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no GGUF at all" * 99])
def test_what_is_no_gguf_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / "a.gguf").write_bytes(content)
    (tmp_path / "out").mkdir()
    assert main([str(tmp_path / "a.gguf"), str(tmp_path / "out")]) == 1
    said, complained = capfd.readouterr()
    assert said == ""
    assert complained.count("\n") == 1 and len(complained) > 10
    assert "worker.log" not in complained
    assert not list((tmp_path / "out").iterdir())


def test_wrong_use_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], [str(tmp_path / "a.gguf"), str(tmp_path)], ["a", "b", "c"]):
        assert main(arguments) == 2
        assert capfd.readouterr().err.startswith("usage: ")
