"""Data sets from and for other libraries: pandas, Hugging Face ``datasets`` and its Hub."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from typing import TYPE_CHECKING, Any, Self, cast

from ..tasks.base import Task
from .frames import frame_of, records_of
from .layout import Columns
from .reading import task_options
from .render import records_in
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
    """What a data set can be made of, and be made into, by other libraries."""

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
        """A data set from a pandas frame. The rows are copied; missing values become ``None``."""
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
            MissingExtra: datasets isn't installed.
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

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a pandas frame: the task's fields, then ``meta``."""
        return frame_of(records_in(cast("Dataset", self), "jsonl"))

    def to_hf(self) -> datasets.Dataset:
        """The rows as a Hugging Face ``datasets.Dataset``: labels as a closed set, spans as a list
        of objects. :meth:`from_hf` gives the same rows again."""
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
        """
        from .hub import push

        return push(cast("Dataset", self), repo, private=private, split=split, token_env=token_env)
