"""Language models as folders: what transformers reads there answers as the original, and a server
writes the prompts of training by what lies there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from tunekit.errors import ModelError
from tunekit.shapes import Turn

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the extra local")

import transformers  # noqa: E402

from tunekit.training.exporting.language_folder import write_language_folder  # noqa: E402
from tunekit.training.exporting.ollama import Facts, modelfile  # noqa: E402
from tunekit.training.exporting.template import settled_template  # noqa: E402
from tunekit.training.language.language_model import LanguageModel  # noqa: E402
from tunekit.training.recipe import Base, Settings  # noqa: E402
from tunekit.training.trained_weights import make_trainable, trainable  # noqa: E402

BASE = Base(name="tiny", files=(), max_length=512, limit=512, family="causal")
BEFORE = (Turn("system", 'Say it as {{ "JSON" }}.\n\nNo more than 3 words.'),)
ASKED = ("Where is my money?", "3 × 4\n\nlamps", "Grüße 🙂 {{ .Prompt }}", 'a """quoted""" word')
#: Chat templates as they are about, cut down to what makes them differ.
THINKS = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    "{% if enable_thinking is defined and enable_thinking is false %}<done/>{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
)
TRIMS = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}<assistant>"


def loaded(folder: Path, **changes: Any) -> LanguageModel:
    return LanguageModel(BASE, folder, max_length=512, device="cpu", precision="fp32", **changes)


def rendered(folder: Path, turns: Sequence[Turn]) -> str:
    """As vLLM and transformers' own server do it: by what is in the folder alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    messages = [{"role": turn.role, "content": turn.text} for turn in turns]
    text: str = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return text


def tuned(folder: Path) -> LanguageModel:
    """A model with an adapter that has learnt something, merged."""
    model = loaded(folder)
    make_trainable(model, "lora", Settings())
    with torch.no_grad():
        for number, one in enumerate(trainable(model)):
            chance = torch.Generator().manual_seed(number)
            one += 0.1 * torch.randn(one.shape, generator=chance)
    model.module = model.module.merge_and_unload().eval()
    return model


def test_what_is_read_again_answers_alike(
    tiny_causal: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, folder = tuned(tiny_causal), tmp_path / "out"
    folder.mkdir()
    capfd.readouterr()
    write_language_folder(model, tiny_causal, folder, BEFORE)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")

    again = transformers.AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        expected = model.module(input_ids=ids).logits
        assert (again(input_ids=ids).logits - expected).abs().max() < 1e-5
        base = loaded(tiny_causal).module(input_ids=ids).logits
    assert (base - expected).abs().max() > 0.01, "what was trained is in it"
    for asked in ASKED:
        turns = [*BEFORE, Turn("user", asked)]
        assert rendered(folder, turns).encode() == model.speech.text(turns).encode()
    assert (folder / "chat_template.jinja").read_bytes() == (
        tiny_causal / "chat_template.jinja"
    ).read_bytes()
    generation = orjson.loads((folder / "generation_config.json").read_bytes())
    assert generation["do_sample"] is False
    assert set(generation["eos_token_id"]) == model.speech.ends
    for file in folder.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name


def with_template(tiny_causal: Path, place: Path, template: str | None) -> Path:
    shutil.copytree(tiny_causal, place)
    (place / "chat_template.jinja").unlink()
    config = orjson.loads((place / "tokenizer_config.json").read_bytes())
    config.pop("chat_template", None)
    (place / "tokenizer_config.json").write_bytes(orjson.dumps(config))
    if template is not None:
        (place / "chat_template.jinja").write_text(template, "utf-8")
    return place


@pytest.mark.parametrize("template", [THINKS, NO_SYSTEM, TRIMS, None])
def test_a_server_that_is_told_nothing_writes_the_prompts_of_training(
    tiny_causal: Path, tmp_path: Path, template: str | None
) -> None:
    place = with_template(tiny_causal, tmp_path / "base", template)
    model = loaded(place)
    settled = settled_template(model.tokenizer, model.speech.text, BEFORE, "tiny")
    (place / "chat_template.jinja").write_text(settled, "utf-8")
    for asked in ASKED:
        turns = [*BEFORE, Turn("user", asked)]
        assert rendered(place, turns) == model.speech.text(turns)


def test_a_template_that_writes_what_nobody_trained_is_refused(tiny_causal: Path) -> None:
    model = loaded(tiny_causal)
    with pytest.raises(ModelError, match="can't write the prompts"):
        settled_template(
            model.tokenizer, lambda turns: model.speech.text(turns) + "!", BEFORE, "tiny"
        )


# --- Ollama ---------------------------------------------------------------------------------------


class Modelfile:
    """As much of Ollama as a Modelfile of ours needs: its commands, and of Go's templates fields
    and strings. Everything else is an error."""

    def __init__(self, text: str) -> None:
        self.said: dict[str, list[str]] = {}
        rest = text
        while rest := rest.lstrip():
            if rest.startswith("#"):
                rest = rest.partition("\n")[2]
                continue
            found = re.match(r'([A-Z]+) ((?:[a-z_]+ )?)("""(.*?)"""\n|([^\n]*)\n)', rest, re.DOTALL)
            assert found, rest
            name = f"{found[1]} {found[2]}".strip()
            value = found[4] if found[4] is not None else found[5].strip('"')
            self.said.setdefault(name, []).append(value)
            rest = rest[found.end() :]

    def prompt(self, asked: str) -> str:
        (template,) = self.said["TEMPLATE"]
        (system,) = self.said.get("SYSTEM", [""])

        def action(found: re.Match[str]) -> str:
            inside = found[1].strip()
            if inside in (".System", ".Prompt"):
                return system if inside == ".System" else asked
            assert re.fullmatch(r'"(\\x[0-9a-f]{2})+"', inside), inside
            return inside[1:-1].encode().decode("unicode_escape")

        return re.sub(r"\{\{(.*?)\}\}", action, template)


@pytest.mark.parametrize(
    "before",
    [
        (),
        BEFORE,
        (*BEFORE, Turn("user", "one"), Turn("assistant", "1 {{ not a field }}")),
        (Turn("system", 'Between """ and """.'),),
        (Turn("system", 'Ends with a "'),),
        (Turn("system", "\n  Begins below. \n"),),
    ],
)
def test_ollama_writes_the_prompts_of_training(tiny_causal: Path, before: tuple[Turn, ...]) -> None:
    speech = loaded(tiny_causal).speech
    facts = Facts("model-f16.gguf", ["<|im_end|>"], 512)
    read = Modelfile(modelfile(speech.text, before, facts))
    for asked in ASKED:
        trained = speech.text([*before, Turn("user", asked)])
        assert read.prompt(asked).encode() == trained.encode()
    assert read.said["FROM"] == ["./model-f16.gguf"]
    assert read.said["PARAMETER stop"] == ["<|im_end|>"]
    assert read.said["PARAMETER temperature"] == ["0"]


def test_what_ollama_can_not_write_is_refused() -> None:
    def shouts(turns: Sequence[Turn]) -> str:
        return "".join(turn.text.upper() for turn in turns)

    with pytest.raises(ModelError, match="Ollama can't be told"):
        modelfile(shouts, (), Facts("x.gguf", [], 512))
