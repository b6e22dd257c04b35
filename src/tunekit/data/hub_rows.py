"""Rows as a table of the library ``datasets``: labels stay a closed set, spans stay spans."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any

import orjson

from ..errors import DataError, MissingExtra
from .tables import row_record

if TYPE_CHECKING:
    import datasets

    from .dataset import Dataset

__all__ = ["as_table_of_hub", "library"]

#: Whole numbers that a column of them holds.
INT64 = range(-(2**63), 2**63)
#: What a column of plain values is called there.
PLAIN = {str: "string", bool: "bool", int: "int64", float: "float64"}


def library(what: str) -> Any:
    """The library itself.

    Raises:
        MissingExtra: it isn't installed.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        if error.name != "datasets":
            raise
        raise MissingExtra(f"{what} needs datasets.", extra="hf") from error
    return datasets


def as_table_of_hub(data: Dataset, what: str) -> datasets.Dataset:
    """The rows as a ``datasets.Dataset``, with the features that keep what they are.

    Columns are those of :func:`.tables.row_record`; where a row has none of them it is ``None``.
    Of ``meta``, what isn't one kind of plain values is kept as JSON. The features are those of all
    rows of the source: parts of one data set have the same, which the Hub demands.

    Raises:
        MissingExtra: datasets isn't installed.
        DataError: a column that this version of datasets has no form for.
    """
    hub = library(what)
    whole = data.whole
    kinds: dict[str, set[type]] = {}
    for row in whole:
        for name, cell in row_record(row, whole.task).items():
            kinds.setdefault(name, set()).add(_kind(cell))
    fields = _fields(hub, whole)
    first = [name for name in ("id", *whole.task.columns) if name in kinds]
    names = list(dict.fromkeys([*first, *kinds]))
    records = [row_record(row, data.task) for row in data]
    columns: dict[str, list[Any]] = {}
    features: dict[str, Any] = {}
    for name in names or data.task.required:
        cells = [record.get(name) for record in records]
        of_task = fields.get(name) if name in data.task.columns else None
        features[name] = of_task or _feature(hub, data.name, name, kinds.get(name, set()))
        if of_task is None:
            cells = [_plain(cell) for cell in cells]
        if getattr(features[name], "_type", None) == "Json":
            # Written by us: the library would round numbers. A text that is JSON it takes as it is.
            cells = [None if cell is None else orjson.dumps(cell).decode() for cell in cells]
        columns[name] = cells
    return hub.Dataset.from_dict(columns, features=hub.Features(features))


def _fields(hub: Any, data: Dataset) -> Mapping[str, Any]:
    """The features of fields that aren't plain values."""
    text, number = hub.Value("string"), hub.Value("int64")
    # What a row has beyond the task's labels is kept, too: check() tells of it.
    known = tuple(getattr(data.task, "labels", None) or ())
    names = [*known, *sorted(label for label in data.label_counts if label not in known)]
    label = hub.ClassLabel(names=names) if names else text
    return {
        "label": label,
        "spans": hub.List({"start": number, "end": number, "label": label}),
        "options": hub.List(text),
        "ranks": hub.List(number),
        "best": number,
    }


def _feature(hub: Any, source: str, name: str, kinds: set[type]) -> Any:
    """The feature of a column of other values that has cells of these kinds."""
    *plain, last = sorted(kinds - {NoneType} or {str}, key=str)
    if not plain and last in PLAIN:
        return hub.Value(PLAIN[last])
    if not hasattr(hub, "Json"):
        raise DataError(
            f"{source}: column {name!r} has values of several kinds, which datasets "
            f"{hub.__version__} has no form for. Install a newer one, or leave the column out."
        )
    return hub.Json()


def _kind(cell: Any) -> type:
    """The kind of a cell; ``object`` for whatever a column of plain values can't hold."""
    cell = _plain(cell)
    if type(cell) is int and cell not in INT64:
        return object
    return type(cell)


def _plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has no form for as text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or type(value) in PLAIN else str(value)
