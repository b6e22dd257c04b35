"""Rows that stand there twice, that contradict each other, or that another part has as well.

Of a row three or four numbers of eight bytes are kept: hashes of what it asks, of all it says, and
of what was judged and how where a task tells that apart. With 64 bits, two million rows share one
by accident once in ten million sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ...findings import Finding
from ...tasks.base import Row
from .base import LISTED, Check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..dataset import Dataset

__all__ = ["OtherPart", "Repeats"]

#: Answers, and rows of each, that a finding names; characters of each answer.
NAMED, LONGEST = 3, 80


def hashed(value: Any) -> int:
    """Eight bytes for a value of texts, numbers and tuples; another number in another process.

    Not the hash of the value itself: Python gives -1 and -2 the same one.
    """
    try:
        return hash(orjson.dumps(value))
    except TypeError:  # a number of more than 64 bits
        return hash(repr(value).encode("utf-8", "surrogatepass"))


class OtherPart:
    """What the rows of another part ask, and where each stands."""

    def __init__(self, data: Dataset) -> None:
        import numpy as np

        self.data = data
        self.asks = np.empty(len(data), np.int64)
        self.lines = np.empty(len(data), np.int64)
        first = 0
        for lines, rows in data.portions():
            here = slice(first, first + len(rows))
            self.asks[here] = [hashed(row.asks) for row in rows]
            self.lines[here] = lines
            first += len(rows)

    def place(self, position: int) -> str:
        """Where a row stands."""
        return self.data.place(int(self.lines[position]))

    def first_with(self, asks: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each the position of the first row that asks it, or -1."""
        import numpy as np

        order = np.argsort(self.asks, kind="stable")
        sorted_asks = self.asks[order]
        at = np.minimum(np.searchsorted(sorted_asks, asks), len(order) - 1)
        found: NDArray[np.int64] = np.where(sorted_asks[at] == asks, order[at], -1)
        return found


class Repeats(Check):
    """Exact repetitions, contradictions, and rows that the other part has too."""

    def __init__(self, data: Dataset, lines: Sequence[int], against: Dataset | None) -> None:
        import numpy as np

        self._data = data
        self._lines = lines
        self.other = OtherPart(against) if against is not None and len(against) else None
        self.asks = np.empty(len(data), np.int64)
        self._contents = np.empty(len(data), np.int64)
        own = type(data.task).row_type.judged is not Row.judged
        self._things = np.empty(len(data), np.int64) if own else self.asks
        self._verdicts = np.empty(len(data), np.int64) if own else self._contents
        self._own = own
        self._figures: dict[str, int] = {}

    def see(self, first: int, rows: Sequence[Any]) -> tuple[Finding, ...]:
        here = slice(first, first + len(rows))
        self.asks[here] = [hashed(row.asks) for row in rows]
        self._contents[here] = [hashed(row.content) for row in rows]
        if self._own:
            judged = [row.judged for row in rows]
            self._things[here] = [hashed(thing) for thing, _ in judged]
            self._verdicts[here] = [hashed(verdict) for _, verdict in judged]
        return ()

    def place(self, position: int) -> str:
        """Where a row stands."""
        return self._data.place(self._lines[position])

    def figures(self) -> Mapping[str, int]:
        return self._figures

    def findings(self) -> Iterator[Finding]:
        asking = _twice(self.asks)
        self._figures["rows_with_a_repeated_input"] = len(asking)
        differing = _groups(asking, self.asks, self._contents)
        self._figures["inputs_with_different_answers"] = sum(1 for _ in differing)
        yield from self._repeated()
        yield from self._conflicts()
        if self.other is not None:
            yield from self._leaks(self.other)

    def _repeated(self) -> Iterator[Finding]:
        import numpy as np

        rows = _twice(self._contents)
        _, first, member = np.unique(self._contents[rows], return_index=True, return_inverse=True)
        earliest = rows[first[member]]
        again = np.flatnonzero(earliest != rows)
        self._figures["repeated_rows"] = len(again)
        for at in again[:LISTED]:
            row, earlier = int(rows[at]), int(earliest[at])
            yield _repeated_row(row, f"{self.place(earlier)} (row {earlier})")
        yield from repeat(_repeated_row(0, ""), max(0, len(again) - LISTED))

    def _conflicts(self) -> Iterator[Finding]:
        groups = _groups(_twice(self._things), self._things, self._verdicts)
        listed = list(islice(groups, LISTED))
        wanted = sorted({rows[0] for answers in listed for rows in answers.rows[:NAMED]})
        told = self._told(wanted)
        for answers in listed:
            yield self._conflict(answers, told)
        more = sum(1 for _ in groups)
        yield from repeat(Finding("conflicting-answers", "warning", ""), more)

    def _told(self, positions: list[int]) -> dict[int, str]:
        """What the rows at these positions answer, in few words. Only these are read again."""
        told: dict[int, str] = {}
        for _, rows in self._data._select(positions).portions():
            told.update(zip(positions[len(told) :], map(_answer, rows), strict=False))
        return told

    def _conflict(self, answers: _Answers, told: Mapping[int, str]) -> Finding:
        each = []
        for rows in answers.rows[:NAMED]:
            more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            each.append(f"{told[rows[0]]} ({self.place(rows[0])}{more})")
        if len(answers.rows) > NAMED:
            each.append(f"and {len(answers.rows) - NAMED} more")
        return Finding(
            "conflicting-answers",
            "warning",
            f"the same was answered in {len(answers.rows)} ways: {'; '.join(each)}.",
            row=answers.contradicts,
            suggestion="Decide which answer is right, or what tells these rows apart.",
        )

    def _leaks(self, other: OtherPart) -> Iterator[Finding]:
        import numpy as np

        found = other.first_with(self.asks)
        rows = np.flatnonzero(found >= 0)
        self._figures["rows_in_other_part"] = len(rows)
        for row in rows[:LISTED]:
            yield _leak(int(row), f"{other.place(int(found[row]))} (row {found[row]})")
        yield from repeat(_leak(0, ""), max(0, len(rows) - LISTED))


