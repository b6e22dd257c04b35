"""Texts with labels: a head on frozen embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..errors import ModelError
from ..shapes import Example, Passage, Weights
from .artifact import write_artifact
from .cache import cache_file, embed
from .card import HEAD, Artifact
from .costs import head_fitting
from .counting import CountingEncoder
from .encoder import Encoder
from .folder import RunFolder
from .head import Fitted, fit
from .recipe import Recipe
from .timings import measured
from .work import Learnt, Progress, Work

__all__ = ["learn"]


class Rows(NamedTuple):
    """Texts with their labels."""

    texts: list[str]
    labels: list[str]


def learn(work: Work) -> Learnt:
    """Train on labelled Examples and write the artifact.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    run, recipe, timings = work.run, work.recipe, work.timings
    rows = _rows(work.train)
    validation = None if work.validation is None else _rows(work.validation)
    labels = _labels_with_rows(recipe, rows, run)
    timings.done("start")
    run.note_event("state", "loading the base model", {"base": recipe.base.name})
    encoder = CountingEncoder(
        recipe.base,
        Path(recipe.base_path),
        max_length=recipe.max_length,
        device=recipe.device,
        threads=recipe.threads,
        precision=recipe.precision,
    )
    timings.done("load")
    run.note_event("state", "embedding", {"rows": len(rows.texts), "precision": encoder.precision})
    vectors, held_out = _embedded(encoder, recipe, rows, validation, labels, run)
    timings.done("embed")
    run.note_event("state", "fitting the head", {"labels": len(labels)})
    number = {label: place for place, label in enumerate(labels)}
    fitted = fit(
        vectors,
        [number[label] for label in rows.labels],
        len(labels),
        weight_decay=recipe.settings.weight_decay,
        seed=recipe.settings.seed,
        validation=held_out,
        report=lambda message, data: run.note_event("metric", message, data),
    )
    _write(run, recipe, encoder, labels, fitted)
    timings.done("fit")
    return Learnt(
        temperature=fitted.temperature,
        applied={
            "seed": recipe.settings.seed,
            "max_length": recipe.max_length,
            "weight_decay": fitted.weight_decay,
        },
        metrics=fitted.metrics,
        measured=_measured(recipe, encoder, rows, validation, labels),
    )


def _rows(examples: Sequence[Example]) -> Rows:
    rows = Rows([], [])
    for number, (asked, target) in enumerate(examples, 1):
        match asked, target:
            case Passage(text, None), Weights(((label, _),)):
                rows.texts.append(text)
                rows.labels.append(label)
            case _:
                raise ModelError(
                    f"row {number} is no text with one label, and nothing else can be learnt here."
                )
    return rows


def _measured(
    recipe: Recipe,
    encoder: CountingEncoder,
    rows: Rows,
    validation: Rows | None,
    labels: Sequence[str],
) -> dict[str, Any]:
    judging = [] if validation is None else _known(validation, labels).texts
    distinct = {*rows.texts, *judging}
    fitting = head_fitting(
        rows=len(rows.texts),
        distinct=len(distinct),
        characters=sum(map(len, distinct)),
        classes=len(labels),
        dimensions=encoder.dimensions,
        validation=len(judging),
        searched=recipe.settings.weight_decay is None,
    )
    return measured(
        encoder.reading,
        fitting,
        encoder.depth,
        method=recipe.method,
        base=recipe.base.name,
        max_length=recipe.max_length,
        device=encoder.device.type,
        precision=encoder.precision,
        threads=torch.get_num_threads(),
        cache=cache_file(Path(recipe.cache), encoder).name if recipe.cache else None,
    )


def _labels_with_rows(recipe: Recipe, rows: Rows, run: RunFolder) -> tuple[str, ...]:
    """The labels that can be learnt, in the recipe's order."""
    shown = set(rows.labels)
    if unknown := sorted(shown - set(recipe.labels)):
        raise ModelError(
            f"labels that the recipe doesn't have: {', '.join(map(repr, unknown[:10]))}. "
            "Submit again."
        )
    if len(shown) < 2:
        raise ModelError(
            f"a head needs rows of two labels or more, here are {len(shown)}. "
            "Add rows of another label."
        )
    if absent := [label for label in recipe.labels if label not in shown]:
        run.note_event(
            "log",
            "No training row has these labels, so they will never be predicted: "
            + ", ".join(map(repr, absent)),
        )
    return tuple(label for label in recipe.labels if label in shown)


def _embedded(
    encoder: Encoder,
    recipe: Recipe,
    rows: Rows,
    validation: Rows | None,
    labels: Sequence[str],
    run: RunFolder,
) -> tuple[torch.Tensor, tuple[torch.Tensor, list[int]] | None]:
    """Vectors of the training rows; vectors and classes of the validation rows."""
    number = {label: place for place, label in enumerate(labels)}
    judging = Rows([], [])
    if validation is not None:
        judging = _known(validation, labels)
        if passed := len(validation.texts) - len(judging.texts):
            run.note_event(
                "log", f"{passed} validation rows have labels without a training row: left out."
            )
    vectors = embed(
        encoder,
        rows.texts + judging.texts,
        folder=Path(recipe.cache) if recipe.cache else None,
        log=lambda message: run.note_event("log", message),
        progress=Progress(run, "embedding", len(rows.texts) + len(judging.texts)),
    )
    count = len(rows.texts)
    if not judging.texts:
        return vectors, None
    return vectors[:count], (vectors[count:], [number[label] for label in judging.labels])


def _known(validation: Rows, labels: Sequence[str]) -> Rows:
    """The validation rows of these labels."""
    there = set(labels)
    known = [pair for pair in zip(*validation, strict=True) if pair[1] in there]
    return Rows([text for text, _ in known], [label for _, label in known])


def _write(
    run: RunFolder, recipe: Recipe, encoder: Encoder, labels: tuple[str, ...], fitted: Fitted
) -> None:
    card = Artifact(
        method="head",
        labels=labels,
        base=recipe.base,
        max_length=recipe.max_length,
        precision=encoder.precision,
        temperature=fitted.temperature,
    )
    write_artifact(run.artifact, card, {HEAD: fitted.head._asdict()})
