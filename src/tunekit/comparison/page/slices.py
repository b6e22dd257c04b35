"""Parts of the rows: where models are good, and where they aren't."""

from __future__ import annotations

from collections.abc import Sequence

from .drawing import Chart, Column, Table, key
from .figures import measured
from .schema import ComparisonDict, SliceDict
from .section import Section
from .whiskers import Group, Whisker, whiskers
from .wording import clipped, count, metric_name, short

__all__ = ["slices"]

#: Values that are drawn of a column, and that its table has.
DRAWN, LISTED = 10, 200
_COLUMNS = {"label": "label", "length": "length of the input"}


def slices(comparison: ComparisonDict) -> Section | None:
    """The main metric in each part, drawn for each column; the other metrics as tables."""
    by_column: dict[str, list[SliceDict]] = {}
    for part in comparison["slices"]:
        by_column.setdefault(part["column"], []).append(part)
    names = [model["name"] for model in comparison["models"]]
    charts: list[Chart] = []
    folded: list[Table] = []
    for column, parts in by_column.items():
        there = [metric for metric in comparison["metrics"] if _has(parts, metric)]
        for metric in there[:1]:
            charts.append(_chart(column, metric, parts, names))
        folded += [_table(column, metric, parts, names) for metric in there[1:]]
    if not charts:
        return None
    lead = "The same figure on parts of the rows. Small parts have wide intervals: mind these."
    return Section("slices", "Parts of the rows", lead, [charts], folded=folded)


def _has(parts: Sequence[SliceDict], metric: str) -> bool:
    return any(metric in of_model for part in parts for of_model in part["measures"].values())


def _named(column: str) -> str:
    return clipped(_COLUMNS.get(column, column.removeprefix("meta:")), 60)


def _chart(column: str, metric: str, parts: Sequence[SliceDict], names: Sequence[str]) -> Chart:
    drawn = parts
    note = ""
    if len(parts) > DRAWN:
        widest = sorted(parts, key=lambda part: -_spread(part, metric))[:DRAWN]
        drawn = [part for part in parts if part in widest]
        note = f"The {DRAWN} of {count(len(parts), 'part')} in which the models differ most."
    name = metric_name(metric)
    return whiskers(
        f"{name} by {_named(column)}",
        f"{name} of each model in {len(drawn)} parts of the rows.",
        [
            Group(
                f"{short(part['value'], 22)} · {count(part['rows'], 'row')}",
                _of(part, metric, names),
            )
            for part in drawn
        ],
        _table(column, metric, parts, names),
        key=key([clipped(name, 40) for name in names]),
        note=note,
    )


def _of(part: SliceDict, metric: str, names: Sequence[str]) -> list[Whisker]:
    found = [
        (series, part["measures"].get(name, {}).get(metric)) for series, name in enumerate(names)
    ]
    return [Whisker(at, m["value"], m["low"], m["high"]) for at, m in found if m is not None]


def _spread(part: SliceDict, metric: str) -> float:
    values = [
        of_model[metric]["value"] for of_model in part["measures"].values() if metric in of_model
    ]
    return max(values) - min(values) if values else 0.0


def _table(column: str, metric: str, parts: Sequence[SliceDict], names: Sequence[str]) -> Table:
    left = len(parts) - LISTED
    return Table(
        f"{metric_name(metric)} by {_named(column)}",
        [
            Column(_named(column)),
            Column("rows", "number"),
            *(Column(clipped(name, 60), "number") for name in names),
        ],
        [
            [
                clipped(part["value"], 80),
                f"{part['rows']:,}",
                *(measured(part["measures"].get(name, {}).get(metric)) for name in names),
            ]
            for part in parts[:LISTED]
        ],
        f"{count(left, 'more part')} not shown." if left > 0 else "",
    )
