"""How each label fares with each model, and which kinds of errors spans have."""

from __future__ import annotations

from typing import Any

from .drawing import Column, Table
from .schema import ComparisonDict
from .section import Section
from .wording import clipped, count, figure

__all__ = ["error_kinds", "label_scores"]

#: Labels that are seen at once; the others are folded away.
SHOWN, FOLDED = 12, 300
_KINDS = {
    "boundary": "right label, wrong ends",
    "type": "right ends, wrong label",
    "both": "both wrong, but touching",
    "missed": "missed",
    "spurious": "nothing there",
}


def label_scores(comparison: ComparisonDict) -> Section | None:
    """F1 of each label, the worst on average first."""
    models = comparison["models"]
    by_label: dict[str, list[dict[str, Any] | None]] = {}
    for at, model in enumerate(models):
        report = model["report"]
        for scores in report.get("per_class") or report.get("per_label") or ():
            by_label.setdefault(scores["label"], [None] * len(models))[at] = scores
    if not by_label:
        return None
    columns = [
        Column("label"),
        Column("rows" if comparison["task"] == "classification" else "spans", "number"),
        *(Column(clipped(model["name"], 60), "number") for model in models),
    ]
    worst = sorted(by_label, key=lambda label: (_mean(by_label[label]), label))
    rows = [_row(label, by_label[label]) for label in worst]
    seen = f"F1 by label: the worst {SHOWN} of {len(rows)}" if len(rows) > SHOWN else "F1 by label"
    left = len(rows) - SHOWN - FOLDED
    others = Table(
        "F1 by label: the others",
        columns,
        rows[SHOWN : SHOWN + FOLDED],
        f"{count(left, 'more label')} not shown." if left > 0 else "",
    )
    return Section(
        "labels",
        "Label by label",
        "F1 of each label, the worst on average first.",
        tables=[Table(seen, columns, rows[:SHOWN])],
        folded=[others] if len(rows) > SHOWN else [],
    )


def _mean(scores: list[dict[str, Any] | None]) -> float:
    known: list[float] = [one["f1"] for one in scores if one is not None]
    return sum(known) / len(known)


def _row(label: str, scores: list[dict[str, Any] | None]) -> list[str]:
    support = max(one["support"] for one in scores if one is not None)
    return [
        clipped(label, 80),
        f"{support:,}",
        *("" if one is None else figure(one["f1"]) for one in scores),
    ]


def error_kinds(comparison: ComparisonDict) -> Section | None:
    """What is wrong about spans, by kind, for each model that has such a count."""
    counted = [model for model in comparison["models"] if model["report"].get("errors")]
    if not counted:
        return None
    table = Table(
        "Errors by kind",
        [Column("model"), *(Column(words, "number") for words in _KINDS.values())],
        [
            [
                clipped(model["name"], 60),
                *(f"{model['report']['errors'].get(kind, 0):,}" for kind in _KINDS),
            ]
            for model in counted
        ],
    )
    lead = "Each span that is wrong, in the one kind it belongs to."
    return Section("errors", "What kind of errors", lead, tables=[table])
