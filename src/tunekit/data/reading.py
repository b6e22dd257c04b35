"""From a path and what a caller says about it to a source and checked options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, did_you_mean
from ..formats.registry import codec, codecs
from ..tasks.base import Task
from .layout import Columns
from .sources import JsonSource, ParquetSource, Source
from .text import CsvSource, JsonlSource
from .wire import open_wire

__all__ = ["open_source", "task_options"]

BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".conll": "conll",
    ".conll2003": "conll",
    ".iob": "conll",
    ".bio": "conll",
    ".spacy": "spacy",
}
TABLES = ("csv", "tsv", "json", "jsonl", "parquet")


def open_source(
    path: Path, task: Task, columns: Columns | None, format: str | None, options: dict[str, Any]
) -> Source:
    """The source for a path. Takes the options it uses out of ``options``."""
    kind = format or BY_SUFFIX.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"{path.name}: the ending {path.suffix!r} says no format. "
            f"Give format=, one of {', '.join(_known())}."
        )
    if kind not in _known():
        raise InputError(f"no format {kind!r}. {did_you_mean(kind, _known())}")
    if kind == "parquet":
        return ParquetSource(path, task, columns)
    encoding = options.pop("encoding", "utf-8")
    if not isinstance(encoding, str):
        raise InputError(
            f"encoding is {type(encoding).__name__}, not a text. Give one, such as 'utf-8'."
        )
    if kind in ("csv", "tsv"):
        delimiter = options.pop("delimiter", "\t" if kind == "tsv" else None)
        if delimiter is not None and not isinstance(delimiter, str):
            raise InputError(
                f"delimiter is {type(delimiter).__name__}, not a text. Give one character."
            )
        return CsvSource(path, task, columns, encoding=encoding, delimiter=delimiter)
    if kind == "json":
        return JsonSource(path, task, columns, encoding)
    if kind == "jsonl":
        return JsonlSource(path, task, columns, encoding=encoding)
    return open_wire(path, task, codec(kind), columns, encoding, options)


def task_options(task: Task, options: Mapping[str, Any]) -> dict[str, Any]:
    """The task's own reader options, checked.

    Raises:
        InputError: an option that nobody here knows, or a value it can't have.
    """
    for name, value in options.items():
        allowed = task.reader_options.get(name)
        if allowed is None:
            raise InputError(
                f"no reader option {name!r} for {task.kind} in this format. "
                f"{did_you_mean(name, task.reader_options)}"
            )
        if not any(value == one and type(value) is type(one) for one in allowed):
            raise InputError(
                f"{name}={value!r}: it is one of {', '.join(map(repr, allowed))}. Give one of them."
            )
    return dict(options)


def _known() -> tuple[str, ...]:
    return (*TABLES, *(one.name for one in codecs()))
