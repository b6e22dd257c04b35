"""Rows without what is wrong with them, where there is one safe way; nothing changes silently."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import is_normalized, normalize

from ..errors import InputError
from ..shapes import Span
from ..tasks.base import Row, Survey, Task
from .damage import undamaged
from .patching import Repeats, Table, patched

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["TEXT_MENDS", "Change", "Fixed", "Mended", "RowMender", "chosen", "fixable", "mend"]

#: What leaves rows out, and is done only where it is asked for by name.
REPEATED = "repeated-row"
MARK = "\ufeff"
#: How often the steps go round, for rows in which one makes room for another.
ROUNDS = 4


class Change(NamedTuple):
    """One thing that ``Dataset.fix`` changed. Prints as one line.

    ``row`` counts from 0 in the data set before, ``source`` says where the row stands. ``before``
    and ``after`` are the value of ``field``, or of the part of it that changed, such as one span.
    Of a row that was left out, ``before`` is the row, ``field`` and ``after`` are ``None``.
    ``code`` is that of the finding which is gone.

    Example:
        >>> print(Change("label-outer-space", 0, "rows[0]", "label", "praise ", "praise"))
        rows[0], label: 'praise ' → 'praise' [label-outer-space]
    """

    code: str
    row: int
    source: str
    field: str | None
    before: Any
    after: Any

    def __str__(self) -> str:
        if self.field is None:
            return f"{self.source}: left out [{self.code}]"
        before, after = self.before, self.after
        if isinstance(before, str) and isinstance(after, str):
            before, after = _apart(before, after)
        what = f"{_said(before)} → {_said(after)}"
        return f"{self.source}, {self.field}: {what} [{self.code}]"


class Fixed(NamedTuple):
    """A mended data set, ``data``, and all ``changes`` that it took. Made by :meth:`Dataset.fix`.

    Example:
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": "Thanks!", "label": "praise "}, {"text": "Late!", "label": "blame"}]
        >>> fixed = Dataset.from_rows(rows, Classification()).fix()
        >>> fixed.data.task.labels
        ('blame', 'praise')
        >>> print(fixed)
        rows[0], label: 'praise ' → 'praise' [label-outer-space]
    """

    data: Dataset
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "no changes"


class Mended(NamedTuple):
    """What a data set is made of after it was mended."""

    table: Table
    picked: array[int] | None
    changes: tuple[Change, ...]
    #: Labels as they were written before, and as they are written now.
    before: frozenset[str]
    after: frozenset[str]


# --- texts ----------------------------------------------------------------------------------------


def _without_marks(text: str) -> str:
    return text.replace(MARK, "")


def _composed(text: str) -> str:
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def _as_clean(change: Callable[[str], str]) -> Callable[[str], str]:
    """The change, without the byte order marks and loose accents that it may bring to light."""

    def changed(text: str) -> str:
        after = change(text)
        if after == text:
            return text
        if MARK not in text:
            after = _without_marks(after)
        return _composed(after) if is_normalized("NFC", text) else after

    return changed


#: Ways out that hold for the texts of every task. None of them changes ASCII.
TEXT_MENDS: Mapping[str, Callable[[str], str]] = {
    "byte-order-mark": _as_clean(_without_marks),
    "damaged-encoding": _as_clean(undamaged),
    "non-nfc": _composed,
}


# --- rows -----------------------------------------------------------------------------------------


def fixable(task: Task) -> frozenset[str]:
    """The codes of findings that have a safe way out for rows of this task."""
    return task.mends | TEXT_MENDS.keys() | {REPEATED}


def chosen(task: Task, codes: Iterable[str] | None) -> frozenset[str]:
    """The codes that a caller means.

    Raises:
        InputError: one of them has no safe way out.
    """
    known = fixable(task)
    if codes is None:
        return known - {REPEATED}
    wanted = [codes] if isinstance(codes, str) else list(codes)
    for code in wanted:
        if code not in known:
            raise InputError(
                f"fix: {code!r} has no way out that is always safe. "
                f"For {task.kind} there is one for {', '.join(sorted(known))}."
            )
    return frozenset(wanted)


def mend(
    data: Dataset, table: Table, picked: array[int] | None, codes: Iterable[str] | None
) -> Mended:
    """Mend the rows of a data set, which are those picked of a table.

    Raises:
        InputError: a code that has no safe way out.
        DataChanged: the source isn't what it was.
    """
    task = table.task  # as it was given: labels that nobody declared may be written otherwise
    wanted = chosen(task, codes)
    of_set = wanted & task.mends_of_set
    of_rows = wanted - of_set
    shown = of_set & _shown(task, (rows for _, rows in data.portions())) if of_set else of_set
    menders = [RowMender(task, of_rows, shown)]
    found = _Pass(data, picked, menders, REPEATED in wanted)
    # Mended rows may show what they didn't before; nothing is left for a second time.
    while more := (of_set - shown) & _shown(task, found.portions()):
        shown |= more
        menders.append(RowMender(task, of_rows, more))
        found = _Pass(data, picked, menders, REPEATED in wanted)
    if found.repeats is not None:
        picked = _left_out(data, table, picked, found.repeats, found.changes)
    return Mended(
        patched(table, found.patches),
        picked,
        tuple(found.changes),
        frozenset(found.before),
        frozenset(found.after),
    )


def _shown(task: Task, portions: Iterable[Sequence[Any]]) -> frozenset[str]:
    """The codes that a set as a whole gives evidence for."""
    survey = task.survey() if task.mends_of_set else Survey()
    for rows in portions:
        survey.see(rows)
    return frozenset(finding.code for finding in survey.findings())


class _Pass:
    """The rows of a data set, mended one after another, and what that changed."""

    def __init__(
        self,
        data: Dataset,
        picked: array[int] | None,
        menders: Sequence[RowMender],
        repeats: bool,
    ) -> None:
        self._data = data
        self._picked = picked
        self._menders = menders
        self.repeats = Repeats() if repeats else None
        self.patches: dict[int, Row] = {}
        self.changes: list[Change] = []
        self.before: set[str] = set()
        self.after: set[str] = set()

    def portions(self) -> Iterator[Sequence[Any]]:
        """The rows as they are now, some at a time."""
        position = 0
        for lines, portion in self._data.portions():
            yield [
                self._mended(at, line, row)
                for at, (line, row) in enumerate(zip(lines, portion, strict=True), start=position)
            ]
            position += len(portion)

    def _mended(self, position: int, line: int, row: Any) -> Any:
        now = row
        for mender in self._menders:
            for code, was, after in mender.steps(now):
                now = after
                place = self._data.place(line)
                self.changes.extend(
                    Change(code, position, place, *found) for found in _differences(was, now)
                )
        if now is not row:
            self.patches[position if self._picked is None else self._picked[position]] = now
            self.before.update(self._data.task.label_values(row))
            self.after.update(self._data.task.label_values(now))
        if self.repeats is not None:
            self.repeats.see(now.content)
        return now


class RowMender:
    """Takes a row from step to step until none of them has anything left to do."""

    def __init__(self, task: Task, codes: frozenset[str], of_set: frozenset[str]) -> None:
        self._task = task
        # Counting otherwise is done once: a second time would count what is right already.
        self._once = sorted(of_set)
        self._row = codes & task.mends
        self._texts = [(code, TEXT_MENDS[code]) for code in sorted(codes & TEXT_MENDS.keys())]

    def steps(self, row: Any) -> Iterator[tuple[str, Any, Any]]:
        """What changes a row: code, the row before, the row after."""
        for code in self._once:
            after = self._task.mend(row, frozenset({code}))
            if after is not row and self._no_worse(row, after):
                yield code, row, after
                row = after
        for _ in range(ROUNDS):
            begun = row
            for code, after in self._round(row):
                yield code, row, after
                row = after
            if row is begun:
                return

    def _round(self, row: Any) -> Iterator[tuple[str, Any]]:
        task = self._task
        odd = [text for _, text in task.texts(row) if not text.isascii()] if self._texts else ()
        for code, change in self._texts if odd else ():
            changed = list(map(change, odd))
            if changed == odd or not all(changed):  # nothing to do, or nothing would be left
                continue
            after = task.retext(row, change)
            if after is not None and self._no_worse(row, after):
                yield code, after
                row = after
                odd = [text for text in changed if not text.isascii()]
        if task.mend(row, self._row) is row:
            return
        for code in sorted(self._row):
            after = task.mend(row, frozenset({code}))
            if after is not row and self._no_worse(row, after):
                yield code, after
                row = after
        # What takes several of them at once, such as white space before and an end that is short.
        after = task.mend(row, self._row)
        if after is not row and self._no_worse(row, after):
            fewer = self._counts(row) - self._counts(after)
            yield min(self._row & fewer.keys(), default=min(self._row)), after

    def _no_worse(self, row: Any, after: Any) -> bool:
        """Whether a change brings no finding that wasn't there."""
        return not self._counts(after) - self._counts(row)

    def _counts(self, row: Any) -> Counter[str]:
        return Counter(finding.code for finding in self._task.findings(row))


