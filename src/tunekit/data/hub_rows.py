"""Rows as a table of the library ``datasets``: labels stay a closed set, spans stay spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
    Of ``meta``, what isn't one kind of plain values is kept as JSON.

    Raises:
        MissingExtra: datasets isn't installed.
        DataError: a column that this version of datasets has no form for.
    """
    hub = library(what)
    records = [row_record(row, data.task) for row in data]
    names = dict.fromkeys(name for name in data.task.columns if any(name in one for one in records))
    names |= dict.fromkeys(name for record in records for name in record)
    names = names or dict.fromkeys(data.task.required)
    columns = {name: [record.get(name) for record in records] for name in names}
    fields = _fields(hub, data)
    features: dict[str, Any] = {}
    for name, cells in columns.items():
        feature = fields.get(name)
        if feature is None:
            feature, columns[name] = _meta(hub, data.name, name, cells)
        features[name] = feature
    return hub.Dataset.from_dict(columns, features=hub.Features(features))


def _fields(hub: Any, data: Dataset) -> Mapping[str, Any]:
    """The features of the fields that tasks have."""
    text, number = hub.Value("string"), hub.Value("int64")
    seen = data.label_counts
    # What a row has beyond the task's labels is kept, too: check() tells of it.
    known = tuple(getattr(data.task, "labels", None) or ())
    names = [*known, *sorted(label for label in seen if label not in known)]
    label = hub.ClassLabel(names=names) if names else text
    spans = hub.List({"start": number, "end": number, "label": label})
    fields = {"id": text, "label": label, "spans": spans, "options": hub.List(text)}
    fields |= {"ranks": hub.List(number), "best": number}
    fields |= dict.fromkeys(("text", "context", "question", "input", "output"), text)
    return {name: one for name, one in fields.items() if name == "id" or name in data.task.columns}


def _meta(hub: Any, source: str, name: str, cells: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The feature of a column of ``meta``, and its cells as that holds them."""
    plain = [_plain(cell) for cell in cells]
    kinds = {type(cell) for cell in plain if cell is not None}
    kind = kinds.pop() if len(kinds) == 1 else None if kinds else str
    fits = kind is not int or all(cell is None or cell in INT64 for cell in plain)
    if kind in PLAIN and fits:
        return hub.Value(PLAIN[kind]), plain
    if not hasattr(hub, "Json"):
        raise DataError(
            f"{source}: column {name!r} has values of several kinds, which datasets "
            f"{hub.__version__} has no form for. Install a newer one, or leave the column out."
        )
    return hub.Json(), plain


def _plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has no form for as text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or type(value) in PLAIN else str(value)
