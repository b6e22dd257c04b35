"""From a source and a task to what a data set is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DataError, InputError
from ..tasks.base import Task
from .likely import likely_formats
from .sources import Source
from .table import Table, scan

__all__ = ["check_task", "scanned"]


def check_task(task: Any) -> None:
    """Raise InputError where that is no task, such as the class in place of one."""
    if not isinstance(task, Task):
        name = task.__name__ if isinstance(task, type) else type(task).__name__
        raise InputError(f"task={name} is no task. Make one: Classification(), Extraction() …")


def scanned(
    source: Source, task: Task, options: Mapping[str, Any], on_error: str
) -> tuple[Table, Task]:
    """A source read through once, and the task with the labels that were found.

    Raises:
        DataError: records that can't be read, unless they are to be left out; no row at all. Where
            that is because the file is in another format, the message says which.
    """
    if on_error not in ("raise", "skip"):
        raise InputError(f"on_error={on_error!r}. Give 'raise' or 'skip'.")
    table = scan(source, task, options)
    if not len(table) and (names := likely_formats(source, task)):
        said = " or ".join(f"format={name!r}" for name in names)
        raise DataError(
            f"{source.name} is no table of {task.kind} rows, but a training file. "
            f"Read it with {said}."
        )
    if table.misread and on_error == "raise":
        count = table.misread_count
        raise DataError(
            f"{source.name}: {count} of {count + len(table)} records can't be read "
            "(on_error='skip' leaves them out):",
            table.misread,
        )
    if not len(table):
        raise DataError(
            f"{source.name} has no rows that could be read. Give at least one.", table.misread
        )
    return table, task.resolve(table.labels)
