"""Small language models, what they are asked, and runs that teach them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tunekit.shapes import Example, Shape, Turn, Turns
from tunekit.training.folder import RunFolder
from tunekit.training.recipe import Base, Recipe
from tunekit.weights import read_folder

if TYPE_CHECKING:
    from tunekit.training.language.language_model import LanguageModel


def base_of(folder: Path) -> Base:
    found = read_folder(folder, name="tiny")
    return Base(
        name="tiny",
        files=tuple(found.files.items()),
        max_length=found.max_length,
        limit=found.limit,
        family=found.family,
    )


def load(folder: Path, **options: Any) -> LanguageModel:
    from tunekit.training.language.language_model import LanguageModel

    facts = {"max_length": 512, "device": "cpu", "precision": "fp32", **options}
    return LanguageModel(base_of(folder), folder, **facts)


def enliven(module: Any, seed: int = 0) -> None:
    """Weights so large that tokens have odds of their own: as drawn for training, all are alike."""
    import torch

    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in module.parameters():
            if one.dim() > 1:
                one.copy_(torch.randn(one.shape, generator=chance) * 0.4)


def ask(text: str, *, choices: Sequence[str] = ()) -> Turns:
    return Turns((Turn("user", text),), tuple(choices))


def write_run(
    folder: Path,
    base: Path,
    examples: Sequence[Example],
    validation: Sequence[Example] | None = None,
    **recipe: Any,
) -> RunFolder:
    """A run folder as a client leaves it."""
    run = RunFolder(folder)
    run.train.parent.mkdir(parents=True, exist_ok=True)
    run.train.write_bytes(_lines(examples))
    if validation is not None:
        run.validation.write_bytes(_lines(validation))
    facts = {
        "method": "lora",
        "shape": Shape.CHAT,
        "base": base_of(base),
        "base_path": str(base),
        "device": "cpu",
        "precision": "fp32",
        **recipe,
    }
    run.recipe.write_text(Recipe.model_validate(facts).model_dump_json(), "utf-8")
    return run


def _lines(examples: Sequence[Example]) -> bytes:
    from tunekit.formats.base import Header
    from tunekit.formats.examples import Examples

    codec = Examples()
    return b"".join(orjson.dumps(codec.encode(one, Header())) + b"\n" for one in examples)


def measured(run: RunFolder) -> list[dict[str, Any]]:
    """What each step measured but its time."""
    lines = [json.loads(line) for line in run.metrics.read_bytes().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
