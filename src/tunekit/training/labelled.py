"""Texts with labels: a head on frozen embeddings, or the encoder tuned from that head on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from .artifact import Tensors, write_artifact
from .cache import cache_file
from .card import HEAD, Artifact
from .classifier import Labelled
from .costs import head_fitting
from .counting import CountingEncoder
from .encoder import Encoder
from .habits import LABELLED
from .head import ROUGH, Fitted, Head, Split, balanced, fit, hold_out, solve
from .labelled_rows import Known, embedded, labels_with_rows, rows_of
from .loop import Diverged
from .parallel import agreed
from .recipe import Recipe
from .stages import clear_stages
from .timings import measured
from .trained_weights import Trained, taken_from
from .tuning import Decision, Judged, Tuned, counted, decide, go_on, judged, tune
from .work import Learnt, Work

__all__ = ["learn"]

#: ``C = 1 / (weight_decay * rows)`` of the head that tuning starts from. Of 3, 10 and 30 (the best
#: for the head alone) the smaller ones left lower log losses on banking77's test rows, one seed.
FLAT = 3.0
UNTOUCHED = Trained("base", {}, {})


def learn(work: Work) -> Learnt:
    """Train on labelled Examples and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    run, recipe, timings = work.run, work.recipe, work.timings
    rows = rows_of(work.train)
    validation = None if work.validation is None else rows_of(work.validation)
    labels = labels_with_rows(recipe, rows, run)
    timings.done("start")
    run.note_event("state", "loading the base model", {"base": recipe.base.name})
    encoder = CountingEncoder.of(recipe)
    timings.done("load")
    run.note_event("state", "embedding", {"rows": len(rows.texts), "precision": encoder.precision})
    known = embedded(encoder, recipe, rows, validation, labels, run)
    timings.done("embed")
    weights = None
    if recipe.settings.class_weights:
        weights = balanced(known.truth[: known.rows], len(labels))
    if recipe.method == "head":
        learnt = _head(work, encoder, known, weights)
    else:
        learnt = _tuned(work, encoder, known, weights)
    clear_stages(work)
    return learnt


# --- a head ---------------------------------------------------------------------------------------


def _head(
    work: Work,
    encoder: CountingEncoder,
    known: Known,
    weights: torch.Tensor | None,
    metrics: Mapping[str, Any] | None = None,
) -> Learnt:
    recipe = work.recipe
    work.run.note_event("state", "fitting the head", {"labels": len(known.labels)})
    if recipe.method == "head" and recipe.trackers:
        work.run.note_event("log", "A head is solved at once: trackers hear of no steps.")
    fitted = _fitted(work, known, Split(list(range(known.rows)), []), weights)
    _write(work, encoder, known.labels, fitted.head, fitted.temperature)
    work.timings.done("fit")
    return Learnt(
        temperature=fitted.temperature,
        applied={
            "method": "head",
            "seed": recipe.settings.seed,
            "max_length": recipe.max_length,
            "weight_decay": fitted.weight_decay,
        },
        metrics={**fitted.metrics, **(metrics or {})},
        # After a trial of tuning the times are those of both.
        measured={} if metrics else _measured(recipe, encoder, known),
    )


def _fitted(work: Work, known: Known, split: Split, weights: torch.Tensor | None) -> Fitted:
    """A head on the fitted rows of a split, judged by its other rows or those of the user."""
    held_out = known.judging
    if split.held_out:
        held_out = known.vectors[split.held_out], [known.truth[one] for one in split.held_out]
    settings = work.recipe.settings
    return fit(
        known.vectors[split.fitted],
        [known.truth[one] for one in split.fitted],
        len(known.labels),
        # Where an encoder is tuned as well, it is the encoder's.
        weight_decay=settings.weight_decay if work.recipe.method == "head" else None,
        seed=settings.seed,
        texts=[known.texts[one] for one in split.fitted],
        validation=held_out,
        class_weights=weights,
        report=lambda message, data: work.run.note_event("metric", message, data),
    )


# --- a tuned encoder ------------------------------------------------------------------------------


