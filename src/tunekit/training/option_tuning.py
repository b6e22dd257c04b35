"""A scorer of options and how it learns: a head on frozen vectors first, then all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch

from ..shapes import Question
from .base_model import BaseModel
from .bi_encoder import BiEncoder
from .course import Course
from .cross_encoder import CrossEncoder
from .habits import RANKED
from .loop import train
from .option_judging import Judged, judged
from .option_rows import Lists
from .ranked_trainee import AT_ONCE, ListTrainee, scores_of
from .recipe import Settings
from .scorer import Features, Rates, Scorer
from .stages import stage
from .trained_weights import make_trainable
from .work import Progress, Work

__all__ = ["KINDS", "Kind", "Tuned", "frozen_features", "new_scorer", "tune"]

Kind = Literal["bi-encoder", "cross-encoder"]
KINDS: Mapping[Kind, Callable[[BaseModel], Scorer]] = {
    "bi-encoder": BiEncoder,
    "cross-encoder": CrossEncoder,
}

RATES = Rates(base=1e-4, head=1e-2, weight_decay=0.01)
#: Tokens that are computed at once, with their gradients.
CPU_TOKENS, GPU_TOKENS = 2_048, 16_384


class Tuned(NamedTuple):
    """What came of a training: the epochs that were kept, what the model says of the held-out
    rows, if there are any, and the value of every setting."""

    epochs: int
    judged: Judged | None
    applied: Mapping[str, Any]


def new_scorer(work: Work, kind: Kind) -> Scorer:
    """A scorer on the base model as it is.

    Raises:
        WeightsError: the base weights can't be loaded.
        ConfigError: this machine has no such device.
    """
    recipe = work.recipe
    model = BaseModel.of(recipe)
    return KINDS[kind](model)


def frozen_features(work: Work, scorer: Scorer, questions: Sequence[Question]) -> Features:
    """What the head of a new scorer sees of these questions, on the CPU."""
    progress = Progress(work.run, "reading", len(questions))
    read = scorer.read(questions)
    parts = []
    scorer.eval()
    with torch.no_grad():
        for start in range(0, len(read), AT_ONCE):
            parts.append(scorer.features(read[start : start + AT_ONCE]))
            progress(len(read[start : start + AT_ONCE]))
    return Features(
        torch.cat([part.values.cpu() for part in parts]),
        torch.cat([part.start.cpu() for part in parts]),
    )


def tune(
    work: Work, name: str, scorer: Scorer, rows: Lists, held_out: Lists | None, epochs: int
) -> Tuned:
    """Train all of a scorer, from its head as it is.

    Args:
        work: the training.
        name: of this stage of it.
        scorer: ends with the weights of its best epoch.
        rows: to learn from.
        held_out: to judge each epoch by, or ``None``.
        epochs: at the most.
    """
    settings = work.recipe.settings
    make_trainable(scorer.model, "full", settings)
    rates = _rates(settings)
    tokens = CPU_TOKENS if scorer.model.device.type == "cpu" else GPU_TOKENS
    course = Course(
        rows=len(rows.orders),
        epochs=epochs,
        batch_size=settings.batch_size or RANKED.batch_size,
        tokens=work.recipe.tokens_at_once or tokens,
        warmup=RANKED.warmup if settings.warmup is None else settings.warmup,
        seed=settings.seed,
    )
    facts = {"rows": course.rows, "epochs": epochs, "precision": scorer.model.precision}
    work.run.note_event("state", f"training ({name})", facts)
    outcome = train(ListTrainee(scorer, rates, rows, held_out), course, stage(work, name, course))
    found = None
    if held_out is not None:
        found = judged(scores_of(scorer, scorer.read(held_out.questions)), held_out.orders)
        said = f"{name}: {found.accuracy:.3f} of the held-out rows right"
        work.run.note_event("metric", said, {"stage": name, **found.metrics()})
    kept = max(1, round(outcome.kept / course.steps_per_epoch))
    applied = {
        "epochs": kept,
        "learning_rate": rates.base,
        "batch_size": course.batch_size,
        "warmup": course.warmup,
        "weight_decay": rates.weight_decay,
    }
    return Tuned(kept, found, applied)


def _rates(settings: Settings) -> Rates:
    base = settings.learning_rate or RATES.base
    decay = RATES.weight_decay if settings.weight_decay is None else settings.weight_decay
    # The head keeps its distance from the base model.
    return Rates(base, RATES.head * base / RATES.base, decay)
