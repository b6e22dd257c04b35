"""Conversations with their answers: supervised fine-tuning of a language model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch

from ...errors import ModelError
from ...shapes import Example, Said, Turns
from ..artifact import write_artifact
from ..card import Artifact
from ..habits import SPOKEN
from ..loop import train
from ..recipe import Recipe
from ..stages import clear_stages, stage
from ..trained_weights import taken_from
from ..work import Learnt, Work
from .answer_trainee import AnswerTrainee
from .completion import Completion
from .course import plan_of
from .language_model import LanguageModel, QuantisedModel
from .sequences import Spoken, longest_answer, spoken

__all__ = ["base_of", "learn", "room_for", "weights_of"]

#: The usual learning rates of an adapter and of all weights, for a model of 576 dimensions.
RATES = {"lora": 1e-3, "full": 1e-4}
#: Rows that are named where some can't be learnt from.
NAMED = 10


def learn(work: Work) -> Learnt:
    """Train on conversations and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    recipe = work.recipe
    weights = weights_of(recipe)
    model = base_of(recipe, weights)
    work.timings.done("load")
    rows, held_out = _rows(work, model)
    plan = plan_of(recipe, model, weights, len(rows), SPOKEN, RATES[weights])
    module = Completion(model)
    facts = {"rows": len(rows), "held_out": len(held_out), "precision": model.precision}
    work.run.note_event("state", "training", {**facts, "epochs": plan.course.epochs})
    trainee = AnswerTrainee(module, plan.groups, rows, held_out, plan.course.tokens)
    outcome = train(trainee, plan.course, stage(work, "answers", plan.course))
    work.timings.done("tune")
    metrics = _judged(outcome.judged, held_out)
    trained = taken_from(model)
    card = Artifact(
        method=recipe.method,
        shape=recipe.shape,
        weights=trained.weights,
        labels=(),
        base=recipe.base,
        max_length=recipe.max_length,
        precision=model.precision,
        temperature=None,
        options={**trained.options, "room": room_for(longest_answer([*rows, *held_out]))},
    )
    write_artifact(work.run.artifact, card, trained.files)
    clear_stages(work)
    kept = max(1, round(outcome.kept / plan.course.steps_per_epoch))
    return Learnt(
        temperature=None,
        applied={
            "method": recipe.method,
            "seed": recipe.settings.seed,
            "max_length": recipe.max_length,
            **plan.applied,
            "epochs": kept,
        },
        metrics={"learnt_tokens": sum(row.learnt for row in rows) * kept, **metrics},
        measured={},
    )


def weights_of(recipe: Recipe) -> Literal["full", "lora"]:
    """The weights that a method trains."""
    return "full" if recipe.method == "full" else "lora"


def base_of(recipe: Recipe, weights: Literal["full", "lora"]) -> LanguageModel:
    """The base model of a training; frozen weights are kept as narrow as they are computed.

    Raises:
        WeightsError: it can't be loaded.
        ConfigError: this machine has no such device.
    """
    kind = QuantisedModel if recipe.method == "qlora" else LanguageModel
    return kind.of(recipe, narrow=weights == "lora")


def room_for(longest: int) -> int:
    """The tokens that an answer may have, by the longest that was learnt from."""
    return 2 * longest + 16


class _Read(NamedTuple):
    rows: list[Spoken]
    left_out: list[int]
    why: str


def _rows(work: Work, model: LanguageModel) -> tuple[list[Spoken], list[Spoken]]:
    """Rows to learn from, and rows to judge by."""
    read = _read(model, work.train, work.recipe.max_length)
    _say(work, read, "rows")
    if not read.rows:
        raise ModelError(
            f"none of {len(work.train)} rows can be learnt from: {read.why}. Shorten them, raise "
            "max_length, or take another base model."
        )
    work.timings.done("start")
    if work.validation is not None:
        judged = _read(model, work.validation, work.recipe.max_length)
        _say(work, judged, "validation rows")
        return read.rows, judged.rows
    aside = SPOKEN.left_out(len(read.rows))
    if not aside:
        return read.rows, []
    chance = random.Random(work.recipe.settings.seed)  # noqa: S311 - no secret
    out = set(chance.sample(range(len(read.rows)), aside))
    learnt = [row for place, row in enumerate(read.rows) if place not in out]
    return learnt, [read.rows[place] for place in sorted(out)]


def _read(model: LanguageModel, examples: Sequence[Example], limit: int) -> _Read:
    rows, left_out, why = list[Spoken](), list[int](), ""
    for place, (asked, target) in enumerate(examples):
        assert isinstance(asked, Turns)
        assert isinstance(target, Said)
        row = spoken(model.speech, asked, target.text, limit)
        if isinstance(row, str):
            left_out.append(place)
            why = why or row
        else:
            rows.append(row)
    return _Read(rows, left_out, why)


def _say(work: Work, read: _Read, what: str) -> None:
    if read.left_out:
        named = ", ".join(map(str, read.left_out[:NAMED]))
        more = f" and {len(read.left_out) - NAMED} more" * (len(read.left_out) > NAMED)
        work.run.note_event(
            "log",
            f"{len(read.left_out)} {what} are left out ({named}{more}): {read.why}, for one.",
            {"left_out": read.left_out[:1_000]},
        )


def _judged(losses: torch.Tensor | None, held_out: Sequence[Spoken]) -> dict[str, Any]:
    if losses is None:
        return {}
    return {"held_out_rows": len(held_out), "held_out_loss": float(losses.mean())}
