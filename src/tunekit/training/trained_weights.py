"""A base model's own weights, where they are trained: all of them, or an adapter put on them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from ..errors import ModelError
from .artifact import read_tensors
from .base_model import BaseModel, unused
from .card import ADAPTER, ENCODER, Artifact
from .recipe import Settings

__all__ = ["Trained", "adapter_of", "make_trainable", "own_weights", "taken_from", "trainable"]

RANK, ALPHA = "lora_rank", "lora_alpha"


class Trained(NamedTuple):
    """Weights as an artifact has them: how (see :class:`~tunekit.training.card.Artifact`), the
    tensors of each file, and what has to be known to put them on again."""

    weights: Literal["base", "own", "adapter"]
    files: Mapping[str, Mapping[str, torch.Tensor]]
    options: Mapping[str, Any]


def make_trainable(model: BaseModel, method: Literal["full", "lora"], settings: Settings) -> None:
    """Let gradients into ``model.module``, for ``"lora"`` into an adapter around it alone."""
    model.module.requires_grad_(method == "full")
    if method == "lora":
        usual = model.adapter
        rank = settings.lora_rank or usual.rank
        alpha = settings.lora_alpha or rank * usual.alpha / usual.rank
        # What it begins with is random, and the same seed is to give the same model.
        with torch.random.fork_rng([]):
            torch.manual_seed(settings.seed)
            _adapt(model, rank, alpha)
        return
    if not model.trains_tokens:
        model.module.get_input_embeddings().requires_grad_(False)
    for name, parameter in model.module.named_parameters():
        if unused(name):
            parameter.requires_grad_(False)


def trainable(model: BaseModel) -> Iterator[torch.nn.Parameter]:
    """The parameters of ``model.module`` that are trained."""
    return (one for one in model.module.parameters() if one.requires_grad)


def taken_from(model: BaseModel) -> Trained:
    """The trained weights of a model that :func:`make_trainable` was called for."""
    adapter = getattr(model.module, "peft_config", None)
    if adapter is None:
        own = {name: one for name, one in _once(model.module) if not unused(name)}
        return Trained("own", {ENCODER: own}, {})
    from peft import get_peft_model_state_dict

    config = next(iter(adapter.values()))
    options = {RANK: int(config.r), ALPHA: float(config.lora_alpha)}
    return Trained("adapter", {ADAPTER: get_peft_model_state_dict(model.module)}, options)


def _once(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a module by name; one that is used twice, as by tied weights, comes once."""
    seen = set[int]()
    for name, one in module.state_dict().items():
        if one.data_ptr() not in seen or not one.numel():
            seen.add(one.data_ptr())
            yield name, one


def own_weights(card: Artifact, artifact: Path) -> Mapping[str, torch.Tensor] | None:
    """All weights of an artifact's base model, where they were trained; for :class:`BaseModel`."""
    return read_tensors(artifact, ENCODER) if card.weights == "own" else None


def adapter_of(card: Artifact, artifact: Path, model: BaseModel) -> None:
    """Put an artifact's adapter, where it has one, into the weights of its base model for good.

    Raises:
        ModelError: it doesn't fit.
    """
    if card.weights != "adapter":
        return
    from peft import set_peft_model_state_dict

    tensors = read_tensors(artifact, ADAPTER)
    try:
        _adapt(model, int(card.options[RANK]), float(card.options[ALPHA]))
        found: Any = set_peft_model_state_dict(model.module, tensors)
        fits = not found.unexpected_keys and len(tensors) == sum(
            "lora_" in name for name, _ in model.module.named_parameters()
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{artifact / ADAPTER} doesn't fit {card.base.name} ({error}). "
            "Train again, or copy the model again."
        ) from error
    if not fits:
        raise ModelError(
            f"{artifact / ADAPTER} doesn't fit {card.base.name}. "
            "Train again, or copy the model again."
        )
    model.module = model.module.merge_and_unload().eval()


def _adapt(model: BaseModel, rank: int, alpha: float) -> None:
    from peft import LoraConfig, get_peft_model

    settings: dict[str, Any] = {
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": model.adapter.dropout,
        "target_modules": "all-linear",
    }
    if any("pooler" in name.split(".") for name, _ in model.module.named_modules()):
        settings["exclude_modules"] = r".*\bpooler\b.*"  # it has no part in what comes out
    with warnings.catch_warnings():
        # peft asks transformers by a name that was given up; nobody here can do anything about it.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        model.module = get_peft_model(model.module, LoraConfig(**settings))
