"""Evaluation of Preference, where options are chosen: from rows and predictions to a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import DataError, InputError
from ..shapes import Failure
from ..tasks.base import Row, Task
from ..tasks.preference import Choice, PreferenceRow
from .metrics import Measure, mean_interval
from .pairing import paired
from .preference_report import FailedQuestion, PreferenceReport, WrongChoice
from .ranking import rank_correlation
from .reliability import Calibration, calibration_error, log_loss

__all__ = ["best_options", "evaluate_preference"]

#: A row's best options (by index, from 0) and what was chosen.
Judged = tuple[tuple[int, ...], Choice]


def evaluate_preference(
    task: Task,
    rows: Iterable[Row],
    predictions: Sequence[object],
    *,
    model_kind: str | None = None,
) -> PreferenceReport:
    """The report on choices: see :func:`tunekit.evaluation.evaluate`."""
    right: list[bool] = []
    chance: list[float] = []
    judged: list[Judged] = []
    ranked: list[tuple[tuple[int, ...], Choice]] = []
    wrong: list[WrongChoice] = []
    failures: list[FailedQuestion] = []
    for number, row, said in paired(rows, predictions, PreferenceRow, Choice):
        best = best_options(number, row)
        chance.append(len(best) / len(row.options))
        asked = (number, row.id, row.question, row.options, best)
        if isinstance(said, Failure):
            right.append(False)
            failures.append(FailedQuestion(*asked, said.code, said.detail))
            continue
        _check(number, row, said)
        right.append(said.index in best)
        if not right[-1]:
            wrong.append(WrongChoice(*asked, int(said.index), _probability(said)))
        if len(best) == 1:
            judged.append((best, said))
        if len(set(row.order)) > 2:
            ranked.append((row.order, said))

    ece, ece_missing = _calibration(judged)
    return PreferenceReport(
        model_kind=model_kind,
        rows=len(right),
        accuracy=mean_interval(np.array(right, dtype=float)),
        chance=float(np.mean(chance)),
        all_tied=chance.count(1.0),
        judged_rows=len(judged),
        ece=ece,
        ece_missing=ece_missing,
        log_loss=None if ece is None else _log_loss(judged),
        ranked_rows=len(ranked),
        rank_correlation=_rank_correlation(ranked),
        wrong=tuple(sorted(wrong, key=lambda row: (-(row.probability or 0.0), row.row))),
        failures=tuple(failures),
    )


def best_options(number: int, row: PreferenceRow) -> tuple[int, ...]:
    """The best options of a row, by index.

    Raises:
        DataError: the row doesn't say which those are.
    """
    if len(row.order) != len(row.options) or not row.options:
        problem = f"{len(row.order)} ranks for {len(row.options)} options"
    elif row.ranks is None and not 0 <= (-1 if row.best is None else row.best) < len(row.options):
        problem = f"best is {row.best} of {len(row.options)} options, counted from 0"
    else:
        return tuple(at for at, rank in enumerate(row.order) if rank == min(row.order))
    raise DataError(
        f"row {number}: {problem}, so no choice is right or wrong. data.check() finds all such "
        "rows; leave them out with data.filter(…)."
    )


def _check(number: int, row: PreferenceRow, said: Choice) -> None:
    options = row.options
    if not 0 <= said.index < len(options) or said.option != options[said.index]:
        raise InputError(
            f"prediction {number}: option {said.index} ({said.option!r:.80}) isn't one of row "
            f"{number}. Give the predictions in the order of the rows."
        )
    if said.probabilities is not None and len(said.probabilities) != len(options):
        raise InputError(
            f"prediction {number}: {len(said.probabilities)} probabilities for {len(options)} "
            "options. Give one for each option, or None."
        )


def _probability(said: Choice) -> float | None:
    # A backend's number may be numpy's, which JSON doesn't take.
    return None if said.probabilities is None else float(said.probabilities[said.index])


def _calibration(judged: Sequence[Judged]) -> tuple[Calibration | None, str | None]:
    if not judged:
        return None, "no row has an answer and one best option"
    given = [said.probabilities[said.index] for _, said in judged if said.probabilities is not None]
    if len(given) < len(judged):
        missing = len(judged) - len(given)
        return None, f"{missing} of {len(judged)} choices come without probabilities"
    right = np.array([said.index in best for best, said in judged])
    return calibration_error(np.array(given, dtype=float), right), None


def _log_loss(judged: Sequence[Judged]) -> Measure:
    given = [said.probabilities[best[0]] for best, said in judged if said.probabilities is not None]
    return log_loss(np.array(given, dtype=float))


def _rank_correlation(ranked: Sequence[tuple[tuple[int, ...], Choice]]) -> Measure | None:
    found = [
        rank_correlation(order, said.probabilities)
        for order, said in ranked
        if said.probabilities is not None
    ]
    if not found or len(found) < len(ranked):
        return None
    return mean_interval(np.array(found))
