"""A table in which some rows are others, and which rows stand there twice."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any

import orjson

from ..tasks.base import Row
from .table import Rows, Table

__all__ = ["PatchedTable", "Repeats", "Table", "patched"]


@dataclass(frozen=True, slots=True)
class PatchedTable(Table):
    """The table of a source, with other rows at some positions. Only these are kept."""

    patches: Mapping[int, Row] = field(default_factory=dict, repr=False)

    def rows(self, picked: Sequence[int] | None = None) -> Iterator[Rows]:
        portions = Table.rows(self, picked)
        return self._with_patches(portions, range(len(self)) if picked is None else picked)

    def _with_patches(self, portions: Iterable[Rows], positions: Sequence[int]) -> Iterator[Rows]:
        patches = self.patches
        first = 0
        for portion in portions:
            after = first + len(portion.rows)
            here = [
                (place, patches[position])
                for place, position in enumerate(positions[first:after])
                if position in patches
            ]
            if here:
                rows = list(portion.rows)
                for place, row in here:
                    rows[place] = row
                portion = Rows(portion.lines, rows)
            yield portion
            first = after


def patched(table: Table, patches: Mapping[int, Row]) -> Table:
    """The table with these rows at these positions. What it knows of its rows is kept true."""
    if not patches:
        return table
    positions = sorted(patches)
    before = list(chain.from_iterable(rows for _, rows in table.rows(positions)))
    after = [patches[position] for position in positions]
    kept = {one.name: getattr(table, one.name) for one in fields(Table)}
    kept["labels"] = _recounted(table.labels, table.task.label_values, before, after)
    kept["needs"] = _recounted(table.needs, table.task.needs, before, after)
    earlier = table.patches if isinstance(table, PatchedTable) else {}
    return PatchedTable(**kept, patches={**earlier, **patches})


def _recounted(
    counts: Mapping[str, int],
    values: Callable[[Any], Iterable[str]],
    before: Iterable[Any],
    after: Iterable[Any],
) -> Mapping[str, int]:
    """Counts of all rows once some rows are others."""
    now = Counter(counts)
    now.subtract(chain.from_iterable(map(values, before)))
    now.update(chain.from_iterable(map(values, after)))
    return +now


class Repeats:
    """Finds what stands there twice. Keeps sixteen bytes of each."""

    def __init__(self) -> None:
        self._high, self._low = array("Q"), array("Q")

    def see(self, content: Any) -> None:
        """The next one."""
        try:
            said = orjson.dumps(content)
        except TypeError:  # a number of more than 64 bits
            said = repr(content).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(said, digest_size=16).digest()
        self._high.append(int.from_bytes(digest[:8], "little"))
        self._low.append(int.from_bytes(digest[8:], "little"))

    def positions(self) -> list[int]:
        """Where something stands that stood at an earlier position."""
        import numpy as np

        if not self._high:
            return []
        high, low = np.frombuffer(self._high, np.uint64), np.frombuffer(self._low, np.uint64)
        order = np.lexsort((low, high))  # stable, so that the first of equal ones comes first
        same = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        return [int(at) for at in np.sort(order[1:][same])]
