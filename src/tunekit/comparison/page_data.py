"""A comparison in plain values, for JSON and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

from ..data.layout import Pairs
from .page.headline import Headline, headline
from .words import ON_THIS_MACHINE

if TYPE_CHECKING:
    from .comparison import Case, Compared, Comparison, Difference

__all__ = ["as_dict", "headline_of"]

#: Rows that are kept: more of them nobody reads.
MOST_ROWS = 10_000
#: The cost of a model that runs on this machine.
NOTHING = {"amount": None, "currency": "USD", "price_date": None, "note": ON_THIS_MACHINE}
METHOD = (
    "Differences are on the same rows: 95 % intervals of the paired bootstrap (1,000 resamples), "
    "p-values of a permutation test (2,000 swaps of the models' answers, mid-p), adjusted by "
    "Holm's method for the pairs of models. One is claimed where p is at most 0.05 and the "
    "interval leaves 0 out."
)


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """All of a comparison; of the rows those that models answer differently or all wrongly."""
    return {name: _as_json(value) for name, value in _parts(comparison).items()}


def headline_of(comparison: Comparison) -> Headline:
    """Whether it helped, as the page says it."""
    # Neither rows nor slices say anything of that, and rows are many.
    return headline(cast("Any", as_dict(replace(comparison, rows=(), slices=()))))


def _as_json(value: Any) -> Any:
    """A value as JSON has it, whatever stood in a column: no half characters, no NaN, no dates."""
    match value:
        case str() if not value.isascii():
            return value.encode("utf-8", "replace").decode()
        case str() | bool() | None:
            return value
        case int() if abs(value) < 1 << 53:  # others aren't whole any more in a browser
            return value
        case float():
            return value if isfinite(value) else None
        case Pairs():
            return {name: _as_json(one) for name, one in value}
        case Mapping():
            return {str(name): _as_json(one) for name, one in value.items()}
        case list() | tuple():
            return [_as_json(one) for one in value]
        case _:
            return _as_json(str(value))


def _parts(comparison: Comparison) -> dict[str, Any]:
    told = sum(1 for _ in _telling(comparison))
    return {
        "task": comparison.task,
        "created": comparison.created,
        "tunekit": comparison.tunekit,
        "test": dict(comparison.test),
        "metrics": list(comparison.metrics),
        "confidence": 0.95,
        "correction": "Holm",
        "method": METHOD,
        "models": [_model(one) for one in comparison.models.values()],
        "differences": [
            {
                "metric": one.metric,
                "a": one.a,
                "b": one.b,
                **one.measure.to_dict(),
                "p": one.p,
                "verdict": _side(one),
                "rows": one.rows._asdict(),
            }
            for one in comparison.differences
        ],
        "slices": [
            {
                "column": one.column,
                "value": one.value,
                "rows": one.rows,
                "measures": {
                    name: {comparison.metrics[0]: measure.to_dict()}
                    for name, measure in one.measures.items()
                },
            }
            for one in comparison.slices
        ],
        "rows": [
            {
                **case._asdict(),
                "meta": dict(case.meta),
                "answers": {name: answer._asdict() for name, answer in case.answers.items()},
            }
            for case in islice(_telling(comparison), MOST_ROWS)
        ],
        "rows_left_out": max(0, told - MOST_ROWS),
        "findings": [
            {
                "code": one.code,
                "severity": one.severity,
                "row": one.row,
                "message": one.message,
                "suggestion": one.suggestion,
            }
            for one in comparison.findings
        ],
    }


def _side(one: Difference) -> str:
    """Which of the two is better, ``"a"`` or ``"b"``: their names may be anything."""
    return {one.a: "a", one.b: "b"}.get(one.verdict, one.verdict)


def _telling(comparison: Comparison) -> Iterator[Case]:
    for case in comparison.rows:
        answers = list(case.answers.values())
        if len({one.text for one in answers}) > 1 or not all(one.right for one in answers):
            yield case


def _model(one: Compared) -> dict[str, Any]:
    model = one.model
    report = one.report.to_dict()
    inputs = report["rows"]
    # The rows say who is wrong where: a model's own list would say it once more.
    report = {name: value for name, value in report.items() if name != "wrong"}
    return {
        "name": one.name,
        "kind": model.kind,
        "ref": model.ref.id,
        "backend": model.spec.name,
        "base": model.base,
        "report": report,
        "latency": None
        if one.seconds is None
        else {"seconds_per_input": one.seconds, "inputs": inputs},
        "cost_per_1000": dict(NOTHING if one.cost is None else one.cost),
        "curve": [dict(step) for step in one.curve],
        "prompt": {
            "system": model.prompt.system,
            "shots": [list(shot) for shot in model.prompt.shots],
            "hash": model.prompt.hash,
        },
        "reliability": [dict(one_bin) for one_bin in one.reliability],
        "scores": None if one.scores is None else dict(one.scores),
        "provenance": dict(model.provenance),
    }
