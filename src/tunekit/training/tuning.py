"""A classifier's encoder, tuned from a head on: a trial that is judged, then the rows it left out.

What was held out decides whether tuning helps, when to stop and how sure the model may be. After
that it is too good to be left unused. A second training on all rows would cost as much as the
first; so the one there is goes on with the rows that were held out and as many of the others, so
that those aren't forgotten.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch.nn.functional import cross_entropy

from .base_model import BaseModel
from .classifier import Classifier, ClassifierTrainee, Labelled, Rates
from .course import Course
from .habits import ENOUGH, LABELLED
from .head import Head, Split, temperature_of
from .judging import Difference, difference
from .loop import train
from .recipe import Recipe, Settings
from .stages import stage
from .trained_weights import make_trainable, trainable
from .tuning_costs import Tuning
from .work import Work

__all__ = ["Decision", "Judged", "Tuned", "counted", "decide", "go_on", "judged", "tune"]

#: For an encoder of 384 dimensions; a larger one wants less, by the square of its dimensions.
LEARNING_RATE, OF_DIMENSIONS = 2e-4, 384
#: How much faster an adapter learns than the weights themselves, and a head than its encoder.
ADAPTER, HEAD = 5.0, 50.0
#: How much slower the second part learns: as fast as at the end of the first, about. At half the
#: rate it cost half a point of accuracy on banking77, at a tenth it gained 0.1 to 0.6.
GOING_ON = 0.1
#: Tokens that go through the model at once.
CPU_TOKENS, GPU_TOKENS = 2_048, 32_768


class Judged(NamedTuple):
    """What a model does on held-out rows, at its own temperature: the loss of each row."""

    temperature: float
    losses: torch.Tensor
    accuracy: float

    def metrics(self) -> dict[str, float]:
        """As events and results have it."""
        return {
            "held_out_rows": len(self.losses),
            "held_out_accuracy": self.accuracy,
            "held_out_log_loss": float(self.losses.mean()),
        }


def judged(logits: torch.Tensor, truth: Sequence[int]) -> Judged:
    """Judge logits, (rows, classes), by the classes of the rows."""
    target = torch.tensor(truth)
    temperature = temperature_of(logits, target)
    scaled = logits / temperature
    accuracy = float((scaled.argmax(1) == target).float().mean())
    return Judged(temperature, cross_entropy(scaled, target, reduction="none"), accuracy)


class Decision(NamedTuple):
    """Whether tuning is taken rather than the head, and why, in words.

    ``apart`` is how much larger the losses of tuning are than those of the head.
    """

    tuned: bool
    apart: Difference
    words: str


def decide(head: Judged, tuned: Judged, rows: int) -> Decision:
    """Head or tuning, by their losses on the same held-out rows and by what is usual.

    Tuning mostly helps where there are rows enough, and a few hundred held-out rows are too few to
    see it. So from 1,000 rows on it is taken unless the 95 % interval of the paired difference says
    that it is worse; with fewer rows, only if the interval says that it is better.

    Args:
        head: what the head does.
        tuned: what the tuned model does.
        rows: to learn from, those that were held out among them.
    """
    apart = difference(tuned.losses, head.losses)
    shown = f"log loss {apart.mean:+.4f} against the head's [{apart.low:+.4f}, {apart.high:+.4f}]"
    if rows >= ENOUGH:
        taken = apart.low <= 0  # nothing that isn't a number is taken
        prior = f"from {ENOUGH:,} rows on it is taken unless it is clearly worse"
    else:
        taken = apart.high < 0
        prior = f"below {ENOUGH:,} rows it is taken only if it is clearly better"
    verdict = "fine-tuning" if taken else "the head"
    return Decision(taken, apart, f"took {verdict}: {shown} on held-out rows; {prior}")


class Tuned(NamedTuple):
    """A tuned classifier after its trial.

    ``judged`` is ``None`` where no row could be held out. ``applied`` has the settings.
    """

    trainee: ClassifierTrainee
    judged: Judged | None
    epochs: int
    applied: dict[str, Any]


def tune(
    work: Work,
    model: BaseModel,
    method: Literal["full", "lora"],
    head: Head,
    rows: Labelled,
    judge: Labelled,
    class_weights: torch.Tensor | None,
) -> Tuned:
    """Tune an encoder from this head on, and judge it.

    Args:
        work: whose recipe has the settings.
        model: the encoder. Its weights change.
        method: all of them, or an adapter.
        head: fitted to the encoder's vectors of these rows.
        rows: to learn from.
        judge: rows to judge by; may be empty.
        class_weights: of each class in the loss.
    """
    settings = work.recipe.settings
    make_trainable(model, method, settings)
    rates = _rates(settings, model, method)
    tokens = _tokens(work.recipe, model)
    module = Classifier(model, head)
    trainee = ClassifierTrainee(
        model, module, rows, judge, rates, tokens=tokens, class_weights=class_weights
    )
    course = _course(settings, len(rows.truth), tokens)
    outcome = train(trainee, course, stage(work, "tuning", course))
    found = judged(trainee.judged_logits(), judge.truth) if judge.truth else None
    applied = {
        "epochs": course.epochs,
        "learning_rate": rates.encoder,
        "batch_size": course.batch_size,
        "warmup": course.warmup,
        "weight_decay": rates.weight_decay,
    }
    return Tuned(trainee, found, max(1, outcome.kept // course.steps_per_epoch), applied)


def go_on(work: Work, model: BaseModel, tuned: Tuned, rows: Labelled, split: Split) -> Tuned:
    """Learn from the rows that were held out, too, with as many of the others."""
    settings = work.recipe.settings
    chance = random.Random(settings.seed)  # noqa: S311 - no secret
    again = chance.sample(split.fitted, min(len(split.fitted), len(split.held_out)))
    rest = rows.at(sorted([*split.held_out, *again]))
    trainee = tuned.trainee.going_on(rest, GOING_ON)
    course = _course(settings, len(rest.truth), _tokens(work.recipe, model))._replace(
        epochs=tuned.epochs
    )
    train(trainee, course, stage(work, "going-on", course))
    return tuned._replace(trainee=trainee)


def counted(model: BaseModel, tuned: Tuned) -> Tuning:
    """What went through the encoder so far."""
    parameters = sum(one.numel() for one in trainable(model))
    return tuned.trainee.counts._replace(parameters=parameters)


def _rates(settings: Settings, model: BaseModel, method: Literal["full", "lora"]) -> Rates:
    usual = LEARNING_RATE * (OF_DIMENSIONS / model.dimensions) ** 2
    whole = settings.learning_rate or usual * (ADAPTER if method == "lora" else 1)
    head = HEAD * (whole / ADAPTER if method == "lora" else whole)
    decay = LABELLED.weight_decay if settings.weight_decay is None else settings.weight_decay
    return Rates(whole, head, decay)


def _tokens(recipe: Recipe, model: BaseModel) -> int:
    return recipe.tokens_at_once or (CPU_TOKENS if model.device.type == "cpu" else GPU_TOKENS)


def _course(settings: Settings, rows: int, tokens: int) -> Course:
    return Course(
        rows,
        LABELLED.epochs(rows, settings),
        settings.batch_size or LABELLED.batch_size,
        tokens,
        warmup=LABELLED.warmup if settings.warmup is None else settings.warmup,
        seed=settings.seed,
    )
