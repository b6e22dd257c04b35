"""Evaluation of Transformation: from rows and predictions to the figures of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from ..shapes import Failure
from ..tasks.base import Row, Task
from ..tasks.transformation import TransformationRow
from .chrf import COLUMNS, agreement, chrf
from .metrics import mean_interval
from .pairing import paired
from .tally import per_row
from .tally_intervals import interval_of
from .transformation_report import FailedInput, TransformationReport, WrongOutput

__all__ = ["evaluate_transformation"]


def evaluate_transformation(
    task: Task,
    rows: Iterable[Row],
    predictions: Sequence[object],
    *,
    model_kind: str | None = None,
) -> TransformationReport:
    """The report on texts: see :func:`tunekit.evaluation.evaluate`."""
    exact: list[bool] = []
    changed: list[bool] = []
    agreed: list[tuple[int, ...]] = []
    near: list[float] = []
    wrong: list[WrongOutput] = []
    failures: list[FailedInput] = []
    for number, row, said in paired(rows, predictions, TransformationRow, str):
        answer = "" if isinstance(said, Failure) else said
        exact.append(not isinstance(said, Failure) and answer == row.output)
        changed.append(row.input != row.output)
        agreed.append(agreement(answer, row.output))
        near.append(Levenshtein.normalized_similarity(answer, row.output))
        if isinstance(said, Failure):
            near[-1] = 0.0
            failures.append(
                FailedInput(number, row.id, row.input, row.output, said.code, said.detail)
            )
        elif answer != row.output:
            wrong.append(WrongOutput(number, row.id, row.input, row.output, answer, near[-1]))
    right = np.array(exact, dtype=float)
    differs = np.array(changed)
    return TransformationReport(
        model_kind=model_kind,
        rows=len(right),
        changed_rows=int(differs.sum()),
        exact_match=mean_interval(right),
        exact_match_changed=mean_interval(right[differs]) if differs.any() else None,
        chrf=interval_of(per_row("chrf", agreed, COLUMNS, chrf)),
        similarity=mean_interval(np.array(near)),
        wrong=tuple(sorted(wrong, key=lambda one: (one.similarity, one.row))),
        failures=tuple(failures),
    )
