"""Pairs of answers, of which one is better: preference training of a language model (DPO)."""

from __future__ import annotations

from typing import Any

import torch

from ...shapes import Better, Example, Turns
from ..habits import PAIRED
from ..judging import difference
from ..loop import train
from ..stages import stage
from ..work import Learnt, Work
from .answers import base_of, finish
from .completion import Completion
from .course import plan_of
from .measuring import measured
from .pair_trainee import Known, Pair, PairTrainee, leads_of
from .reading import read_parts
from .sequences import longest_answer, spoken

__all__ = ["BETA", "learn"]

BETA = 0.1
#: The usual learning rate of a model of 576 dimensions.
RATE = 2e-4


def learn(work: Work) -> Learnt:
    """Train on pairs of answers and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    recipe = work.recipe
    model = base_of(recipe, "lora")
    work.timings.done("load")

    def read(example: Example) -> Pair | str:
        asked, target = example
        assert isinstance(asked, Turns)
        assert isinstance(target, Better)
        chosen = spoken(model.speech, asked, target.chosen, recipe.max_length)
        rejected = spoken(model.speech, asked, target.rejected, recipe.max_length)
        if isinstance(chosen, str):
            return chosen
        return rejected if isinstance(rejected, str) else Pair(chosen, rejected)

    rows, held_out = read_parts(work, PAIRED, read)
    work.timings.done("start")
    plan = plan_of(recipe, model, "lora", len(rows), PAIRED, RATE)
    module = Completion(model)
    module.eval()
    # The base model is this one without its adapter. What it says is needed once, of every pair.
    work.run.note_event("state", "reading what the base model prefers", {"rows": len(rows)})
    with model.module.disable_adapter():
        known, judged = (
            Known(pairs, leads_of(module, pairs, plan.course.tokens)) for pairs in (rows, held_out)
        )
    work.timings.done("embed")
    beta = recipe.settings.beta or BETA
    facts = {"rows": len(rows), "held_out": len(held_out), "precision": model.precision}
    work.run.note_event("state", "training", {**facts, "epochs": plan.course.epochs})
    trainee = PairTrainee(module, plan.groups, known, judged, beta, plan.course.tokens)
    outcome = train(trainee, plan.course, stage(work, "pairs", plan.course))
    work.timings.done("tune")
    metrics = _told(trainee.margins()) if held_out else {}
    plan = plan._replace(applied={**plan.applied, "beta": beta})
    learnt, kept = ([row for pair in pairs for row in pair] for pairs in (rows, held_out))
    did = measured(model, recipe, plan, outcome, learnt, kept, answers=2)
    return finish(work, model, plan, outcome, longest_answer([*learnt, *kept]), metrics, did)


def _told(margins: torch.Tensor) -> dict[str, Any]:
    """What training changed on pairs that weren't learnt from, where the base model has 0."""
    apart = difference(margins, torch.zeros_like(margins))
    return {
        "held_out_rows": len(margins),
        "held_out_margin": {"value": apart.mean, "low": apart.low, "high": apart.high},
        "held_out_better": float((margins > 0).float().mean()),
    }
