"""The data set: rows of a task, from a source that is read again whenever they are needed."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import orjson

from ..errors import DataError, InputError, MissingExtra, did_you_mean
from ..findings import Finding
from ..tasks.base import Row, Task
from .checks import Findings, check
from .layout import Columns
from .reading import open_source, task_options
from .render import records_in, write_in
from .sources import MemorySource, Source
from .splitting import draw, split_positions
from .table import Rows, Table, scan

if TYPE_CHECKING:
    import datasets
    import pandas

__all__ = ["Dataset"]


class Dataset:
    """Rows of one task.

    A data set is a source that can be opened again, a task whose labels are resolved, and a
    selection of rows. Reading makes one validating pass and keeps errors, labels, count and an
    index, not the rows; iterating reads again, and fails if the file changed meanwhile. So a
    data set may be larger than memory, and :meth:`split`, :meth:`sample` and :meth:`filter` cost a
    few bytes a row.

    Example:
        >>> from tunekit import Classification, Dataset
        >>> data = Dataset.from_rows(
        ...     [{"text": "Thanks!", "label": "praise"}, {"text": "Late!", "label": "complaint"}],
        ...     Classification(),
        ... )
        >>> len(data), data.task.labels
        (2, ('complaint', 'praise'))
    """

    def __init__(self, table: Table, task: Task, picked: array[int] | None = None) -> None:
        self._table = table
        self._picked = picked
        self.task = task

    # --- making one -----------------------------------------------------------------------------

    @classmethod
    def read(
        cls,
        path: str | Path,
        task: Task,
        *,
        columns: Columns | None = None,
        format: str | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        **reader_options: Any,
    ) -> Dataset:
        """Read a file: CSV, TSV, JSON, JSONL, Parquet, or a provider's training file.

        Args:
            path: the file. Its ending says the format unless ``format`` does.
            task: what the rows mean. The data set's own ``task`` is a new one with the labels
                that were found, unless the task came with a closed set.
            columns: the column of each field where the names differ, ``{"text": "Text"}``; a list
                of columns for a field of several values. Other columns become the rows' ``meta``.
            format: ``"csv"``, ``"tsv"``, ``"json"``, ``"jsonl"``, ``"parquet"`` or the name of a
                codec such as ``"openai-chat"``.
            on_error: ``"raise"`` for a DataError with all bad rows at once, or ``"skip"`` to leave
                them out; ``data.misread`` then has them.
            reader_options: ``encoding``, ``delimiter``, and the task's own, such as ``best_from``.

        Raises:
            DataError: the file can't be read, a column is missing, or rows are broken; it names
                file, line and field of each.
            InputError: an unknown format, field or option.
            MissingExtra: Parquet without pyarrow.
        """
        _check_task(task)
        path = Path(path)
        options = dict(reader_options)
        source = open_source(path, task, columns, format, options)
        return cls._scanned(source, task, task_options(task, options), on_error)

    @classmethod
    def from_rows(cls, rows: Iterable[Row | Mapping[str, Any]], task: Task) -> Dataset:
        """A data set from rows, or from mappings with the task's field names. Mappings are copied.

        Raises:
            DataError: a row isn't one of this task; all bad ones at once.
        """
        _check_task(task)
        records = [row if isinstance(row, Row) else deepcopy(row) for row in rows]
        return cls._scanned(MemorySource(records, "rows", task), task, {}, "raise")

    @classmethod
    def from_pandas(
        cls,
        frame: pandas.DataFrame,
        task: Task,
        *,
        columns: Columns | None = None,
        **reader_options: Any,
    ) -> Dataset:
        """A data set from a pandas frame. The rows are copied; missing values become ``None``."""
        _check_task(task)
        names = [str(name) for name in frame.columns]
        filled = frame.set_axis(names, axis=1).astype(object).where(frame.notna().to_numpy(), None)
        records = [
            dict(zip(names, map(_plain, cells), strict=True))
            for cells in filled.itertuples(index=False, name=None)
        ]
        source = MemorySource(records, "frame", task, columns, names)
        return cls._scanned(source, task, task_options(task, reader_options), "raise")

    @classmethod
    def from_hf(
        cls,
        dataset: datasets.Dataset,
        task: Task,
        *,
        columns: Columns | None = None,
        **reader_options: Any,
    ) -> Dataset:
        """A data set from a Hugging Face ``datasets.Dataset``, which stays where it is (on disk).

        Class labels that are stored as numbers become their names.
        """
        from .hub import HubRecords

        _check_task(task)
        records = HubRecords(dataset)
        source = MemorySource(records, "dataset", task, columns, records.columns)
        return cls._scanned(source, task, task_options(task, reader_options), "raise")

    @classmethod
    def _scanned(
        cls, source: Source, task: Task, options: Mapping[str, Any], on_error: str
    ) -> Dataset:
        if on_error not in ("raise", "skip"):
            raise InputError(f"on_error={on_error!r}: it is 'raise' or 'skip'")
        table = scan(source, task, options)
        if table.misread and on_error == "raise":
            count = len(table.misread)
            raise DataError(
                f"{source.name}: {count} of {count + len(table)} records can't be read "
                "(on_error='skip' leaves them out):",
                table.misread,
            )
        if not len(table):
            raise DataError(
                f"{source.name} has no rows that could be read. Give at least one.", table.misread
            )
        return cls(table, task.resolve(table.labels))

    # --- what it is -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._table) if self._picked is None else len(self._picked)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(rows for _, rows in self.portions())

    def numbered(self) -> Iterator[tuple[int, Any]]:
        """The rows, each with its line in the source; :meth:`place` says it for people.

        Raises:
            DataChanged: the source isn't what it was.
        """
        return chain.from_iterable(zip(lines, rows, strict=True) for lines, rows in self.portions())

    def portions(self) -> Iterator[Rows]:
        """The same as :meth:`numbered`, some rows at a time, which is quicker for all of them."""
        return self._table.rows(self._picked)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> Any:
        positions = range(len(self._table)) if self._picked is None else self._picked
        if isinstance(index, slice):
            return Dataset(self._table, self.task, array("Q", positions[index]))
        return next(self._table.rows((positions[index],))).rows[0]

    def __repr__(self) -> str:
        return f"<Dataset {self._table.source.name}: {len(self)} rows of {self.task.kind}>"

    def place(self, line: int) -> str:
        """Where a line stands: ``"pii.csv:12"``."""
        return self._table.source.place(line)

    @property
    def misread(self) -> tuple[Finding, ...]:
        """The records that ``on_error="skip"`` left out."""
        return self._table.misread

    @property
    def name(self) -> str:
        """What the source is called."""
        return self._table.source.name

    @cached_property
    def fingerprint(self) -> str:
        """Thirty-two hexadecimal digits that change with any row or their order.

        Ids, ``meta`` and the file format don't count: the same rows have the same fingerprint
        wherever they come from.
        """
        digest = hashlib.blake2b(digest_size=16)
        for _, rows in self.portions():
            # A portion's list without its brackets, so that it doesn't matter where portions end.
            digest.update(orjson.dumps([row.content for row in rows])[1:-1] + b",")
        return digest.hexdigest()

    @cached_property
    def label_counts(self) -> Mapping[str, int]:
        """How many rows (spans) have each label, for the tasks that have labels."""
        if self._picked is None:
            return self._table.labels
        return Counter(chain.from_iterable(map(self.task.label_values, self)))

    @cached_property
    def needs(self) -> Mapping[str, int]:
        """The features that rows need a backend to carry, with the number of such rows."""
        if self._picked is None or not self._table.needs:
            return self._table.needs
        return Counter(chain.from_iterable(map(self.task.needs, self)))

    def column(self, name: str) -> list[Any]:
        """One field, or one column of ``meta``, of all rows.

        Raises:
            InputError: there is no such column.
        """
        fields = type(self.task).row_type.model_fields
        if name == "id" or (name in fields and name not in ("meta", "given_id")):
            return [getattr(row, name) for row in self]
        missing = object()
        cells = [row.get(name, missing) for row in self]
        if all(cell is missing for cell in cells):
            known = {*self.task.columns, "id", *(key for row in self for key, _ in row.meta)}
            raise InputError(f"no column {name!r} in {self!r}. {did_you_mean(name, known)}")
        return [None if cell is missing else cell for cell in cells]

    def check(self) -> Findings:
        """What is wrong with the meaning of the rows: all of it, each with row and source."""
        return check(self)

    # --- selections -----------------------------------------------------------------------------

    def split(
        self,
        *,
        test: float = 0.2,
        validation: float = 0.0,
        seed: int = 0,
        group: str | None = None,
        time: str | None = None,
    ) -> tuple[Dataset, ...]:
        """Split into (train, test), or (train, validation, test) where ``validation`` is over 0.

        The same rows and seed give the same parts on every platform. Labels are spread evenly
        over the parts.

        Args:
            test: the share of rows, between 0 and 1, both excluded.
            validation: likewise, or 0.
            seed: another seed, another split.
            group: a column whose equal values stay on one side.
            time: a column by which the last rows become the test part: numbers, or times as
                ISO 8601 has them.

        Raises:
            InputError: shares that leave a part empty, both ``group`` and ``time``, a column that
                isn't there or can't be put in order.
        """
        parts = split_positions(
            self, test=test, validation=validation, seed=seed, group=group, time=time
        )
        return tuple(self._select(part) for part in parts)

    def sample(self, n: int, *, seed: int = 0) -> Dataset:
        """``n`` rows drawn without replacement, in the order in which they stand here.

        Raises:
            InputError: there are fewer rows.
        """
        return self._select(draw(self, n, seed))

    def filter(self, fn: Callable[[Any], bool]) -> Dataset:
        """The rows for which ``fn`` is true. The task keeps its labels."""
        return self._select(position for position, row in enumerate(self) if fn(row))

    def with_task(self, task: Task) -> Dataset:
        """The same rows under another task of the same kind, such as that of a training part.

        Raises:
            InputError: the rows are of another kind of task.
        """
        if type(task) is not type(self.task):
            raise InputError(f"rows of {self.task.kind} can't be read as {task.kind}")
        return Dataset(self._table, task, self._picked)

    def _select(self, positions: Iterable[int]) -> Dataset:
        if self._picked is None:
            return Dataset(self._table, self.task, array("Q", positions))
        picked = self._picked
        return Dataset(self._table, self.task, array("Q", (picked[at] for at in positions)))

    # --- out again ------------------------------------------------------------------------------

    @overload
    def to(self, format: str, path: None = None) -> list[dict[str, Any]]: ...
    @overload
    def to(self, format: str, path: str | Path) -> Path: ...
    def to(self, format: str, path: str | Path | None = None) -> list[dict[str, Any]] | Path:
        """The rows in a format: as records, or written to ``path`` as a whole.

        Args:
            format: a codec such as ``"openai-chat"``, or ``"jsonl"`` for the rows themselves.
            path: a file that is written (or replaced) once everything is there.

        Raises:
            UnsupportedTask: the task has no shape that this format carries.
            DataError: rows whose meaning forbids it; all at once.
            StoreError: the disk refused. Nothing is left behind.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> rows = [{"text": "Thanks", "label": "a"}, {"text": "No", "label": "b"}]
            >>> records = Dataset.from_rows(rows, Classification()).to("openai-chat")
            >>> records[0]["messages"][-1]
            {'role': 'assistant', 'content': 'a'}
        """
        if path is None:
            return list(records_in(self, format))
        return write_in(self, format, Path(path))

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a pandas frame: the task's fields, then ``meta``."""
        try:
            import pandas
        except ModuleNotFoundError as error:
            if error.name != "pandas":
                raise
            raise MissingExtra("to_pandas needs pandas.", extra="pandas") from error
        return pandas.DataFrame(list(records_in(self, "jsonl")))

    def to_hf(self) -> datasets.Dataset:
        """The rows as a Hugging Face ``datasets.Dataset``."""
        from .hub import to_hub

        return to_hub(list(records_in(self, "jsonl")))


def _check_task(task: Any) -> None:
    if not isinstance(task, Task):
        name = task.__name__ if isinstance(task, type) else type(task).__name__
        raise InputError(f"task={name} is no task. Make one: Classification(), Extraction() …")


def _plain(cell: Any) -> Any:
    """A cell of a frame without numpy's types."""
    return cell.tolist() if hasattr(cell, "tolist") else cell
