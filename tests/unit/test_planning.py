from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import tunekit
from tunekit import Classification, Dataset
from tunekit.findings import Finding
from tunekit.planning import Candidate, Estimate, Plan, Tokens


@pytest.fixture
def plan() -> Plan:
    rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in range(9)]
    data = Dataset.from_rows(rows, Classification())
    return tunekit.plan(data, backend="fake", validation=data[:4])


def printed(plan: Plan, **estimated: Any) -> dict[str, str]:
    """A printed plan's facts by their names; what goes on is one text."""
    facts: dict[str, str] = {}
    name = ""
    for line in str(replace(plan, estimate=Estimate(**estimated))).splitlines():
        assert len(line) <= 100
        name = line[:13].strip() or name
        facts[name] = f"{facts.get(name, '')} {line[13:].strip()}".strip()
    return facts


def test_a_plan_prints_what_will_run(plan: Plan) -> None:
    facts = printed(plan)
    assert facts["rows"] == "18 of rows (classification, 2 labels)"
    assert facts["validation"] == "4 rows of rows"
    assert f"method {plan.method!r} on" in facts["route"] and "backend 'fake'" in facts["route"]
    assert plan.setup.route.format in facts["route"]
    # What isn't known is left out, but for the cost, which nobody may take for none.
    assert facts["cost"] == "no price is known"
    assert not {"tokens", "cut", "memory", "time", "basis", "candidates"} & set(facts)


def test_a_plan_prints_what_it_will_take(plan: Plan) -> None:
    facts = printed(
        plan,
        tokens=Tokens(1_234_567, exact=True),
        truncated=2,
        memory=1_500_000_000,
        seconds=150.0,
        cost="2.40 USD (prices of 2026-01-01)",
        candidates=(
            Candidate("quick", 900_000_000, 12.0, "a head"),
            Candidate("thorough", 1_500_000_000, 150.0),
            Candidate("unknown"),
        ),
        rule="auto takes 'quick': the first of these",
        note="measured",
    )
    assert facts["tokens"] == "1,234,567 (counted)"
    assert facts["cut"] == "2 texts are too long and not read to the end"
    assert (facts["memory"], facts["time"]) == ("1.5 GB", "2 min")
    assert facts["cost"] == "2.40 USD (prices of 2026-01-01)"
    assert facts["basis"] == "measured"
    assert facts["candidates"] == (
        "quick: 900 MB, 12 s, a head thorough: 1.5 GB, 2 min unknown "
        "auto takes 'quick': the first of these"
    )


@pytest.mark.parametrize(
    ("estimated", "name", "fact"),
    [
        ({"tokens": Tokens(10, exact=False)}, "tokens", "10 (estimated)"),
        ({"truncated": 0}, "cut", "none: every text is read to its end"),
        ({"truncated": 1}, "cut", "1 text is too long and not read to the end"),
        ({"left_out": 1}, "left out", "1 row: see findings"),
        ({"left_out": 1_200}, "left out", "1,200 rows: see findings"),
        ({"seconds": 89.0}, "time", "89 s"),
        ({"seconds": 5_300.0}, "time", "88 min"),
        ({"seconds": 9_000.0}, "time", "2.5 h"),
        ({"memory": 999_000_000}, "memory", "999 MB"),
        ({"rule": "auto takes it"}, "rule", "auto takes it"),
    ],
)
def test_figures_are_said_in_words(
    plan: Plan, estimated: dict[str, Any], name: str, fact: str
) -> None:
    assert printed(plan, **estimated)[name] == fact


def test_findings_are_summed_up_the_gravest_first(plan: Plan) -> None:
    warnings = [Finding("odd", "warning", f"row {n} is odd.", row=n) for n in range(50)]
    found = (*warnings, Finding("off", "error", "it is off.", row=7, suggestion="Turn it on."))
    lines = str(replace(plan, findings=found)).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("findings"))
    assert [line[13:] for line in lines[start:]] == [
        "1 error: off 1",
        "- row 7: it is off. Turn it on. [off]",
        "50 warnings: odd 50",
        "- row 0: row 0 is odd. [odd]",
        "- row 1: row 1 is odd. [odd]",
        "- row 2: row 2 is odd. [odd]",
    ]
    assert str(replace(plan, findings=())).splitlines()[-1] == "findings     none"
