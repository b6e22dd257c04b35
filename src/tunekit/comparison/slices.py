"""Parts of the test rows that a model may be better or worse on: by label, length, any column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..evaluation.metrics import Ints, Measure
from ..evaluation.tally import Tally
from ..evaluation.tally_intervals import interval_of, share_interval
from .judging import Judge

__all__ = ["Slice", "slices"]

#: A column with more values than this tells rows apart rather than kinds of them.
MOST_VALUES = 30
#: Labels that are sliced by, the most frequent ones.
MOST_LABELS = 100
#: Rows of a slice below which its figure says nothing.
LEAST_ROWS = 5


class Slice(NamedTuple):
    """Some of the rows, and how each model does on them by the main figure.

    ``column`` is ``"label"``, ``"length"`` or ``"meta:NAME"``.
    """

    column: str
    value: str
    rows: int
    measures: Mapping[str, Measure]


def slices(judge: Judge, rows: Sequence[Any], tallies: Mapping[str, Tally]) -> tuple[Slice, ...]:
    """The slices of the rows with five rows and more, in an order that reads well.

    Args:
        judge: of the task.
        rows: the test rows.
        tallies: the main figure of each model, by the model's name.
    """
    found = []
    for column, value, at in _parts(judge, rows):
        if len(at) >= LEAST_ROWS:
            measures = {name: _measure(tally.at(at)) for name, tally in tallies.items()}
            found.append(Slice(column, value, len(at), measures))
    return tuple(found)


def _measure(tally: Tally) -> Measure:
    if tally.yes_or_no:
        return share_interval(tally.once * tally.rows, tally.rows)
    return interval_of(tally)


def _parts(judge: Judge, rows: Sequence[Any]) -> Iterator[tuple[str, str, Ints]]:
    labels = [judge.label(row) for row in rows]
    by_label = _by_value(labels)
    if len(by_label) > 1:
        often = sorted(by_label, key=lambda label: (-len(by_label[label]), label))[:MOST_LABELS]
        for label in sorted(often):
            yield "label", label, by_label[label]
    yield from _by_length([len(judge.asked(row)) for row in rows])
    for column in dict.fromkeys(name for row in rows for name, _ in row.meta):
        of_column = _by_value([_plain(row.get(column)) for row in rows])
        if 1 < len(of_column) <= MOST_VALUES:
            for value in sorted(of_column):
                yield f"meta:{column}", value, of_column[value]


def _by_value(values: Sequence[str | None]) -> dict[str, Ints]:
    at: defaultdict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(values):
        if value is not None:
            at[value].append(row)
    return {value: np.array(rows, dtype=np.int64) for value, rows in at.items()}


def _by_length(lengths: Sequence[int]) -> Iterator[tuple[str, str, Ints]]:
    """Thirds of the rows by the length of what is asked."""
    sizes = np.array(lengths)
    low, high = (int(end) for end in np.quantile(sizes, [1 / 3, 2 / 3], method="lower"))
    if sizes.min() == sizes.max():
        return
    for name, chosen in (
        (f"up to {low:,} characters", sizes <= low),
        (f"{low + 1:,} to {high:,} characters", (sizes > low) & (sizes <= high)),
        (f"over {high:,} characters", sizes > high),
    ):
        yield "length", name, np.flatnonzero(chosen)


def _plain(value: Any) -> str | None:
    """A value of a column to slice by; numbers with a fraction are measurements."""
    if value is None or isinstance(value, float):
        return None
    return str(value)