def _repeated_row(row: int, place: str) -> Finding:
    return Finding(
        "repeated-row",
        "warning",
        f"is the same as {place}.",
        row=row,
        suggestion="Unless it is meant to count twice: data.fix(['repeated-row']) leaves it out.",
    )


def _leak(row: int, place: str) -> Finding:
    return Finding(
        "in-other-part",
        "warning",
        f"asks what {place} of the other part asks: its answer is known there.",
        row=row,
        suggestion="Leave it out of one part; data.split(…) keeps such rows together.",
    )


class _Answers(NamedTuple):
    """The rows that judge one thing, by answer, in row order."""

    rows: list[list[int]]

    @property
    def contradicts(self) -> int:
        """The first row whose answer isn't that of the first."""
        return self.rows[1][0]


def _twice(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of keys that stand there at least twice, in ascending order."""
    import numpy as np

    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return np.empty(0, np.int64)
    at = np.minimum(np.searchsorted(repeated, keys), len(repeated) - 1)
    return np.flatnonzero(repeated[at] == keys)


def _groups(
    positions: NDArray[np.int64], things: NDArray[np.int64], verdicts: NDArray[np.int64]
) -> Iterator[_Answers]:
    """Of rows that judge the same, those that judge it differently, by the first contradiction."""
    import numpy as np

    if not len(positions):
        return
    order = positions[np.lexsort((positions, things[positions]))]
    keys, answers = things[order], verdicts[order]
    begins = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    lowest = np.minimum.reduceat(answers, begins)
    highest = np.maximum.reduceat(answers, begins)
    ends = np.r_[begins[1:], len(order)]
    differing = lowest != highest
    groups = []
    for begin, end in zip(begins[differing], ends[differing], strict=True):
        contradicts = begin + int(np.argmax(answers[begin:end] != answers[begin]))
        groups.append((int(order[contradicts]), int(begin), int(end)))
    for _, begin, end in sorted(groups):
        by_answer: dict[int, list[int]] = {}
        for row, answer in zip(order[begin:end].tolist(), answers[begin:end].tolist(), strict=True):
            by_answer.setdefault(answer, []).append(row)
        yield _Answers(list(by_answer.values()))


def _answer(row: Any) -> str:
    """How a row answers what it asks, cut where that is long."""
    said: str = row.answer
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"
