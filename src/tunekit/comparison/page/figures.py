"""The models with their figures, and the differences between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .drawing import Chart, Column, Table
from .headline import quoted
from .schema import ComparisonDict, DifferenceDict, MeasureDict, ModelDict
from .section import Section
from .whiskers import Group, Whisker, whiskers
from .wording import (
    KINDS,
    clipped,
    figure,
    interval,
    listed,
    metric_name,
    p_value,
    percent,
    short,
    signed,
)

__all__ = ["cost", "differences", "figures", "latency", "measured"]

NAME_LENGTH = 60


def figures(comparison: ComparisonDict) -> Section:
    """Each metric as a chart, the models in words, and all figures that their reports have."""
    models = comparison["models"]
    charts = [
        chart
        for metric in comparison["metrics"]
        if (chart := _chart(metric, models, comparison["confidence"])) is not None
    ]
    return Section(
        "figures",
        "Models and figures",
        f"Whiskers are {percent(comparison['confidence'])} intervals. Further right is better.",
        [charts],
        [_models(models), _figures(comparison["metrics"], models)],
        notes=_notes(models),
    )


def differences(comparison: ComparisonDict) -> Section | None:
    """Every tested difference, drawn for each metric and as one table."""
    found = comparison["differences"]
    if not found:
        return None
    tables = {
        metric: _differences(metric, found) for metric in dict.fromkeys(d["metric"] for d in found)
    }
    charts = [
        whiskers(
            f"Differences in {metric_name(metric)}",
            "Right of the dashed line the model named first is better, left of it the other.",
            [
                Group(_pair(one), [Whisker(0, one["value"], one["low"], one["high"])])
                for one in found
                if one["metric"] == metric
            ],
            table,
            difference=True,
        )
        for metric, table in tables.items()
    ]
    whole = Table(
        "All differences",
        next(iter(tables.values())).columns,
        [row for table in tables.values() for row in table.rows],
    )
    lead = (
        f"{comparison['method'].rstrip('.')}. Intervals hold {percent(comparison['confidence'])}; "
        f"p-values are corrected for the number of tests: {comparison['correction']}."
    )
    return Section("differences", "Differences", lead, [charts], [whole])


def measured(measure: MeasureDict | None) -> str:
    """A figure with its interval, or nothing."""
    if measure is None:
        return ""
    return f"{figure(measure['value'])} ({interval(measure['low'], measure['high'])})"


def latency(model: ModelDict) -> str:
    """The time one input takes, where it was measured."""
    if not (found := model["latency"]):
        return "not measured"
    seconds = found["seconds_per_input"]
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def cost(model: ModelDict) -> str:
    """What a thousand inputs cost, with the day of the price; else why nobody knows."""
    if not (found := model["cost_per_1000"]):
        return "unknown"
    if found["amount"] is None:
        return found["note"] or "unknown"
    amount = f"{found['currency']} {found['amount']:,.4f}".rstrip("0").rstrip(".")
    dated = f", prices of {found['price_date']}" if found["price_date"] else ""
    return f"{amount}{dated} ({found['note']})" if found["note"] else f"{amount}{dated}"


def _chart(metric: str, models: Sequence[ModelDict], confidence: float) -> Chart | None:
    name = metric_name(metric)
    there = [
        (series, model, model["report"][metric])
        for series, model in enumerate(models)
        if model["report"].get(metric)
    ]
    if not there:
        return None
    table = Table(
        f"{name} by model",
        [
            Column("model"),
            Column(name, "number"),
            Column(f"{percent(confidence)} interval", "number"),
        ],
        [
            [clipped(model["name"], NAME_LENGTH), figure(m["value"]), interval(m["low"], m["high"])]
            for _, model, m in there
        ],
    )
    best = max(there, key=lambda one: one[2]["value"])
    return whiskers(
        name,
        f"{name} of {len(there)} models; the highest is {figure(best[2]['value'])}, of "
        f"{quoted(best[1]['name'])}.",
        [
            Group(model["name"], [Whisker(series, m["value"], m["low"], m["high"])])
            for series, model, m in there
        ],
        table,
    )


def _models(models: Sequence[ModelDict]) -> Table:
    return Table(
        "Models",
        [
            Column("model"),
            Column("kind"),
            Column("backend"),
            Column("base model"),
            Column("time per input", "number"),
            Column("1,000 inputs cost"),
        ],
        [
            [
                clipped(model["name"], NAME_LENGTH),
                KINDS.get(model["kind"], model["kind"]),
                clipped(model["backend"], 80),
                clipped(model["base"], 80),
                latency(model),
                clipped(cost(model), 200),
            ]
            for model in models
        ],
    )


def _figures(metrics: Sequence[str], models: Sequence[ModelDict]) -> Table:
    names = list(
        dict.fromkeys([*metrics, *(key for m in models for key in _measures(m["report"]))])
    )
    return Table(
        "All figures",
        [Column("model"), *(Column(metric_name(name), "number") for name in names)],
        [
            [
                clipped(model["name"], NAME_LENGTH),
                *(measured(model["report"].get(n)) for n in names),
            ]
            for model in models
        ],
        "In ECE and log loss, lower is better." if {"ece", "log_loss"} & {*names} else "",
    )


def _measures(report: dict[str, Any]) -> list[str]:
    return [key for key, value in report.items() if isinstance(value, dict) and "value" in value]


def _notes(models: Sequence[ModelDict]) -> list[str]:
    notes = []
    chances = [m["report"]["chance"] for m in models if m["report"].get("chance") is not None]
    if chances:
        notes.append(f"Choosing blindly would have an accuracy of {figure(chances[0])}.")
    for model in models:
        report, name = model["report"], quoted(model["name"])
        if failures := report.get("failures"):
            notes.append(f"{name} gave no answer to {len(failures):,} rows; these count as wrong.")
        if unplaced := report.get("unplaced"):
            notes.append(f"{name} named {unplaced:,} spans that have no place in their text.")
        if unknown := report.get("unknown_labels"):
            more = f" and {len(unknown) - 5:,} more" if len(unknown) > 5 else ""
            labels = listed([quoted(label) for label in unknown[:5]])
            notes.append(f"{name} can't answer with these labels: {labels}{more}.")
    return notes


def _pair(one: DifferenceDict) -> str:
    return f"{short(one['a'], 15)} – {short(one['b'], 15)}"


def _differences(metric: str, found: Sequence[DifferenceDict]) -> Table:
    return Table(
        f"Differences in {metric_name(metric)}",
        [
            Column("models compared"),
            Column("metric", "word"),
            Column("difference", "number"),
            Column("interval", "number"),
            Column("p", "number"),
            Column("verdict", "verdict"),
            Column("only first right", "number"),
            Column("only second right", "number"),
            Column("both right", "number"),
            Column("both wrong", "number"),
        ],
        [
            [
                f"{quoted(one['a'])} against {quoted(one['b'])}",
                metric_name(metric),
                signed(one["value"]),
                interval(one["low"], one["high"], sign=True),
                p_value(one["p"]),
                _verdict(one),
                *(f"{rows:,}" for rows in _outcomes(one)),
            ]
            for one in found
            if one["metric"] == metric
        ],
    )


def _outcomes(one: DifferenceDict) -> tuple[int, int, int, int]:
    rows = one["rows"]
    return rows["won"], rows["lost"], rows["both_right"], rows["both_wrong"]


def _verdict(one: DifferenceDict) -> str:
    better = {"a": one["a"], "b": one["b"]}.get(one["verdict"])
    return "insufficient evidence" if better is None else f"{quoted(better)} is better"