def _tuned(
    work: Work, encoder: CountingEncoder, known: Known, weights: torch.Tensor | None
) -> Learnt:
    recipe, run = work.recipe, work.run
    split = _split(known, recipe.settings.seed)
    judging = split.held_out or list(range(known.rows, len(known.truth)))
    if recipe.method == "auto" and not judging:
        why = "took the head: no row could be held out, as every label has only one"
        run.note_event("log", f"auto {why}.")
        return _head(work, encoder, known, weights, {"auto": {"took": "head", "why": why}})
    run.note_event("state", "fitting the head", {"labels": len(known.labels)})
    start = _fitted(work, known, split, weights)
    flat = _flat(known, split, start.head, weights)
    work.timings.done("fit")
    method: Literal["full", "lora"] = "lora" if recipe.method == "lora" else "full"
    run.note_event("state", "tuning the encoder", {"rows": len(split.fitted)})
    rows = _read(encoder, known)
    try:
        tuned = tune(work, encoder, method, flat, rows.at(split.fitted), rows.at(judging), weights)
    except Diverged as error:
        if recipe.method != "auto":
            raise
        why = f"took the head: {error}"
        run.note_event("log", f"auto {why}")
        return _head(work, encoder, known, weights, {"auto": {"took": "head", "why": why}})
    work.timings.done("tune")
    metrics: dict[str, Any] = {} if tuned.judged is None else tuned.judged.metrics()
    if recipe.method == "auto" and tuned.judged is not None:
        truth = [known.truth[place] for place in judging]
        head = judged(start.head.logits(known.vectors[judging]), truth)
        decision = decide(head, tuned.judged, known.rows)
        metrics["auto"] = _said(decision, head, tuned.judged)
        run.note_event("log", f"auto {decision.words}.", metrics["auto"])
        if not agreed(decision.tuned):
            return _head(work, encoder, known, weights, {"auto": metrics["auto"]})
    if split.held_out:
        run.note_event("state", "learning the held-out rows", {"rows": len(split.held_out)})
        tuned = go_on(work, encoder, tuned, rows, split)
    temperature = tuned.judged.temperature if tuned.judged else None
    head_now = tuned.trainee.module.head
    _write(work, encoder, known.labels, head_now, temperature, taken_from(encoder), method)
    work.timings.done("tune")
    return Learnt(
        temperature=temperature,
        applied={
            "method": method,
            "seed": recipe.settings.seed,
            "max_length": recipe.max_length,
            **tuned.applied,
        },
        metrics=metrics,
        measured=_measured(recipe, encoder, known, len(judging), tuned),
    )


def _flat(known: Known, split: Split, head: Head, weights: torch.Tensor | None) -> Head:
    """A head that is less sure than the best one, for the encoder to be tuned from.

    The best one leaves small losses, and small gradients of the rows that it has by heart.
    """
    return solve(
        known.vectors[split.fitted],
        torch.tensor([known.truth[one] for one in split.fitted]),
        len(known.labels),
        weight_decay=1 / (FLAT * len(split.fitted)),
        start=head,
        tolerance=ROUGH,
        class_weights=weights,
    )


def _split(known: Known, seed: int) -> Split:
    """Rows to learn from, and rows to judge by where the user has named none."""
    if known.judging:
        return Split(list(range(known.rows)), [])
    parts = hold_out(known.truth, seed, texts=known.texts, most=LABELLED.held_out_most)
    return parts[0] if parts else Split(list(range(known.rows)), [])


def _read(encoder: Encoder, known: Known) -> Labelled:
    encoded = encoder.tokenizer.encode_batch_fast(known.texts)
    # A tokenizer without special tokens makes nothing of an empty text.
    return Labelled([one.ids or [0] for one in encoded], known.truth)


def _said(decision: Decision, head: Judged, tuned: Judged) -> dict[str, Any]:
    return {
        "took": "full" if decision.tuned else "head",
        "why": decision.words,
        "head": head.metrics(),
        "full": tuned.metrics(),
    }


# --- what is left behind ---------------------------------------------------------------------


def _measured(
    recipe: Recipe,
    encoder: CountingEncoder,
    known: Known,
    held_out: int = 0,
    tuned: Tuned | None = None,
) -> dict[str, Any]:
    """What was done, for the plans of later trainings.

    ``held_out`` counts the rows that judged a head which was tuned from.
    """
    distinct = set(known.texts)
    given = len(known.truth) - known.rows
    fitting = head_fitting(
        rows=known.rows if given else known.rows - held_out,
        distinct=len(distinct),
        characters=sum(map(len, distinct)),
        classes=len(known.labels),
        dimensions=encoder.dimensions,
        validation=given or held_out,
        searched=recipe.method != "head" or recipe.settings.weight_decay is None,
    )
    return measured(
        encoder.reading,
        fitting,
        encoder.depth,
        None if tuned is None else counted(encoder, tuned),
        method=recipe.method,
        base=recipe.base.name,
        max_length=recipe.max_length,
        device=encoder.device.type,
        precision=encoder.precision,
        threads=torch.get_num_threads(),
        cache=cache_file(Path(recipe.cache), encoder).name if recipe.cache else None,
    )


def _write(
    work: Work,
    encoder: Encoder,
    labels: tuple[str, ...],
    head: Head,
    temperature: float | None,
    trained: Trained = UNTOUCHED,
    method: Literal["head", "full", "lora"] = "head",
) -> None:
    card = Artifact(
        method=method,
        weights=trained.weights,
        labels=labels,
        base=work.recipe.base,
        max_length=work.recipe.max_length,
        precision=encoder.precision,
        temperature=temperature,
        options=trained.options,
    )
    files: dict[str, Tensors] = {HEAD: head._asdict(), **trained.files}
    write_artifact(work.run.artifact, card, files)
