"""From models and rows to a comparison."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from .._version import __version__
from ..backends.abilities import Keeps, Prices
from ..backends.prices import UNKNOWN
from ..data.dataset import Dataset
from ..errors import DataError, InputError
from ..evaluation import evaluate
from ..evaluation.reliability import reliability_bins
from ..evaluation.significance import Paired, holm, paired_difference
from ..evaluation.tally import Tally
from ..model import Model
from ..shapes import Failure
from .comparison import (
    Answer,
    Case,
    Compared,
    Comparison,
    Counted,
    Difference,
)
from .judging import Judge, judge_of
from .slices import slices
from .words import UNDECIDED

__all__ = ["compare_models"]

#: Bins of the distribution of the probability that a model gives its answers.
SCORE_BINS = 20


class _Asked(NamedTuple):
    """What a model answered, and how long that took."""

    model: Model
    answers: Sequence[Any]
    seconds: float
    right: Sequence[bool]


def compare_models(
    test: Dataset,
    models: Mapping[str, Model],
    *,
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    today: date,
) -> Comparison:
    """The comparison of models on rows: see :func:`tunekit.compare`.

    Args:
        test: rows that no model was trained on.
        models: by the names that they are shown by.
        curves: the training steps of models, by name.
        today: the date that is shown.
    """
    _check(models, test)
    rows = list(test)
    if not rows:
        raise DataError("There are no rows to compare on. Give the held-out part of a split.")
    judge = judge_of(next(iter(models.values())).task)
    judge.check(rows)
    asked = {name: _ask(model, test, rows, judge) for name, model in models.items()}
    tallies = judge.tallies(rows, {name: one.answers for name, one in asked.items()})
    main = {name: of_model[0] for name, of_model in tallies.items()}
    return Comparison(
        task=test.task.kind,
        created=today.isoformat(),
        tunekit=__version__,
        test={"name": test.name, "rows": len(rows), "fingerprint": test.fingerprint},
        metrics=tuple(tally.metric for tally in next(iter(tallies.values()))),
        models={
            name: _compared(name, one, rows, judge, tuple(curves.get(name, ())))
            for name, one in asked.items()
        },
        differences=tuple(_differences(tallies, asked)),
        slices=slices(judge, rows, main),
        rows=tuple(_cases(rows, asked, judge)),
        findings=tuple(test.check(near_duplicates=False)),
    )


def _check(models: Any, test: Dataset) -> None:
    """Raise InputError for what can't be compared."""
    if not isinstance(models, Mapping) or not models:
        raise InputError('compare takes models by name: compare(test, {"tuned": model, …})')
    for name, model in models.items():
        if not _is_name(name):
            raise InputError(
                f"{name!r} is no name for a model: give a text of one line without <, > and =, "
                f"and not {UNDECIDED!r}, which is a verdict"
            )
        if not isinstance(model, Model):
            raise InputError(
                f"{name}: {type(model).__name__} is no model. Give one of tune, load or baseline."
            )
        if model.task.kind != test.task.kind:
            raise InputError(
                f"{name} is {model!r}, and {test.name} has rows of {test.task.kind}. Give models "
                "of that task."
            )
        judge_of(model.task)  # a preference that is answered with a text can't be judged


def _is_name(name: object) -> bool:
    """Whether a requirement could name a model so, and a table show it."""
    return (
        isinstance(name, str)
        and bool(name)
        and name == name.strip()
        and name.isprintable()
        and not any(sign in name for sign in "<>=")
        and name != UNDECIDED
    )


def _ask(model: Model, test: Dataset, rows: Sequence[Any], judge: Judge) -> _Asked:
    if isinstance(model.backend, Keeps) and not isinstance(model.backend, Prices):
        model.predict(test[:1], errors="return")  # loads it, which says nothing of an input
    begun = time.perf_counter()
    answers = model.predict(test, errors="return")
    seconds = time.perf_counter() - begun
    right = [
        not isinstance(answer, Failure) and judge.right(row, answer)
        for row, answer in zip(rows, answers, strict=True)
    ]
    return _Asked(model, answers, seconds, right)


