"""The data set: rows of a task, from a source that is read again whenever they are needed."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal, overload

import orjson

from ..errors import InputError, did_you_mean
from ..findings import Finding
from ..tasks.base import Row, Task
from .checks import Findings, check
from .exchange import Exchange
from .layout import Columns
from .mending import Fixed, mend
from .reading import open_source, task_options
from .scanning import check_task, scanned
from .sources import MemorySource, copied
from .splitting import draw, split_positions
from .table import Rows, Table

__all__ = ["Dataset"]


class Dataset(Exchange):
    """Rows of one task. Made by :meth:`read`, :meth:`from_rows` and the other ``from_…`` methods.

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

        Example:
            >>> from tunekit import Classification, Dataset
            >>> columns = {"text": "Text", "label": "Intent"}
            >>> path = "examples/data/insurer_messages.csv"
            >>> data = Dataset.read(path, Classification(), columns=columns)
            >>> data.place(2)
            'insurer_messages.csv:2'
        """
        check_task(task)
        path = Path(path)
        options = dict(reader_options)
        source = open_source(path, task, columns, format, options)
        return cls(*scanned(source, task, task_options(task, options), on_error))

    @classmethod
    def from_rows(cls, rows: Iterable[Row | Mapping[str, Any]], task: Task) -> Dataset:
        """A data set from rows, or from mappings with the task's field names. Mappings are copied.

        Args:
            rows: of this task, or mappings.
            task: what they mean.

        Raises:
            DataError: a row isn't one of this task; all bad ones at once.

        Example:
            >>> from tunekit import Dataset, Transformation
            >>> Dataset.from_rows([{"input": "teh", "output": "the"}], Transformation())[0].output
            'the'
        """
        check_task(task)
        records = copied(rows)
        return cls(*scanned(MemorySource(records, "rows", task), task, {}, "raise"))

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
        """Where a ``line``, as :meth:`numbered` gives it, stands: ``"pii.csv:12"``.

        Example:
            >>> from tunekit import Dataset, Transformation
            >>> data = Dataset.from_rows([{"input": "teh", "output": "the"}], Transformation())
            >>> [data.place(line) for line, row in data.numbered()]
            ['rows[0]']
        """
        return self._table.source.place(line)

    @property
    def misread(self) -> tuple[Finding, ...]:
        """The records that ``on_error="skip"`` left out."""
        return self._table.misread

    @property
    def name(self) -> str:
        """What the source is called."""
        return self._table.source.name

    @property
    def whole(self) -> Dataset:
        """All rows of the source that this is a part of."""
        return self if self._picked is None else Dataset(self._table, self.task)

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
        """One field, or one column of ``meta``, of all rows; ``name`` says which.

        Raises:
            InputError: there is no such column.

        Example:
            >>> from tunekit import Dataset, Transformation
            >>> data = Dataset.from_rows([{"input": "teh", "output": "the"}], Transformation())
            >>> data.column("output")
            ['the']
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

    def check(
        self,
        *,
        against: Dataset | None = None,
        near_duplicates: bool = True,
        model: str | None = None,
    ) -> Findings:
        """What is wrong with the rows, one by one and as a set: all of it, with row and source.

        Args:
            against: another part, such as the training rows of a test part: rows here that ask
                what rows there ask are findings.
            near_duplicates: look for rows that are nearly the same as well.
            model: a base model (``"minilm"``, a folder, a Hub id): texts that are too long for it,
                and languages that it doesn't know, are findings.

        Raises:
            InputError: ``against`` is no data set.
            WeightsError: there is no such base model.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> rows = [{"text": "", "label": "a"}, {"text": "x", "label": "b"}]
            >>> [finding.code for finding in Dataset.from_rows(rows, Classification()).check()][0]
            'empty-text'
        """
        table = self._table
        return check(self, table, against=against, near_duplicates=near_duplicates, model=model)

    def fix(self, codes: Iterable[str] | None = None) -> Fixed:
        """The data set without what has one safe way out, and every change that this takes.

        The source stays as it is: the new data set has other rows in the place of those that
        changed, and keeps only these. What isn't safe stays a finding of :meth:`check`.

        Args:
            codes: codes of findings, such as ``["span-off-by-one"]``, or ``None`` for all that can
                be mended. Repeated rows are left out only where ``"repeated-row"`` is named.

        Raises:
            InputError: a code that has no safe way out; the message names those that have.

        Example:
            >>> from tunekit import Dataset, Extraction
            >>> row = {"text": "Call 555-1234.", "spans": [(5, 12, "phone")]}
            >>> fixed = Dataset.from_rows([row], Extraction()).fix()
            >>> print(fixed.changes[0])
            rows[0], spans: 5–12 ('phone') → 5–13 ('phone') [span-off-by-one]
        """
        mended = mend(self, self._table, self._picked, codes)
        if not mended.changes:
            return Fixed(self, ())
        data = Dataset(mended.table, self.task, mended.picked)
        if mended.before != mended.after:  # labels are written otherwise
            gone = mended.before - data.label_counts.keys()
            data.task = self.task.relabel(gone, mended.after - mended.before)
        return Fixed(data, mended.changes)

    # --- selections -----------------------------------------------------------------------------

    def split(
        self,
        *,
        test: float = 0.2,
        validation: float = 0.0,
        seed: int = 0,
        group: str | None = None,
        time: str | None = None,
        near_duplicates: bool = True,
    ) -> tuple[Dataset, ...]:
        """Split into (train, test), or (train, validation, test) where ``validation`` is over 0.

        The same rows and seed give the same parts on every platform. Labels are spread evenly
        over the parts, as far as what stays together allows.

        Args:
            test: the share of rows, between 0 and 1, both excluded.
            validation: likewise, or 0.
            seed: another seed, another split.
            group: a column whose equal values stay on one side; groups that share a row do too.
            time: a column by which the last rows become the test part: numbers, or times as
                ISO 8601 has them. Rows of the same time stay on one side, so a part may be larger
                or smaller than asked for: the nearest size that cuts no time apart.
            near_duplicates: keep rows on one side that are nearly the same. Rows that ask the very
                same always stay together; by ``time``, neither do, only those of the same time.

        Raises:
            InputError: shares that leave a part empty, both ``group`` and ``time``, a column that
                isn't there or can't be put in order.
            DataChanged: the source isn't what it was.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> rows = [{"text": f"text {n * n}", "label": "ab"[n % 2]} for n in range(10)]
            >>> data = Dataset.from_rows(rows, Classification())
            >>> train, test = data.split(test=0.2, seed=7, near_duplicates=False)
            >>> len(train), len(test)
            (8, 2)
        """
        parts = split_positions(
            self,
            test=test,
            validation=validation,
            seed=seed,
            group=group,
            time=time,
            near_duplicates=near_duplicates,
        )
        return tuple(self._select(part) for part in parts)

    def sample(self, n: int, *, seed: int = 0) -> Dataset:
        """``n`` rows drawn without replacement, in the order in which they stand here. Another
        ``seed`` draws others.

        Raises:
            InputError: there are fewer rows.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> rows = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(9)]
            >>> len(Dataset.from_rows(rows, Classification()).sample(3, seed=1))
            3
        """
        return self._select(draw(self, n, seed))

    def filter(self, fn: Callable[[Any], bool]) -> Dataset:
        """The rows for which ``fn`` is true. The task keeps its labels.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> rows = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(9)]
            >>> data = Dataset.from_rows(rows, Classification())
            >>> len(data.filter(lambda row: row.label == "a"))
            5
        """
        return self._select(position for position, row in enumerate(self) if fn(row))

    def with_task(self, task: Task) -> Dataset:
        """The same rows under another ``task`` of the same kind, such as that of a training part.

        Raises:
            InputError: the rows are of another kind of task.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> data = Dataset.from_rows([{"text": "x", "label": "a"}], Classification())
            >>> data.with_task(Classification(["a", "b"])).task.labels
            ('a', 'b')
        """
        if type(task) is not type(self.task):
            raise InputError(
                f"rows of {self.task.kind} can't be read as {task.kind}. Give a task of their kind."
            )
        return Dataset(self._table, task, self._picked)

    def _select(self, positions: Iterable[int]) -> Dataset:
        if self._picked is None:
            return Dataset(self._table, self.task, array("Q", positions))
        picked = self._picked
        return Dataset(self._table, self.task, array("Q", (picked[at] for at in positions)))
