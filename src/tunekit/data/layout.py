"""Which column of a source is which field of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import DataError, InputError, did_you_mean
from ..tasks.base import Task

__all__ = ["Columns", "Layout", "Pairs", "TooDeep", "freeze", "layout_for", "required_columns"]

#: What a caller says: the column of each field, or several columns for a field with many values.
Columns = Mapping[str, str | Sequence[str]]


#: Lists in lists: what is nested deeper could be read, and not be written again.
DEEPEST = 100


class TooDeep(DataError):
    """A value that is nested too deeply to be kept."""

    def __init__(self) -> None:
        super().__init__(f"holds a value that is nested over {DEEPEST} levels deep. Flatten it.")


class Layout(NamedTuple):
    """Pairs of field and column; fields made of several columns; the fields that are texts."""

    single: tuple[tuple[str, str], ...]
    several: tuple[tuple[str, tuple[str, ...]], ...]
    text: frozenset[str]
    used: frozenset[str]

    def fields(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The task's fields of one record; all that isn't one of them goes into ``meta``."""
        fields: dict[str, Any] = {}
        for field, column in self.single:
            if column in record:
                value = record[column]
                # 1 and 007 are labels as good as any; a whole number has one way to be written.
                if type(value) is int and field in self.text:
                    value = str(value)
                fields[field] = value
        for field, columns in self.several:
            cells = [record.get(column) for column in columns]
            while cells and cells[-1] in (None, ""):
                cells.pop()  # rows of a table have as many values as they need
            fields[field] = tuple(cells)
        if not record.keys() <= self.used:
            fields["meta"] = tuple(
                (name, freeze(value)) for name, value in record.items() if name not in self.used
            )
        return fields

    def of_cells(
        self, header: Sequence[str]
    ) -> Callable[[Sequence[Sequence[str]]], list[dict[str, Any]]]:
        """A function from rows of cells, all of them texts, to the fields of each."""
        where = {name: index for index, name in enumerate(header)}
        if len(self.single) == len(self.used) == len(header) == 2:
            # Two plain columns are what most tables have: spare them a look-up for every cell.
            (one, first), (two, second) = ((name, where[column]) for name, column in self.single)
            return lambda rows: [{one: cells[first], two: cells[second]} for cells in rows]
        return lambda rows: [self.fields(dict(zip(header, cells, strict=True))) for cells in rows]


class Pairs(tuple[tuple[str, Any], ...]):
    """A mapping that can't change, as its pairs. It is written as the mapping that it was."""

    __slots__ = ()


def freeze(value: Any, levels: int = DEEPEST) -> Any:
    """A value that can't change: lists as tuples, mappings as :class:`Pairs`.

    Raises:
        TooDeep: it is nested deeper than so many levels.
    """
    if type(value) is str:  # nearly all are, and asking for a Mapping takes long
        return value
    if isinstance(value, Mapping):
        if not levels:
            raise TooDeep
        return Pairs([(str(key), freeze(one, levels - 1)) for key, one in value.items()])
    if isinstance(value, list | tuple):
        if not levels:
            raise TooDeep
        return tuple([one if type(one) is str else freeze(one, levels - 1) for one in value])
    return value


def layout_for(
    task: Task, columns: Columns | None, header: Sequence[str] | None, source: str
) -> Layout:
    """The layout of a source for a task.

    ``header`` has the column names where the source has them in one place (a table); records
    of the others are checked one by one.

    Raises:
        InputError: ``columns`` names a field that the task doesn't have, or isn't a mapping.
        DataError: a column isn't there, or stands there twice.
    """
    known = (*task.columns, "id")
    mapping: dict[str, tuple[str, ...] | str] = {field: field for field in known}
    given = _given(columns)
    for field in given:
        if field not in known:
            raise InputError(
                f"columns: {task.kind} has no field {field!r}. {did_you_mean(field, known)}"
            )
    mapping.update(given)
    single: list[tuple[str, str]] = []
    several: list[tuple[str, tuple[str, ...]]] = []
    missing: list[str] = []
    for field, column in mapping.items():
        wanted = (column,) if isinstance(column, str) else column
        absent = [name for name in wanted if header is not None and name not in header]
        if absent and (field in given or field in task.required):
            missing.extend(f"{name!r} (for {field})" for name in absent)
        if absent:
            continue
        if isinstance(column, str):
            single.append((field, column))
        else:
            several.append((field, column))
    if missing:
        pairs = ", ".join(f'"{field}": "…"' for field in task.required)
        raise DataError(
            f"{source}: no column {', '.join(missing)}. It has "
            f"{', '.join(map(repr, header or ())) or 'none'}. Say which is which: "
            f"columns={{{pairs}}}."
        )
    twice = sorted({name for name in header or () if header and header.count(name) > 1})
    if twice:
        raise DataError(
            f"{source}: columns stand twice: {', '.join(map(repr, twice))}. Rename one of each."
        )
    used = frozenset(column for _, column in single).union(*(names for _, names in several))
    return Layout(tuple(single), tuple(several), task.text_fields | {"id"}, used)


def required_columns(task: Task, columns: Columns | None) -> set[str]:
    """The names of the columns without which there are no rows of this task."""
    mapping = {**{field: field for field in task.required}, **_given(columns)}
    named = (mapping[field] for field in task.required)
    return {name for one in named for name in ((one,) if isinstance(one, str) else one)}


def _given(columns: Any) -> dict[str, tuple[str, ...] | str]:
    if columns is None:
        return {}
    given: dict[str, tuple[str, ...] | str] = {}
    for field, column in columns.items():
        names = list(column) if isinstance(column, Iterable) else []
        if not names or not all(isinstance(name, str) for name in names):
            raise InputError(f"columns: give {field} a column's name or a list of names.")
        given[field] = column if isinstance(column, str) else tuple(names)
    return given
