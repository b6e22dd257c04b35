"""The rows of a training on labels: texts, embedded, with the classes that can be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from ..errors import ModelError
from ..shapes import Example, Passage, Weights
from .cache import embed
from .encoder import Encoder
from .folder import RunFolder
from .parallel import of_first
from .recipe import Recipe
from .work import Progress

__all__ = ["Known", "Rows", "embedded", "labels_with_rows", "rows_of"]


class Rows(NamedTuple):
    """Texts with their labels."""

    texts: list[str]
    labels: list[str]


class Known(NamedTuple):
    """What everything is learnt from: texts with vectors and classes. Those to judge by come after
    those to learn from, and there are none where the user has named none."""

    labels: tuple[str, ...]
    texts: list[str]
    vectors: torch.Tensor
    truth: list[int]
    rows: int

    @property
    def judging(self) -> tuple[torch.Tensor, list[int]] | None:
        """Vectors and classes of the rows to judge by."""
        if len(self.truth) == self.rows:
            return None
        return self.vectors[self.rows :], self.truth[self.rows :]


def rows_of(examples: Sequence[Example]) -> Rows:
    """The texts and labels of Examples.

    Raises:
        ModelError: one isn't a text with one label; names the row.
    """
    rows = Rows([], [])
    for number, (asked, target) in enumerate(examples, 1):
        match asked, target:
            case Passage(text, None), Weights(((label, _),)):
                rows.texts.append(text)
                rows.labels.append(label)
            case _:
                raise ModelError(
                    f"row {number} is no text with one label, and nothing else can be learnt here. "
                    "Submit again."
                )
    return rows


def labels_with_rows(recipe: Recipe, rows: Rows, run: RunFolder) -> tuple[str, ...]:
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


def embedded(
    encoder: Encoder,
    recipe: Recipe,
    rows: Rows,
    validation: Rows | None,
    labels: tuple[str, ...],
    run: RunFolder,
) -> Known:
    """Vectors and classes of the rows to learn from and, as far as their labels can be learnt, of
    those to judge by."""
    judging = Rows([], [])
    if validation is not None:
        judging = _of_labels(validation, labels)
        if passed := len(validation.texts) - len(judging.texts):
            run.note_event(
                "log", f"{passed} validation rows have labels without a training row: left out."
            )
    texts = rows.texts + judging.texts

    def embed_all() -> torch.Tensor:
        return embed(
            encoder,
            texts,
            folder=Path(recipe.cache) if recipe.cache else None,
            log=lambda message: run.note_event("log", message),
            progress=Progress(run, "embedding", len(texts)),
        )

    vectors = of_first(embed_all, (len(texts), encoder.dimensions))
    number = {label: place for place, label in enumerate(labels)}
    truth = [number[label] for label in rows.labels + judging.labels]
    return Known(labels, texts, vectors, truth, len(rows.texts))


def _of_labels(validation: Rows, labels: Sequence[str]) -> Rows:
    """The validation rows of these labels."""
    there = set(labels)
    known = [pair for pair in zip(*validation, strict=True) if pair[1] in there]
    return Rows([text for text, _ in known], [label for _, label in known])
