"""Evaluation of Classification: from rows and predictions to the figures of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..shapes import Failure
from ..tasks.base import Row, Task
from ..tasks.classification import Classification, ClassificationRow, Label
from .classification_report import ClassificationReport, Confusion, FailedRow, WrongRow
from .metrics import Cells, Measure, cells, intervals, scores
from .pairing import paired
from .reliability import Calibration, calibration_error, log_loss

__all__ = ["evaluate_classification"]


def evaluate_classification(
    task: Task,
    rows: Iterable[Row],
    predictions: Sequence[object],
    *,
    model_kind: str | None = None,
) -> ClassificationReport:
    """The report on labels: see :func:`tunekit.evaluation.evaluate`."""
    truth: list[str] = []
    wrong: list[WrongRow] = []
    failures: list[FailedRow] = []
    for number, row, said in paired(rows, predictions, ClassificationRow, Label):
        truth.append(row.label)
        if isinstance(said, Failure):
            failures.append(FailedRow(number, row.id, row.text, row.label, said.code, said.detail))
        elif said.label != row.label:
            # A backend's number may be numpy's, which JSON doesn't take.
            sure = None if said.probability is None else float(said.probability)
            wrong.append(WrongRow(number, row.id, row.text, row.label, said.label, sure))

    answers = [(t, p) for t, p in zip(truth, predictions, strict=True) if isinstance(p, Label)]
    names = sorted({*truth, *(answer.label for _, answer in answers)})
    found = _cells(names, truth, predictions)
    accuracy, macro_f1 = intervals(found, [found.accuracy, found.macro_f1])
    ece, ece_missing = _calibration(answers, len(truth))
    known = task.labels if isinstance(task, Classification) else None
    return ClassificationReport(
        model_kind=model_kind,
        rows=len(truth),
        accuracy=accuracy,
        macro_f1=macro_f1,
        ece=ece,
        ece_missing=ece_missing,
        log_loss=_log_loss(answers),
        per_class=scores(names, *(part[0] for part in found.per_label(found.counts))),
        confusion=_confusion(names, found),
        wrong=tuple(sorted(wrong, key=lambda row: (-(row.probability or 0.0), row.row))),
        failures=tuple(failures),
        unknown_labels=tuple(sorted({*truth} - {*known})) if known is not None else (),
    )


def _cells(names: list[str], truth: list[str], predictions: Sequence[object]) -> Cells:
    number = {name: position for position, name in enumerate(names)}
    said = [number[p.label] if isinstance(p, Label) else len(names) for p in predictions]
    return cells(
        np.array([number[label] for label in truth], dtype=np.int64),
        np.array(said, dtype=np.int64),
        len(names),
    )


def _calibration(
    answers: Sequence[tuple[str, Label]], rows: int
) -> tuple[Calibration | None, str | None]:
    if not answers:
        return None, "no row has an answer"
    given = [answer.probability for _, answer in answers if answer.probability is not None]
    if len(given) < len(answers):
        missing = len(answers) - len(given)
        return None, f"{missing} of {rows} predictions come without a probability"
    right = np.array([label == answer.label for label, answer in answers])
    return calibration_error(np.array(given, dtype=float), right), None


def _log_loss(answers: Sequence[tuple[str, Label]]) -> Measure | None:
    given = [
        answer.probabilities.get(label, 0.0)
        for label, answer in answers
        if answer.probabilities is not None
    ]
    if not given or len(given) < len(answers):
        return None
    return log_loss(np.array(given, dtype=float))


def _confusion(names: list[str], found: Cells) -> tuple[Confusion, ...]:
    counted = zip(
        found.true.tolist(), found.predicted.tolist(), found.counts[0].tolist(), strict=True
    )
    pairs = [
        Confusion(names[true], names[said] if said < len(names) else None, int(count))
        for true, said, count in counted
    ]
    return tuple(sorted(pairs, key=lambda pair: (pair.truth == pair.predicted, -pair.rows)))
