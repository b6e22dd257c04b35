"""From what is typed to what the public API takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import typer

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..model import Model
    from ..tasks.base import Task

__all__ = [
    "From",
    "columns_of",
    "load_model",
    "mapping",
    "new_file",
    "task_named",
    "values",
    "written_as",
]


def mapping(pairs: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` pairs as a mapping.

    >>> mapping(["tuned=models/tuned", "rule=models/rule"])
    {'tuned': 'models/tuned', 'rule': 'models/rule'}
    """
    found: dict[str, str] = {}
    for name, value in map(_pair, pairs):
        if name in found:
            raise typer.BadParameter(f"{name!r} is given twice.")
        found[name] = value
    return found


def values(pairs: Iterable[str] | None) -> dict[str, Any]:
    """``NAME=VALUE`` pairs; what is JSON (numbers, lists, null) is read as such, all else is text.

    >>> values(["epochs=3", "learning_rate=2e-4", "encoding=latin-1"])
    {'epochs': 3, 'learning_rate': 0.0002, 'encoding': 'latin-1'}
    """
    return {name: _value(text) for name, text in mapping(pairs or ()).items()}


def columns_of(pairs: Iterable[str] | None, task: Task) -> dict[str, str | list[str]] | None:
    """``FIELD=COLUMN`` pairs; a field that holds several values may have several columns.

    >>> from tunekit import Preference
    >>> columns_of(["question=Q", "options=A", "options=B"], Preference())
    {'question': 'Q', 'options': ['A', 'B']}
    """
    found: dict[str, list[str]] = {}
    for field, column in map(_pair, pairs or ()):
        if field in found and field in task.text_fields:
            raise typer.BadParameter(f"{field!r} is given twice.")
        found.setdefault(field, []).append(column)
    return {field: one if len(one) > 1 else one[0] for field, one in found.items()} or None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"{text!r} isn't of the form NAME=VALUE.")
    return name, value


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def task_named(kind: str, settings: Iterable[str] | None = None) -> Task:
    """A task of this kind; what isn't set comes from the data.

    Raises ConfigError for an unknown kind, InputError for a setting that it doesn't have.
    """
    from ..backends.registry import task_class
    from ..errors import InputError

    found, given = task_class(kind), values(settings)
    try:
        return found(**given)
    except TypeError as error:
        raise InputError(
            f"--task-set: {kind} takes no such setting ({error}). "
            f"Give arguments of tunekit.{found.__name__}."
        ) from error


def load_model(ref: str, kind: str | None, settings: Iterable[str] | None) -> Model:
    """The model of a reference, told what it does where that was typed."""
    import tunekit

    if kind is None and settings:
        raise typer.BadParameter("--task-set goes with --task.")
    return tunekit.load(ref, task=None if kind is None else task_named(kind, settings))


class From(NamedTuple):
    """How a file of rows is read."""

    columns: Sequence[str] | None
    format: str | None
    options: Sequence[str] | None

    def read(self, file: Path, task: Task, **more: Any) -> Dataset:
        """The rows of a file; raises what :meth:`tunekit.Dataset.read` does."""
        from ..data.dataset import Dataset

        options = values(self.options)
        taken = {"columns": "--column", "format": "--format"}
        for name in taken.keys() & options.keys():
            raise typer.BadParameter(f"--read {name}=…: that is {taken[name]}.")
        columns = columns_of(self.columns, task)
        return Dataset.read(file, task, columns=columns, format=self.format, **(options | more))


def new_file(path: Path, overwrite: bool) -> Path:
    """A file that may be written. Raises InputError where it is there and is to stay."""
    from ..durable import disk_errors
    from ..errors import InputError

    if path.exists() and not overwrite:
        raise InputError(f"{path} is there already. Name another file, or say --overwrite.")
    with disk_errors(f"writing {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def written_as(format: str | None, path: Path) -> str:
    """The format to write: as it was named, else as the file's ending says.

    >>> written_as(None, Path("rows.jsonl"))
    'jsonl'
    """
    import tunekit

    from ..errors import InputError

    if format is not None:
        return format
    there = tunekit.list_formats().items()
    for name, one in there:
        if one.writes and path.suffix.lower() in one.endings:
            return name
    raise InputError(
        f"{path.name}: the ending {path.suffix!r} says no format that is written. Name one with "
        "--to; `tunekit formats` has them."
    )
