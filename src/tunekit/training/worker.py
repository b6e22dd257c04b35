"""Train what a run folder says. Knows no task, data set, job or network."""

from __future__ import annotations

import importlib.metadata
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import torch

from ..durable import sweep
from ..errors import ModelError
from ..formats.base import Header, Undecoded
from ..formats.examples import Examples
from ..shapes import Passage, Weights
from .artifact import write_artifact
from .cache import cache_file, embed
from .card import Artifact
from .costs import head_fitting
from .counting import CountingEncoder
from .encoder import Encoder
from .folder import RunFolder
from .head import Fitted, fit
from .recipe import Recipe
from .timings import Timings, measured

__all__ = ["train"]

#: Between two progress events.
PROGRESS_SECONDS = 0.5
VERSIONS_OF = ("tunekit-sdk", "torch", "transformers", "tokenizers", "safetensors", "numpy")


class Rows(NamedTuple):
    """Texts with their labels."""

    texts: list[str]
    labels: list[str]


def train(run: RunFolder) -> dict[str, Any]:
    """Train and write the artifact.

    Returns:
        What ``result.json`` says of it: the artifact's folder, the temperature, what was applied,
        metrics, what was measured for later plans, and versions.

    Raises:
        TunekitError: something that a user can mend; the message says what.
    """
    started, timings = time.monotonic(), Timings(run)
    recipe = Recipe.read(run.recipe)
    rows = read_rows(run.train)
    validation = read_rows(run.validation) if run.validation.exists() else None
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
    metrics = {
        "rows": len(rows.texts),
        "seconds": round(time.monotonic() - started, 2),
        "timings": timings.rounded(),
        **fitted.metrics,
    }
    run.note_event("metric", "done", metrics)
    return {
        "artifact": run.artifact.name,
        "temperature": fitted.temperature,
        "applied": {
            "seed": recipe.settings.seed,
            "max_length": recipe.max_length,
            "weight_decay": fitted.weight_decay,
        },
        "metrics": metrics,
        "measured": _measured(recipe, encoder, rows, validation, labels),
        "versions": _versions(),
    }


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


def read_rows(path: Path) -> Rows:
    """Labelled Examples as texts and labels.

    Raises:
        ModelError: a line is no labelled Example with one label; names the line.
    """
    codec, header, rows = Examples(), Header(), Rows([], [])
    with path.open("rb") as stream:
        for count, line in enumerate(stream, 1):
            try:
                example = codec.decode(orjson.loads(line), header)
            except orjson.JSONDecodeError as error:
                raise ModelError(f"{path}:{count} is no JSON ({error}). Submit again.") from error
            match example:
                case (Passage(text, None), Weights(((label, _),))):
                    rows.texts.append(text)
                    rows.labels.append(label)
                case Undecoded(_, message):
                    raise ModelError(f"{path}:{count} {message} Submit again.")
                case _:
                    raise ModelError(
                        f"{path}:{count} is no text with one label, and a head learns nothing else."
                    )
    return rows


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
        progress=_Progress(run, len(rows.texts) + len(judging.texts)),
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


class _Progress:
    """Counts texts, and says so at most twice a second."""

    def __init__(self, run: RunFolder, total: int) -> None:
        self._run, self._total, self._done, self._said = run, total, 0, 0.0

    def __call__(self, more: int) -> None:
        self._done += more
        moment = time.monotonic()
        if moment - self._said >= PROGRESS_SECONDS or self._done == self._total:
            self._said = moment
            facts = {"done": self._done, "total": self._total}
            self._run.note_event("progress", "embedding", facts)


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
    # A worker that was killed between artifact and result, or an earlier attempt, left one.
    shutil.rmtree(run.artifact, ignore_errors=True)
    sweep(run.path, f".{run.artifact.name}.*.tmp")
    write_artifact(run.artifact, card, fitted.head)


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONS_OF:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
