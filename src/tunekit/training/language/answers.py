"""Conversations with their answers: supervised fine-tuning of a language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import torch

from ...shapes import Example, Said, Turns
from ..artifact import write_artifact
from ..card import Artifact
from ..habits import SPOKEN
from ..loop import Outcome, train
from ..recipe import Recipe
from ..stages import clear_stages, stage
from ..trained_weights import taken_from
from ..work import Learnt, Work
from .answer_trainee import AnswerTrainee, Row
from .completion import Completion
from .course import Plan, plan_of
from .language_model import LanguageModel, QuantisedModel
from .measuring import measured
from .reading import read_parts
from .sequences import spoken

__all__ = ["base_of", "finish", "learn", "teach"]

M = TypeVar("M", bound=LanguageModel)

#: The usual learning rates of an adapter and of all weights, for a model of 576 dimensions.
RATES = {"lora": 1e-3, "full": 1e-4}


def learn(work: Work) -> Learnt:
    """Train on conversations and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    recipe = work.recipe
    weights: Literal["full", "lora"] = "full" if recipe.method == "full" else "lora"
    model = base_of(recipe, weights)
    work.timings.done("load")

    def read(example: Example) -> Any:
        asked, target = example
        assert isinstance(asked, Turns)
        assert isinstance(target, Said)
        return spoken(model.speech, asked, target.text, recipe.max_length)

    rows, held_out = read_parts(work, SPOKEN, read)
    work.timings.done("start")
    return teach(work, model, weights, Completion, rows, held_out)


def teach(
    work: Work,
    model: M,
    weights: Literal["full", "lora"],
    surprise: Callable[[M], torch.nn.Module],
    rows: Sequence[Row],
    held_out: Sequence[Row],
) -> Learnt:
    """Train a model on what it is to say and write the artifact.

    Args:
        work: the training.
        model: whose weights change.
        weights: all of them, or an adapter.
        surprise: makes of the model, once it is ready to be trained, what gives the loss of each
            token that is learnt (see :class:`.answer_trainee.AnswerTrainee`).
        rows: to learn from.
        held_out: to judge by; may be empty.
    """
    recipe = work.recipe
    plan = plan_of(recipe, model, weights, len(rows), SPOKEN, RATES[weights])
    facts = {"rows": len(rows), "held_out": len(held_out), "precision": model.precision}
    work.run.note_event("state", "training", {**facts, "epochs": plan.course.epochs})
    trainee = AnswerTrainee(surprise(model), plan.groups, rows, held_out, plan.course.tokens)
    outcome = train(trainee, plan.course, stage(work, "answers", plan.course))
    work.timings.done("tune")
    metrics: dict[str, Any] = {"learnt_tokens": sum(row.learnt for row in rows)}
    if outcome.judged is not None:
        metrics["held_out_rows"] = len(held_out)
        metrics["held_out_loss"] = float(outcome.judged.mean())
    longest = max(row.learnt for row in [*rows, *held_out])
    did = measured(model, recipe, plan, outcome, rows, held_out)
    return finish(work, model, plan, outcome, longest, metrics, did)


def base_of(recipe: Recipe, weights: Literal["full", "lora"]) -> LanguageModel:
    """The base model of a training; frozen weights are kept as narrow as they are computed.

    Raises:
        WeightsError: it can't be loaded.
        ConfigError: this machine has no such device.
    """
    kind = QuantisedModel if recipe.method == "qlora" else LanguageModel
    return kind.of(recipe, narrow=weights == "lora")


def finish(
    work: Work,
    model: LanguageModel,
    plan: Plan,
    outcome: Outcome,
    longest: int,
    metrics: dict[str, Any],
    did: dict[str, Any],
) -> Learnt:
    """Write what was learnt.

    Args:
        work: the training.
        model: with what was trained of it.
        plan: how it was trained.
        outcome: of that.
        longest: tokens of the longest answer that was learnt.
        metrics: to be told.
        did: what was measured, for later plans.
    """
    recipe, trained = work.recipe, taken_from(model)
    card = Artifact(
        method=recipe.method,
        shape=recipe.shape,
        weights=trained.weights,
        labels=(),
        base=recipe.base,
        max_length=recipe.max_length,
        precision=model.precision,
        temperature=None,
        # An answer that is much longer than all that was learnt doesn't end by itself.
        options={**trained.options, "room": 2 * longest + 16},
    )
    write_artifact(work.run.artifact, card, trained.files)
    clear_stages(work)
    return Learnt(
        temperature=None,
        applied={
            "method": recipe.method,
            "seed": recipe.settings.seed,
            "max_length": recipe.max_length,
            **plan.applied,
            "epochs": max(1, round(outcome.kept / plan.course.steps_per_epoch)),
        },
        metrics=metrics,
        measured=did,
    )
