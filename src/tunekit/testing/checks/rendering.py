"""Checks of what is written: the same bytes every time, and back again without a loss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from ...formats.base import Header, Undecoded
from ...formats.registry import writer
from ...planning import Plan
from ...shapes import Example, Failure, Shape, Turns
from ...tasks.base import Row
from ..harness import Case, check, expect_that

#: Set to ``write``, golden files are written instead of compared.
GOLDEN_VARIABLE = "CONFORMANCE_GOLDEN"


def rendered(plan: Plan) -> dict[str, bytes]:
    """The files of a plan as they would be sent."""
    return {name: b"".join(lines) for name, lines in plan.files()}


@check()
def support_is_as_pinned(case: Case) -> None:
    """A route of the support table is there, and offers what its sample needs."""
    expect_that(case.rows(), f"no sample row of {case.pair.name} fits {case.route}")
    planned = case.plan().setup.route
    expect_that(planned == case.route, f"{case.route} was asked for, {planned} was planned")


@check(every=False)
def nothing_is_trained_that_is_not_pinned(case: Case) -> None:
    """A new route, too, belongs into the support table."""
    from ..samples import SAMPLES

    pinned = {(pair.sample.name, pair.method, pair.shape) for pair in case.harness.pairs()}
    declared = {
        (name, route.method, route.shape)
        for name, sample in SAMPLES.items()
        for route in case.backend().routes(case.model)
        if route.shape in sample.task.offers
    }
    expect_that(
        declared == pinned,
        f"pinned, but not declared: {sorted(pinned - declared)}; "
        f"declared, but not pinned: {sorted(declared - pinned)}",
    )


@check()
def the_same_bytes_every_time(case: Case) -> None:
    """Neither another instance nor another day changes a byte, nor the run key."""
    first, second = case.plan(), case.plan()
    later = replace(second, setup=replace(second.setup, today=date(2100, 2, 28)))
    expect_that(rendered(first) == rendered(second), "two plans of the same rows differ")
    expect_that(rendered(first) == rendered(first), "one plan rendered twice differs")
    expect_that(rendered(first) == rendered(later), "the bytes depend on the day")
    expect_that(first.key == second.key == later.key, "the run keys of the same rows differ")
    expect_that(first.estimate == second.estimate, "two estimates of the same rows differ")


@check()
def the_bytes_are_golden(case: Case) -> None:
    """The bytes are those that were written down once, and read by somebody."""
    folder = case.harness.golden / case.harness.name
    path = folder / f"{case.pair.sample.name}.{case.pair.method}.jsonl"
    now = rendered(case.plan())["train.jsonl"]
    if os.environ.get(GOLDEN_VARIABLE) == "write":
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(now)
    expect_that(path.exists(), f"no golden file {path}; write it with {GOLDEN_VARIABLE}=write")
    _same_lines(path, now)


def _same_lines(path: Path, now: bytes) -> None:
    before = path.read_bytes()
    for number, (old, new) in enumerate(
        zip(before.splitlines(), now.splitlines(), strict=False), start=1
    ):
        expect_that(old == new, f"{path.name}:{number} was {old!r}, is {new!r}")
    expect_that(before == now, f"{path.name} has {len(before)} bytes, there are {len(now)} now")


@check()
def nothing_given_is_changed(case: Case) -> None:
    """Rows, mappings and hyperparameters are the caller's, and stay as they were."""
    rows: list[Any] = [
        row.model_dump(exclude={"meta", "given_id"}, exclude_none=True) for row in case.rows()
    ]
    given = [rows, list(case.rows()), dict(case.harness.hyperparameters)]
    before = deepcopy(given)
    data = case.data(rows)
    plan = case.plan(data)
    applied = case.backend().hyperparameters(case.route, case.harness.hyperparameters)
    setup = deepcopy((applied, plan.setup.prompt, plan.setup.task))
    case.backend().prepare(plan.setup)
    rendered(plan)
    expect_that(given == before, "rows or hyperparameters were changed while planning")
    after = (plan.setup.hyperparameters, plan.setup.prompt, plan.setup.task)
    expect_that(setup == after, "the setup was changed by prepare")
    expect_that(list(data) == list(case.data()), "the data set was changed")


@check()
def what_is_written_reads_back(case: Case) -> None:
    """``parse`` inverts the targets and ``lift`` inverts ``lower``, through the route's format."""
    from hypothesis import HealthCheck, Phase, given, settings

    from ..strategies import rows

    route, task = case.route, case.pair.sample.task

    @settings(
        max_examples=40,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
    )
    @given(rows(task, route.carries))
    def inverts(row: Row) -> None:
        _reads_back(case, row)

    for row in case.rows():
        _reads_back(case, row)
    inverts()


def _reads_back(case: Case, row: Row) -> None:
    task, shape = case.pair.sample.task, case.pair.shape
    examples = task.lower(row, shape, task.prompt())
    expect_that(examples, f"{row!r} has nothing to train on")
    for example, read in zip(examples, _through_the_wire(case, examples), strict=True):
        expect_that(read == example, f"written {example!r}, read {read!r}")
        lifted = task.lift(read)
        expect_that(isinstance(lifted, Row), f"{row!r} isn't read back: {lifted}")
        again = task.lower(lifted, shape, task.prompt())
        expect_that(again == (example,), f"{row!r} came back as {lifted!r}")
        # A row of several options is several pairs; only together do they mean the same.
        meaning = case.pair.sample.meaning
        same = shape is Shape.PAIR or meaning(lifted) == meaning(row)
        expect_that(same, f"{row!r} came back as {lifted!r}, which says something else")
    if shape is not Shape.PAIR:  # pairs train only; what is predicted is a text
        prediction = task.parse(task.asked(row), examples[0].target, shape)
        failed = isinstance(prediction, Failure)
        right = not failed and case.pair.sample.agrees(row, prediction)
        expect_that(right, f"{row!r} is parsed as {prediction!r}")


def _through_the_wire(case: Case, examples: tuple[Example, ...]) -> Iterator[Example]:
    wire = writer(case.route.format)
    for example in examples:
        asked = example.input
        header = Header()
        if isinstance(asked, Turns):
            header = Header(asked.choices, asked.schema)
        line = orjson.dumps(wire.encode(example, header))
        read = wire.decode(orjson.loads(line), header)
        if isinstance(read, Undecoded):
            raise AssertionError(f"{line!r} isn't read back: {read}")
        yield read
