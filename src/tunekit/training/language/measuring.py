"""What training a language model did, for the plans of later trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..language_costs import Body, foreseen, heard
from ..loop import Outcome
from ..recipe import Recipe
from ..timings import machine_name, peak_memory
from .answer_trainee import Row
from .course import Plan
from .language_model import LanguageModel

__all__ = ["body_of", "measured"]


def measured(
    model: LanguageModel,
    recipe: Recipe,
    plan: Plan,
    outcome: Outcome,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    *,
    answers: int = 1,
) -> dict[str, Any]:
    """What was done, where, and with how much memory: as :mod:`tunekit.backends.trainer.pace` reads
    it.

    Args:
        model: that was trained.
        recipe: of the training.
        plan: how it was trained.
        outcome: of that.
        rows: answers that were learnt from, with their prompts.
        held_out: answers that it was judged by.
        answers: of an example: two of a pair, of which each is compared with the base model's.
    """
    course = plan.course
    speaking = foreseen(
        heard((len(row.ids), row.learnt) for row in rows),
        heard((len(row.ids), row.learnt) for row in held_out),
        steps=outcome.steps,
        epochs=outcome.steps / course.steps_per_epoch,
        batch_size=answers * course.batch_size,
        budget=course.tokens,
        parameters=sum(one.numel() for group in plan.groups for one in group.parameters),
        compared=answers > 1,
    )
    return {
        "machine": machine_name(),
        "method": recipe.method,
        "base": recipe.base.name,
        "max_length": recipe.max_length,
        "device": model.device.type,
        "precision": model.precision,
        "threads": torch.get_num_threads(),
        "anew": recipe.save_memory,
        "body": body_of(model)._asdict(),
        "speaking": speaking._asdict(),
        "memory": peak_memory(),
    }


def body_of(model: LanguageModel) -> Body:
    """How large a model is."""
    config = model.module.config.get_text_config()
    layers = int(config.num_hidden_layers)
    heads = int(config.num_attention_heads)
    stated = getattr(config, "head_dim", None) or getattr(config, "d_kv", None)
    head = int(stated or model.dimensions // heads)
    inner = getattr(config, "intermediate_size", None) or getattr(config, "d_ff", None)
    return Body(
        dimensions=model.dimensions,
        layers=layers,
        inner=int(inner or 4 * model.dimensions),
        queries=heads * head,
        keys=int(getattr(config, "num_key_value_heads", None) or heads) * head,
        vocabulary=model.vocabulary,
        sides=2 if config.is_encoder_decoder else 1,
    )
