"""Data sets into formats, and from and for other libraries: pandas, ``datasets`` and its Hub."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast, overload

from ..tasks.base import Task
from .frames import frame_of, records_of
from .layout import Columns
from .reading import task_options
from .render import records_in, write_in
from .scanning import check_task, scanned
from .sources import MemorySource
from .table import Table

if TYPE_CHECKING:
    import datasets
    import pandas

    from .dataset import Dataset
    from .hub import HubRecords

__all__ = ["Exchange"]


class Exchange(ABC):
    """What a data set can be made into, and what other libraries make it of."""

    @abstractmethod
    def __init__(self, table: Table, task: Task, picked: array[int] | None = None) -> None: ...

    @classmethod
    def from_pandas(
        cls,
        frame: pandas.DataFrame,
        task: Task,
        *,
        columns: Columns | None = None,
        **reader_options: Any,
    ) -> Self:
        """A data set from a pandas frame. The rows are copied; missing values become ``None``.

        Args:
            frame: a row each.
            task: what the rows mean.
            columns: the column of each field where the names differ, as for :meth:`Dataset.read`.
            reader_options: the task's own, as for :meth:`Dataset.read`.

        Raises:
            DataError: a column is missing, or rows are broken; all at once.
            InputError: an unknown field or option.

        Example:
            >>> import pandas
            >>> from tunekit import Dataset, Transformation
            >>> frame = pandas.DataFrame({"input": ["teh"], "output": ["the"]})
            >>> Dataset.from_pandas(frame, Transformation()).to_pandas()
              input output
            0   teh    the
        """
        check_task(task)
        records, names = records_of(frame)
        source = MemorySource(records, "frame", task, columns, names)
        return cls(*scanned(source, task, task_options(task, reader_options), "raise"))

    @classmethod
    def from_hf(
        cls,
        dataset: datasets.Dataset,
        task: Task,
        *,
        columns: Columns | None = None,
        **reader_options: Any,
    ) -> Self:
        """A data set from a Hugging Face ``datasets.Dataset``, which stays where it is (on disk).

        Class labels that are stored as numbers become their names.

        Args:
            dataset: one part, such as ``dataset["train"]``.
            task: what the rows mean.
            columns: the column of each field where the names differ, as for :meth:`Dataset.read`.
            reader_options: the task's own, as for :meth:`Dataset.read`.

        Raises:
            DataError: a column is missing, or rows are broken; all at once.
            InputError: an unknown field or option, or no ``datasets.Dataset``.
            MissingExtra: datasets isn't installed.

        Example:
            >>> from tunekit import Dataset, Transformation
            >>> data = Dataset.from_rows([{"input": "teh", "output": "the"}], Transformation())
            >>> Dataset.from_hf(data.to_hf(), Transformation()).fingerprint == data.fingerprint
            True
        """
        from .hub import HubRecords

        check_task(task)
        return cls._of_hub(HubRecords(dataset), "dataset", task, columns, reader_options)

    @classmethod
    def from_hub(
        cls,
        repo: str,
        task: Task,
        *,
        split: str = "train",
        revision: str | None = None,
        config: str | None = None,
        columns: Columns | None = None,
        token_env: str = "HF_TOKEN",  # noqa: S107 - a variable's name
        **reader_options: Any,
    ) -> Self:
        """A data set from one part of a data set on the Hugging Face Hub.

        Args:
            repo: ``"user/name"``.
            task: what the rows mean.
            split: the part.
            revision: a branch, tag or commit.
            config: which of several data sets in the repository.
            columns: the column of each field where the names differ, as for :meth:`Dataset.read`.
                What :meth:`push_to_hub` wrote needs none.
            token_env: the environment variable with a token, where the data set is private.
            reader_options: the task's own, as for :meth:`Dataset.read`.

        Raises:
            DataError: there is no such part, the Hub can't be reached, or rows are broken.
            InputError: that is no name of a data set.
            MissingExtra: datasets isn't installed.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> Dataset.from_hub("not a name", Classification())
            Traceback (most recent call last):
            ...
            tunekit.errors.InputError: repo='not a name' is no name of a data set. Give one such ...
        """
        from .hub import HubRecords, fetched

        check_task(task)
        found = fetched(repo, split=split, revision=revision, config=config, token_env=token_env)
        return cls._of_hub(HubRecords(found), repo, task, columns, reader_options)

    @classmethod
    def _of_hub(
        cls,
        records: HubRecords,
        name: str,
        task: Task,
        columns: Columns | None,
        options: dict[str, Any],
    ) -> Self:
        source = MemorySource(records, name, task, columns, records.columns)
        return cls(*scanned(source, task, task_options(task, options), "raise"))

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
            return list(records_in(cast("Dataset", self), format))
        return write_in(cast("Dataset", self), format, Path(path))

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a pandas frame: the task's fields, then ``meta``.

        Raises:
            MissingExtra: pandas isn't installed.
        """
        return frame_of(records_in(cast("Dataset", self), "jsonl"))

    def to_hf(self) -> datasets.Dataset:
        """The rows as a Hugging Face ``datasets.Dataset``: labels as a closed set, spans as a list
        of objects. :meth:`from_hf` gives the same rows again.

        Raises:
            MissingExtra: datasets isn't installed.
            DataError: a column has values of several kinds.
        """
        from .hub_rows import as_table_of_hub

        return as_table_of_hub(cast("Dataset", self), "to_hf")

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool = True,
        split: str = "train",
        token_env: str = "HF_TOKEN",  # noqa: S107 - a variable's name
    ) -> str:
        """Write the rows to the Hugging Face Hub, as one part of a data set there.

        The part is replaced where it is there; other parts stay.

        Args:
            repo: ``"user/name"``; made where it isn't there.
            private: a new repository is; one that is there has to be.
            split: the part.
            token_env: the environment variable with a token that may write.

        Returns:
            ``"user/name@commit"``.

        Raises:
            DataError: the repository is public, or the Hub refused.
            AuthenticationFailed: there is no token.
            MissingExtra: datasets isn't installed.

        Example:
            >>> from tunekit import Dataset, Transformation
            >>> data = Dataset.from_rows([{"input": "teh", "output": "the"}], Transformation())
            >>> data.push_to_hub("user/spelling", token_env="NO_SUCH_TOKEN")
            Traceback (most recent call last):
            ...
            tunekit.errors.AuthenticationFailed: hub: the environment variable NO_SUCH_TOKEN ...
        """
        from .hub import push

        return push(cast("Dataset", self), repo, private=private, split=split, token_env=token_env)
