"""From a path and what a caller says about it to a source and checked options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, did_you_mean
from ..findings import Finding
from ..formats.base import Codec, Header, Undecoded
from ..formats.registry import codec, codecs
from ..tasks.base import Task
from .layout import Columns, freeze
from .sources import JsonSource, ParquetSource, Source
from .text import CsvSource, JsonlSource

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
}
TABLES = ("csv", "tsv", "json", "jsonl", "parquet")


class CodecSource(JsonlSource):
    """A provider's training file, read back into rows."""

    def __init__(self, path: Path, task: Task, wire: Codec, encoding: str) -> None:
        super().__init__(path, task, None, encoding=encoding)
        self._task, self._codec = task, wire

    def fields(self, value: Any) -> dict[str, Any] | str:
        example = self._codec.decode(value, Header())
        if isinstance(example, Undecoded):
            return f"{example.field}: {example.message}" if example.field else example.message
        row = self._task.lift(example)
        if isinstance(row, Finding):
            return row.message
        fields = {name: cell for name, cell in row if name not in ("given_id", "meta")}
        # Other keys of the record belong to nobody here, and are kept.
        rest = {key: one for key, one in value.items() if key not in self._codec.keys}
        if rest:
            fields["meta"] = tuple((key, freeze(one)) for key, one in rest.items())
        return fields


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
    encoding = options.pop("encoding", "utf-8")
    if not isinstance(encoding, str):
        raise InputError(f"encoding is {type(encoding).__name__}, not a text")
    if kind in ("csv", "tsv"):
        delimiter = options.pop("delimiter", "\t" if kind == "tsv" else None)
        return CsvSource(path, task, columns, encoding=encoding, delimiter=delimiter)
    if kind == "json":
        return JsonSource(path, task, columns, encoding)
    if kind == "jsonl":
        return JsonlSource(path, task, columns, encoding=encoding)
    if kind == "parquet":
        return ParquetSource(path, task, columns)
    if columns is not None:
        raise InputError(f"format {kind!r} says itself what is what: it takes no columns")
    return CodecSource(path, task, codec(kind), encoding)


def task_options(task: Task, options: Mapping[str, Any]) -> dict[str, Any]:
    """The task's own reader options, checked.

    Raises:
        InputError: an option that nobody here knows, or a value it can't have.
    """
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name not in task.reader_options:
            known = {*task.reader_options, "encoding", "delimiter"}
            raise InputError(
                f"no reader option {name!r} for {task.kind} here. {did_you_mean(name, known)}"
            )
        allowed = task.reader_options[name]
        if value not in allowed:
            raise InputError(f"{name}={value!r}: it is one of {', '.join(map(repr, allowed))}")
        checked[name] = value
    return checked


def _known() -> tuple[str, ...]:
    return (*TABLES, *(one.name for one in codecs()))
