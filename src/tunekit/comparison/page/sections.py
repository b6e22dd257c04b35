"""The parts of the page as values; those without data are left out."""

from __future__ import annotations

from collections.abc import Iterator

from .curves import learning_curves
from .drawing import Chart, Column, Table
from .figures import differences, figures
from .headline import quoted
from .labels import error_kinds, label_scores
from .matrices import confused_pairs, confusion_matrix
from .probabilities import reliability_diagram, score_distribution
from .schema import ComparisonDict
from .section import Section
from .slices import slices
from .wording import clipped, count

__all__ = ["sections"]

FINDINGS = 200
SEVERITIES = ("error", "warning", "info")


def sections(comparison: ComparisonDict) -> list[Section]:
    """What there is to show, in the order of the page."""
    return [section for section in _all(comparison) if section is not None]


def _all(comparison: ComparisonDict) -> Iterator[Section | None]:
    yield figures(comparison)
    yield differences(comparison)
    yield label_scores(comparison)
    yield error_kinds(comparison)
    yield _confusions(comparison)
    yield slices(comparison)
    yield _probabilities(comparison)
    yield Section("rows", "Rows where models differ", special="rows")
    yield _curves(comparison)
    yield _findings(comparison)
    yield Section("provenance", "Where it all comes from", special="provenance")


def _confusions(comparison: ComparisonDict) -> Section | None:
    charts: list[Chart] = []
    tables: list[Table] = []
    for model in comparison["models"]:
        name = clipped(model["name"], 60)
        if (matrix := confusion_matrix(name, model["report"])) is not None:
            charts.append(matrix)
        if (pairs := confused_pairs(name, model["report"])) is not None:
            tables.append(pairs)
    if not charts:
        return None
    lead = (
        "Each row is a true label, each column an answer; the framed diagonal is right. The shade "
        "is the share of the true label's rows."
    )
    # Small ones stand side by side. Of large ones the first is seen, the others can be.
    seen, folded = (charts[:1], charts[1:]) if charts[0].wide else (charts, [])
    return Section("confusions", "What is taken for what", lead, [seen], folded=[*folded, *tables])


def _probabilities(comparison: ComparisonDict) -> Section | None:
    charts: tuple[list[Chart], list[Chart]] = ([], [])
    notes: list[str] = []
    for series, model in enumerate(comparison["models"]):
        drawn = (reliability_diagram(model, series), score_distribution(model))
        for group, chart in zip(charts, drawn, strict=True):
            group += [chart] if chart is not None else []
        if drawn == (None, None):
            why = model["report"].get("ece_missing")
            notes.append(
                f"{quoted(model['name'])} has no probabilities to show{f': {why}' if why else ''}."
            )
    if not any(charts):
        return None
    lead = "Whether a probability of 0.8 is right in 80 of 100 rows, and where right and wrong lie."
    return Section("probabilities", "How sure they are", lead, charts, notes=notes)


def _curves(comparison: ComparisonDict) -> Section | None:
    charts = [chart for model in comparison["models"] for chart in learning_curves(model)]
    if not charts:
        return None
    lead = "What training logged. A validation loss that rises again says: learned by heart."
    return Section("curves", "How they learned", lead, [charts])


def _findings(comparison: ComparisonDict) -> Section | None:
    found = sorted(comparison["findings"], key=lambda one: _rank(one["severity"]))
    if not found:
        return None
    left = len(found) - FINDINGS
    table = Table(
        "Findings",
        [
            Column("severity"),
            Column("row", "number"),
            Column("what"),
            Column("way out"),
            Column("code"),
        ],
        [
            [
                one["severity"],
                "" if one["row"] is None else str(one["row"]),
                clipped(one["message"], 400),
                clipped(one["suggestion"] or "", 400),
                one["code"],
            ]
            for one in found[:FINDINGS]
        ],
        f"{count(left, 'more finding')} not shown." if left > 0 else "",
    )
    lead = f"{count(len(found), 'finding')} in the data; rows count from 0."
    return Section("findings", "What is odd about the data", lead, tables=[table])


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
