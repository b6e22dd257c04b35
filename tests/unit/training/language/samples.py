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


#: What each of the tiny ones below is like.
SIZE = {
    "vocab_size": 259,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
#: Models that scale or bound their odds, look back a few tokens only, or count positions otherwise.
FAMILIES: dict[str, dict[str, Any]] = {
    "Cohere": {**SIZE, "logit_scale": 0.25},
    "Gemma2": {**SIZE, "head_dim": 8, "final_logit_softcapping": 2.0, "sliding_window": 16},
    "GPT2": {"vocab_size": 259, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512},
    "Granite": {**SIZE, "logits_scaling": 4.0},
    # Its head is in two parts, of which only the second is found.
    "ModernBertDecoder": {**SIZE, "global_attn_every_n_layers": 2, "local_attention": 16},
}


def family(name: str) -> Any:
    """A module of a family, small and lively."""
    import torch
    import transformers

    known: Any = transformers
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        config = getattr(known, f"{name}Config")(**FAMILIES[name])
        module = getattr(known, f"{name}{'LMHeadModel' if name == 'GPT2' else 'ForCausalLM'}")(
            config
        )
    enliven(module)
    return module.eval()
