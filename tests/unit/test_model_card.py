"""The card of a model: front matter that hubs read, what is known, and nothing of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset, Model
from tunekit.model_card import model_card
from tunekit.planning import BackendSpec
from tunekit.shapes import Shape
from tunekit.tasks.base import Prompt, Task


class Made:
    """A model, as far as a card tells of it."""

    def __init__(self, **facts: Any) -> None:
        self.kind = "tuned"
        self.task: Task = Classification(labels=["no", "yes", "`odd` | one", "two\nlines"])
        self.prompt = Prompt(system="# Say it.\n\n\n\nBriefly, with no ``` in it.")
        self.shape = Shape.LABELLED
        self.base = "minilm"
        self.spec = BackendSpec("local", "local", {})
        self.temperature: float | None = 1.25
        self.provenance: dict[str, Any] = {
            "rows": {"train": 1200, "validation": 100},
            "method": "auto",
            "hyperparameters": {"method": "head", "seed": 7, "cache": "/home/ann/cache"},
            "metrics": {"accuracy": 0.912345, "by_label": {"no": 1}},
            "created": "2026-11-26T10:00:00Z",
            "prompt": "2683527084aa7664",
            "tunekit": "0.1.0",
            "model": "/home/ann/weights",
        }
        self.__dict__.update(facts)


def front_of(card: str) -> dict[str, str]:
    opening, front, _ = card.split("---\n", 2)
    assert opening == ""
    return dict(line.split(": ", 1) for line in front.splitlines())


def test_says_what_is_known() -> None:
    card = model_card(Made())
    front = front_of(card)
    assert front["license"] == '"apache-2.0"'
    assert front["base_model"] == '"sentence-transformers/all-MiniLM-L6-v2"'
    assert front["language"] == '["en"]'
    assert front["pipeline_tag"] == '"text-classification"'
    assert front["tags"] == '["tunekit", "classification", "tuned"]'
    for line in (
        "- `yes`",
        "- `` `odd` | one ``",
        "- `two lines`",
        "| Rows (train) | 1,200 |",
        "| Method | `head` |",
        "| `seed` | 7 |",
        "| accuracy | 0.9123 |",
        "| Temperature of its probabilities | 1.25 |",
        "- It was trained on 1,200 rows. Nothing is known of inputs unlike those.",
    ):
        assert line in card.splitlines(), line
    assert "/home" not in card
    assert "Say it" not in card, "an encoder reads no prompt"


@pytest.mark.parametrize("heading", ["## Labels", "## Limits", "## How it was made", "## Figures"])
def test_headings_stand_alone(heading: str) -> None:
    lines = model_card(Made()).splitlines()
    place = lines.index(heading)
    assert lines[place - 1] == lines[place + 1] == ""


def test_a_prompt_is_there_to_the_letter() -> None:
    made = Made(shape=Shape.CHAT)
    assert f"````text\n{made.prompt.system}\n````\n" in model_card(made)


@pytest.mark.parametrize(
    ("written", "library", "loads"),
    [
        ("tunekit", "tunekit", "tunekit.load"),
        ("onnx", "onnx", "onnxruntime.InferenceSession"),
        ("safetensors", "transformers", "AutoModel.from_pretrained"),
    ],
)
def test_says_how_to_load_it(written: str, library: str, loads: str) -> None:
    card = model_card(Made(), written)
    assert front_of(card)["library_name"] == f'"{library}"'
    assert loads in card
    assert ("usage.json" in card) == (written != "tunekit")


def test_a_folder_is_no_model_of_a_hub(tmp_path: Path) -> None:
    card = model_card(Made(base=str(tmp_path / "my-encoder")))
    assert "base_model" not in front_of(card) and "license" not in front_of(card)
    assert str(tmp_path) not in card and "my-encoder" in card
    assert front_of(model_card(Made(base="org/some@v1")))["base_model"] == '"org/some"'


def test_is_written_with_what_is_saved_and_changes_nothing_else(tmp_path: Path) -> None:
    rows = [{"text": text, "label": text[0]} for text in ("a", "a1", "b", "b1")]
    model: Model = tunekit.tune(Dataset.from_rows(rows, Classification()), backend="fake")
    saved = model.save(tmp_path / "saved")
    assert (saved / "README.md").read_text("utf-8") == model_card(model)
    (saved / "README.md").unlink()
    assert tunekit.load(saved).predict("a").label == "a"