def _compared(
    name: str, asked: _Asked, rows: Sequence[Any], judge: Judge, curve: tuple[Any, ...]
) -> Compared:
    model = asked.model
    # The rows that the report's calibration error is over.
    sure = [
        (judge.confidence(one), ok)
        for row, one, ok in zip(rows, asked.answers, asked.right, strict=True)
        if not isinstance(one, Failure) and judge.one_truth(row)
    ]
    given = [(p, ok) for p, ok in sure if p is not None]
    known = bool(given) and len(given) == len(sure)
    said = [
        judge.said(row, one)
        for row, one in zip(rows, asked.answers, strict=True)
        if not isinstance(one, Failure)
    ]
    probability = np.array([p for p, _ in given])
    right = np.array([ok for _, ok in given], dtype=bool)
    return Compared(
        name=name,
        model=model,
        report=evaluate(model.task, rows, asked.answers, model_kind=model.kind),
        seconds=asked.seconds / len(rows),
        cost=_cost(model, rows, said),
        curve=curve,
        reliability=tuple(one._asdict() for one in reliability_bins(probability, right))
        if known
        else (),
        scores=_scores(probability, right) if known else None,
    )


def _cost(model: Model, rows: Sequence[Any], said: Sequence[str]) -> Mapping[str, Any] | None:
    if not isinstance(model.backend, Prices):
        # Whose models are files here, they run here.
        return None if isinstance(model.backend, Keeps) else UNKNOWN._asdict()
    inputs = [model.task.input(model.task.asked(row), model.shape, model.prompt) for row in rows]
    return model.backend.price_of(model.ref, inputs, said)._asdict()


def _scores(probability: Any, right: Any) -> Mapping[str, Any]:
    edges = np.linspace(0.0, 1.0, SCORE_BINS + 1)
    return {
        name: np.histogram(probability[chosen], bins=edges)[0].tolist()
        for name, chosen in (("right", right), ("wrong", ~right))
    }


def _differences(
    tallies: Mapping[str, tuple[Tally, ...]], asked: Mapping[str, _Asked]
) -> Iterator[Difference]:
    pairs = list(combinations(tallies, 2))
    for number, first in enumerate(next(iter(tallies.values()))):
        found = [paired_difference(tallies[a][number], tallies[b][number]) for a, b in pairs]
        adjusted = holm([one.p for one in found])
        for (a, b), one, p in zip(pairs, found, adjusted, strict=True):
            verdict = _verdict(a, b, one._replace(p=p))
            rows = _counted(asked[a].right, asked[b].right)
            yield Difference(first.metric, a, b, one.difference, p, verdict, rows)


def _verdict(a: str, b: str, found: Paired) -> str:
    if not found.shown:
        return UNDECIDED
    return a if found.difference.value > 0 else b


def _counted(a: Sequence[bool], b: Sequence[bool]) -> Counted:
    pairs = list(zip(a, b, strict=True))
    return Counted(
        won=pairs.count((True, False)),
        lost=pairs.count((False, True)),
        both_right=pairs.count((True, True)),
        both_wrong=pairs.count((False, False)),
    )


def _cases(rows: Sequence[Any], asked: Mapping[str, _Asked], judge: Judge) -> Iterator[Case]:
    for number, row in enumerate(rows):
        answers = {
            name: _answer(judge, row, one.answers[number], one.right[number])
            for name, one in asked.items()
        }
        yield Case(number, row.id, judge.asked(row), judge.truth(row), dict(row.meta), answers)


def _answer(judge: Judge, row: Any, answer: Any, right: bool) -> Answer:
    if isinstance(answer, Failure):
        return Answer("", False, None, f"{answer.code}: {answer.detail}")
    return Answer(judge.said(row, answer), right, judge.confidence(answer))
