"""Texts with labelled spans: an encoder tags tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch

from ..errors import ModelError
from .answering_spans import WHOLE_WORDS
from .artifact import write_artifact
from .base_model import BaseModel
from .card import HEAD, Artifact
from .course import Course
from .habits import SPANNED
from .loop import Group, Outcome, train
from .recipe import Recipe
from .span_judging import SpanJudge, Verdict, whole_by_count
from .span_reader import SpanReader
from .span_rows import Prepared, Row, hold_out, known_labels, prepare, rows_of
from .span_tagger import SpanTagger, Tagger
from .stages import clear_stages, stage
from .trained_weights import make_trainable, taken_from
from .windows import Windows
from .work import Learnt, Work

__all__ = ["learn"]

#: Rows that are judged, where more are given.
JUDGED_MOST = 2_000
LEARNING_RATE = {"full": 3e-4, "lora": 1e-3}
CPU_TOKENS_AT_ONCE, GPU_TOKENS_AT_ONCE = 2_048, 16_384


class Parts(NamedTuple):
    """Rows to train on, and rows to judge by."""

    train: list[Row]
    judged: list[Row]


def learn(work: Work) -> Learnt:
    """Train on spanned Examples and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    run, recipe, timings = work.run, work.recipe, work.timings
    rows = rows_of(work.train)
    labels = known_labels(rows, recipe.labels)
    if absent := [label for label in recipe.labels if label not in labels]:
        run.note_event(
            "log",
            "No training row has spans of these labels, so they will never be predicted: "
            + ", ".join(map(repr, absent)),
        )
    timings.done("start")
    run.note_event("state", "loading the base model", {"base": recipe.base.name})
    model = BaseModel.of(recipe)
    timings.done("load")
    run.note_event("state", "training", {"rows": len(rows), "precision": model.precision})
    training = _Training(work, model, labels, _parts(work, rows))
    outcome = training.run()
    verdict = training.verdict()
    timings.done("train")
    _write(work, model, training, labels, verdict)
    clear_stages(work)
    return Learnt(
        temperature=verdict.temperature,
        applied={**training.applied(), WHOLE_WORDS: verdict.whole_words},
        metrics={**training.metrics(outcome, verdict), **verdict.metrics},
        measured={},
    )


class _Training:
    """One training of a tagger, from its rows to how it answers."""

    def __init__(self, work: Work, model: BaseModel, labels: tuple[str, ...], parts: Parts) -> None:
        recipe = work.recipe
        self._work, self._model, self._parts = work, model, parts
        windows = Windows(model.tokenizer, recipe.max_length)
        self._rows = prepare(parts.train, labels, windows)
        _note_losses(work, self._rows)
        settings = recipe.settings
        examples = len(self._rows.tagged)
        if not examples:
            raise ModelError("no training text has a token, so nothing can be learnt. Add texts.")
        on_cpu = model.device.type == "cpu"
        self.course = Course(
            rows=examples,
            epochs=SPANNED.epochs(examples, settings),
            batch_size=settings.batch_size or SPANNED.batch_size,
            tokens=recipe.tokens_at_once or (CPU_TOKENS_AT_ONCE if on_cpu else GPU_TOKENS_AT_ONCE),
            warmup=SPANNED.warmup if settings.warmup is None else settings.warmup,
            seed=settings.seed,
        )
        torch.manual_seed(settings.seed)
        make_trainable(model, _method(recipe), settings)
        self.module = Tagger(model, 2 * len(labels) + 1)
        self._usually = whole_by_count(self._rows.counts.spans, self._rows.counts.cut_words)
        self._judge: SpanJudge | None = None
        if parts.judged:
            reader = SpanReader(windows, self.module, model.device)
            judged = prepare(parts.judged, labels, windows, keep=True)
            self._judge = SpanJudge(reader, judged, labels, usually=self._usually)

    def run(self) -> Outcome:
        """Train; the best weights are then in the module."""
        groups = _groups(self.module, self._work.recipe)
        # States in the middle of a course, before the learning rate has fallen, are worth comparing
        # only where somebody gave rows for it: a small part of a small set picks the luckiest.
        given = self._work.validation is not None
        judge = self._judge.losses if self._judge and given else _nothing
        trainee = SpanTagger(self._model, self.module, self._rows.tagged, groups, judge)
        return train(trainee, self.course, stage(self._work, "tagger", self.course))

    def verdict(self) -> Verdict:
        """How to answer: by the rows that judge, else by the spans that were given."""
        return self._judge.verdict() if self._judge else Verdict(self._usually, None, {})

    def applied(self) -> dict[str, Any]:
        """Every setting that played a part."""
        recipe, course = self._work.recipe, self.course
        return {
            "seed": course.seed,
            "max_length": recipe.max_length,
            "epochs": course.epochs,
            "learning_rate": _learning_rate(recipe),
            "batch_size": course.batch_size,
            "warmup": course.warmup,
            "weight_decay": _weight_decay(recipe),
        }

    def metrics(self, outcome: Outcome, verdict: Verdict) -> dict[str, Any]:
        """What was trained on, and what became of it."""
        counts = self._rows.counts
        return {
            "trained_rows": len(self._parts.train),
            "steps": outcome.steps,
            "kept_step": outcome.kept,
            "skipped_steps": outcome.skipped,
            "alignment": counts._asdict(),
            "recall_ceiling": counts.ceiling(words=verdict.whole_words),
        }


