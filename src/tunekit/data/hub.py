"""To and from Hugging Face ``datasets``. What is imported here is what the caller already uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ..errors import MissingExtra

if TYPE_CHECKING:
    import datasets

__all__ = ["HubRecords", "to_hub"]

BATCH = 1000


class HubRecords(Sequence[Mapping[str, Any]]):
    """The records of a ``datasets.Dataset``, read in batches, class numbers as their names."""

    def __init__(self, dataset: datasets.Dataset) -> None:
        self._dataset = dataset
        self._names = {
            column: feature.int2str
            for column, feature in dataset.features.items()
            if hasattr(feature, "int2str")
        }

    def __len__(self) -> int:
        return len(self._dataset)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> HubRecords: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | HubRecords:
        if isinstance(index, slice):
            return HubRecords(self._dataset.select(range(*index.indices(len(self)))))
        return self._named(self._dataset[index])

    def __iter__(self) -> Any:
        for batch in self._dataset.iter(batch_size=BATCH):
            columns = list(batch)
            for cells in zip(*batch.values(), strict=True):
                yield self._named(dict(zip(columns, cells, strict=True)))

    def _named(self, record: dict[str, Any]) -> dict[str, Any]:
        for column, name in self._names.items():
            if isinstance(record.get(column), int) and record[column] >= 0:
                record[column] = name(record[column])
        return record


def to_hub(records: list[dict[str, Any]]) -> datasets.Dataset:
    """Records as a ``datasets.Dataset``."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise MissingExtra("to_hf needs datasets.", extra="hf") from error
    return datasets.Dataset.from_list(records)
