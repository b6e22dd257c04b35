"""How long a language model is trained, and how fast: what all its learners share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from ..course import Course
from ..habits import Habit
from ..language_costs import CPU_TOKENS, GPU_TOKENS
from ..loop import Group
from ..recipe import Recipe
from ..trained_weights import make_trainable, trainable
from .language_model import LanguageModel

__all__ = ["Plan", "plan_of"]

#: Learning rates for a model of 576 dimensions; a larger one wants less, in proportion.
OF_DIMENSIONS = 576


class Plan(NamedTuple):
    """A model whose gradients are on, and how it is going to be trained."""

    groups: list[Group]
    course: Course
    applied: Mapping[str, Any]


def plan_of(
    recipe: Recipe,
    model: LanguageModel,
    weights: Literal["full", "lora"],
    rows: int,
    habit: Habit,
    rate: float,
) -> Plan:
    """Let gradients into a model, and say how it is trained; what the recipe sets counts.

    Args:
        recipe: of the training.
        model: its module gets an adapter for ``"lora"``.
        weights: that are trained.
        rows: to learn from.
        habit: of this kind of training.
        rate: the usual learning rate of a model of 576 dimensions.
    """
    settings = recipe.settings
    make_trainable(model, weights, settings)
    if recipe.save_memory:
        model.save_memory()
    usual = rate * OF_DIMENSIONS / model.dimensions
    learning_rate = settings.learning_rate or usual
    decay = habit.weight_decay if settings.weight_decay is None else settings.weight_decay
    tokens = CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS
    course = Course(
        rows=rows,
        epochs=habit.epochs(rows, settings),
        batch_size=settings.batch_size or habit.batch_size,
        tokens=recipe.tokens_at_once or tokens,
        warmup=habit.warmup if settings.warmup is None else settings.warmup,
        seed=settings.seed,
    )
    applied = {
        "epochs": course.epochs,
        "learning_rate": learning_rate,
        "batch_size": course.batch_size,
        "warmup": course.warmup,
        "weight_decay": decay,
    }
    if weights == "lora":
        rank = settings.lora_rank or model.adapter.rank
        alpha = settings.lora_alpha or rank * model.adapter.alpha / model.adapter.rank
        applied |= {"lora_rank": rank, "lora_alpha": alpha}
    return Plan([Group(list(trainable(model)), learning_rate, decay)], course, applied)