def _nothing() -> None:
    """Judges nothing."""


def _parts(work: Work, rows: list[Row]) -> Parts:
    """Which rows are trained on, and which judge: those given, else a small part."""
    chance = random.Random(f"{work.recipe.settings.seed} held out")  # noqa: S311 - no secret
    if work.validation is not None:
        judged = rows_of(work.validation)
        if len(judged) > JUDGED_MOST:
            judged = chance.sample(judged, JUDGED_MOST)
        return Parts(rows, judged)
    count = SPANNED.left_out(len(rows))
    if not count:
        return Parts(rows, [])
    out = hold_out(rows, count, chance)
    return Parts(
        [row for place, row in enumerate(rows) if place not in out],
        [row for place, row in enumerate(rows) if place in out],
    )


def _note_losses(work: Work, rows: Prepared) -> None:
    """Say what of the rows can't be learnt."""
    counts = rows.counts
    said = [
        (counts.overlapping, "spans overlap longer ones, which were kept instead of them"),
        (counts.misaligned, "spans begin or end within a token, and are learnt a little longer"),
        (counts.unread_context, "contexts are too long to be read to their end"),
        (counts.long, "texts are longer than max_length, and are read in windows"),
    ]
    for count, what in said:
        if count:
            work.run.note_event("log", f"{count} {what}.", counts._asdict())


def _method(recipe: Recipe) -> Literal["full", "lora"]:
    return "lora" if recipe.method == "lora" else "full"


def _learning_rate(recipe: Recipe) -> float:
    return recipe.settings.learning_rate or LEARNING_RATE[_method(recipe)]


def _weight_decay(recipe: Recipe) -> float:
    given = recipe.settings.weight_decay
    return SPANNED.weight_decay if given is None else given


def _groups(module: Tagger, recipe: Recipe) -> Sequence[Group]:
    """Matrices decay, biases and norms don't."""
    rate = _learning_rate(recipe)
    trained = [one for one in module.parameters() if one.requires_grad]
    matrices = [one for one in trained if one.ndim > 1]
    others = [one for one in trained if one.ndim <= 1]
    return [Group(matrices, rate, _weight_decay(recipe)), Group(others, rate, 0.0)]


def _write(
    work: Work, model: BaseModel, training: _Training, labels: tuple[str, ...], verdict: Verdict
) -> None:
    recipe = work.recipe
    trained = taken_from(model)
    card = Artifact(
        method=_method(recipe),
        shape=recipe.shape,
        weights=trained.weights,
        labels=labels,
        base=recipe.base,
        max_length=recipe.max_length,
        precision=model.precision,
        temperature=verdict.temperature,
        options={**trained.options, WHOLE_WORDS: verdict.whole_words},
    )
    head = training.module.head.state_dict()
    write_artifact(work.run.artifact, card, {**trained.files, HEAD: head})
