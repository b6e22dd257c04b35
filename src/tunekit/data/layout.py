"""Which column of a source is which field of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import DataError, InputError, did_you_mean
from ..tasks.base import Task

__all__ = ["Columns", "Layout", "freeze", "layout_for"]

#: What a caller says: the column of each field, or several columns for a field with many values.
Columns = Mapping[str, str | Sequence[str]]


class Layout(NamedTuple):
    """Pairs of field and column; fields made of several columns; all other columns."""

    single: tuple[tuple[str, str], ...]
    several: tuple[tuple[str, tuple[str, ...]], ...]
    meta: tuple[str, ...] | None  # None: whatever else a record has
    text: frozenset[str]

    def fields(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The task's fields of one record."""
        fields: dict[str, Any] = {}
        for field, column in self.single:
            if column in record:
                value = record[column]
                # 1 and 007 are labels as good as any; a whole number has one way to be written.
                if type(value) is int and field in self.text:
                    value = str(value)
                fields[field] = value
        for field, columns in self.several:
            fields[field] = tuple(record.get(column) for column in columns)
        names = record.keys() - self.used if self.meta is None else self.meta
        if names:
            fields["meta"] = tuple((name, freeze(record[name])) for name in record if name in names)
        return fields

    @property
    def used(self) -> frozenset[str]:
        """The columns that are fields."""
        one = [column for _, column in self.single]
        return frozenset(one).union(*(columns for _, columns in self.several))


def freeze(value: Any) -> Any:
    """A value that can't change: lists as tuples, mappings as tuples of pairs."""
    if isinstance(value, Mapping):
        return tuple((str(key), freeze(one)) for key, one in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(freeze, value))
    return value


def layout_for(
    task: Task, columns: Columns | None, header: Sequence[str] | None, source: str
) -> Layout:
    """The layout of a source for a task.

    ``header`` has the column names where the source has them in one place (a table); records
    of the others are checked one by one.

    Raises:
        InputError: ``columns`` names a field that the task doesn't have.
        DataError: a column isn't there.
    """
    known = (*task.columns, "id")
    for field in columns or {}:
        if field not in known:
            raise InputError(
                f"columns: {task.kind} has no field {field!r}. {did_you_mean(field, known)}"
            )
    mapping = {**{field: field for field in known}, **(columns or {})}
    named = set(columns or {})
    single: list[tuple[str, str]] = []
    several: list[tuple[str, tuple[str, ...]]] = []
    missing: list[str] = []
    for field, column in mapping.items():
        wanted = (column,) if isinstance(column, str) else tuple(column)
        absent = [name for name in wanted if header is not None and name not in header]
        if absent and (field in named or field in task.required):
            missing.extend(f"{name!r} (for {field})" for name in absent)
        if absent:
            continue
        if isinstance(column, str):
            single.append((field, column))
        else:
            several.append((field, wanted))
    if missing:
        assert header is not None
        example = ", ".join(f'"{field}": "…"' for field in task.required)
        raise DataError(
            f"{source}: no column {', '.join(missing)}. It has "
            f"{', '.join(map(repr, header)) or 'none'}. Say which is which: columns={{{example}}}."
        )
    layout = Layout(tuple(single), tuple(several), None, task.text_fields)
    if header is not None:
        layout = layout._replace(meta=tuple(name for name in header if name not in layout.used))
    return layout
