"""Models that something else trained, at work in a backend: answering, saved, opened, exported."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tunekit.backends.abilities import Serving
from tunekit.backends.base import ModelRef
from tunekit.backends.local import LocalBackend
from tunekit.backends.trainer.stock import adopt, without_template
from tunekit.errors import ModelError, UnsupportedTask, WeightsError
from tunekit.loop import run
from tunekit.shapes import Failure, Input, Outcome, Passage, Said, Shape, Turn, Turns, Weights

pytestmark = pytest.mark.torch

ASKED = [Passage("my card is lost"), Passage("great app")]
LABELS = ["card", "praise"]


@pytest.fixture
def backend(home: Path) -> LocalBackend:
    return LocalBackend(home=home, device="cpu", max_tokens=8)


@pytest.fixture
def classifier(tiny_encoder: Path, tmp_path: Path) -> Path:
    import torch
    import transformers

    folder = tmp_path / "classifier"
    config = transformers.BertConfig.from_pretrained(tiny_encoder)
    config.id2label, config.label2id = dict(enumerate(LABELS)), {"card": 0, "praise": 1}
    torch.manual_seed(1)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    shutil.copyfile(tiny_encoder / "tokenizer.json", folder / "tokenizer.json")
    return folder


def answers(backend: LocalBackend, ref: str, asked: Sequence[Input]) -> list[Outcome]:
    return run(backend.predict(ModelRef("local", ref), asked))


def adopted(home: Path, model: Path, shape: Shape, **options: Any) -> str:
    """A run whose model was trained elsewhere, as it comes home."""
    target = home / "runs" / "one"
    shutil.copytree(model, target / "model")
    adopt(target / "model", target, shape=shape, name="acme/one@1", **options)
    return "run:one"


def test_a_run_answers_is_saved_and_opened(
    backend: LocalBackend, home: Path, classifier: Path, tmp_path: Path
) -> None:
    ref = adopted(home, classifier, Shape.LABELLED, labels=LABELS)
    found = answers(backend, ref, ASKED)
    assert all(isinstance(one, Weights) for one in found)
    assert not isinstance(answers(backend, ref, [Passage("a", "context")])[0], Weights)

    (tmp_path / "kept").mkdir()
    backend.save(ModelRef("local", ref), tmp_path / "kept")
    shutil.rmtree(home / "runs")
    opened = backend.open(tmp_path / "kept")
    assert answers(backend, opened.id, ASKED) == found


def test_a_home_that_was_moved_still_has_its_models(
    home: Path, classifier: Path, tmp_path: Path
) -> None:
    ref = adopted(home, classifier, Shape.LABELLED)
    found = answers(LocalBackend(home=home, device="cpu"), ref, ASKED)
    moved = home.rename(tmp_path / "moved")
    assert answers(LocalBackend(home=moved, device="cpu"), ref, ASKED) == found


def test_other_files_than_were_adopted_are_refused(
    backend: LocalBackend, home: Path, classifier: Path
) -> None:
    ref = adopted(home, classifier, Shape.LABELLED)
    config = home / "runs" / "one" / "model" / "config.json"
    config.write_text(config.read_text().replace("card", "bard"))
    with pytest.raises(WeightsError, match=r"config\.json is not the file that was pinned"):
        answers(backend, ref, ASKED)


def test_what_transformers_loads_is_exported_as_it_is(
    backend: LocalBackend, home: Path, classifier: Path, tmp_path: Path
) -> None:
    import json

    import transformers

    ref = ModelRef("local", adopted(home, classifier, Shape.LABELLED))
    assert tuple(backend.exports(ref)) == ("safetensors",)
    (tmp_path / "out").mkdir()
    backend.export(ref, "safetensors", tmp_path / "out", Serving())
    pipe = transformers.pipeline("text-classification", str(tmp_path / "out"))
    [mine] = answers(backend, ref.id, ASKED[:1])
    assert isinstance(mine, Weights)
    [theirs] = pipe([ASKED[0].text])
    assert theirs["label"] == mine.by_label[0][0]
    assert theirs["score"] == pytest.approx(mine.by_label[0][1], abs=1e-5)
    assert json.loads((tmp_path / "out" / "usage.json").read_text())["labels"] == LABELS


# --- models that write ----------------------------------------------------------------------------

QUESTION = Turns((Turn("user", "Is it?"),), choices=("yes", "no"))


def choice_by_transformers(folder: Path, prompt: str, end: str) -> str:
    """The likelier of yes and no behind a prompt."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    odds = {}
    for word in ("yes", "no"):
        before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        said = tokenizer(word + end, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = model(torch.tensor([before + said])).logits[0].log_softmax(1)
        places = range(len(before) - 1, len(before) + len(said) - 1)
        odds[word] = sum(float(logits[at, one]) for at, one in zip(places, said, strict=True))
    return max(odds, key=lambda word: odds[word])


@pytest.mark.parametrize("template", [True, False])
def test_a_chat_model_is_asked_by_its_template_or_in_paragraphs(
    backend: LocalBackend, home: Path, tiny_causal: Path, template: bool
) -> None:
    target = home / "runs" / "one"
    shutil.copytree(tiny_causal, target / "model")
    if not template:
        without_template(target / "model")
        without_template(target / "model")  # nothing more to take out
    adopt(target / "model", target, shape=Shape.CHAT, name="acme/one@1")
    prompt = "Is it?\n\n"
    if template:
        prompt = "<|im_start|>user\nIs it?<|im_end|>\n<|im_start|>assistant\n"
    [said, free] = answers(backend, "run:one", [QUESTION, Turns((Turn("user", "Hi"),))])
    assert isinstance(said, Said)
    assert said.text == choice_by_transformers(target / "model", prompt, "<|im_end|>")
    assert isinstance(free, Said | Failure)  # a random model seldom ends
    backend.save(ModelRef("local", "run:one"), home)
    opened = backend.open(home)
    assert answers(backend, opened.id, [QUESTION]) == [said]
    assert "gguf" in backend.exports(ModelRef("local", "run:one"))


def test_a_text_to_text_model_answers(
    backend: LocalBackend, home: Path, tiny_seq2seq: Path
) -> None:
    import torch
    import transformers

    ref = adopted(home, tiny_seq2seq, Shape.TEXT_TO_TEXT)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(tiny_seq2seq)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_seq2seq)
    ids = torch.tensor([tokenizer("my card")["input_ids"]])
    whole = model.generate(input_ids=ids, max_new_tokens=8, do_sample=False)[0].tolist()
    [found] = answers(backend, ref, [Passage("my card")])
    if whole[-1] == tokenizer.eos_token_id:
        assert found == Said(tokenizer.decode(whole, skip_special_tokens=True))
    else:
        assert isinstance(found, Failure)
        assert found.code == "cut-short"
    assert tuple(backend.exports(ModelRef("local", ref))) == ()


def test_a_baseline_is_still_no_stock_model(backend: LocalBackend) -> None:
    with pytest.raises(ModelError, match="no model 'nothing:x'"):
        answers(backend, "nothing:x", ASKED)


def test_an_unknown_kind_of_export_is_refused(
    backend: LocalBackend, home: Path, classifier: Path
) -> None:
    from tunekit.backends.abilities import exporter

    ref = ModelRef("local", adopted(home, classifier, Shape.LABELLED))
    with pytest.raises(UnsupportedTask, match="'onnx'; there are 'safetensors'"):
        exporter(backend, ref, "onnx")