def _left_out(
    data: Dataset,
    table: Table,
    picked: array[int] | None,
    repeats: Repeats,
    changes: list[Change],
) -> array[int] | None:
    """The selection without repeated rows, whose leaving out is all that is said of them."""
    again = repeats.positions()
    if not again:
        return picked
    dropped = set(again)
    positions = range(len(table)) if picked is None else picked
    changes[:] = [change for change in changes if change.row not in dropped]
    numbers = [positions[at] for at in again]
    found = iter(again)
    for lines, rows in table.rows(numbers):
        for line, row in zip(lines, rows, strict=True):
            changes.append(Change(REPEATED, next(found), data.place(line), None, row, None))
    changes.sort(key=lambda change: change.row)  # stable: the changes of a row stay in order
    return array("Q", (at for place, at in enumerate(positions) if place not in dropped))


def _differences(before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """The fields in which two rows differ, in their parts where these match one to one."""
    for name in type(before).model_fields:
        one, other = getattr(before, name), getattr(after, name)
        if one == other:
            continue
        parts = isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other)
        for was, now in zip_longest(one, other) if parts else [(one, other)]:
            if was != now:
                yield name, was, now


def _apart(one: str, other: str, around: int = 20) -> tuple[str, str]:
    """What two texts have where they differ, with some characters around."""
    head = _alike(one, other)
    tail = _alike(one[head:][::-1], other[head:][::-1])
    begin = max(head - around, 0)

    def part(text: str) -> str:
        end = len(text) - tail + around
        return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")

    return part(one), part(other)


def _alike(one: str, other: str) -> int:
    """With how many equal characters two texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _said(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, Span):
        return f"{value.start}–{value.end} ({value.label!r})"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_said, value[:6]))}{', …' if len(value) > 6 else ''}]"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-19:]}"
