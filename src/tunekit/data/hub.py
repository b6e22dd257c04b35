"""To and from Hugging Face ``datasets``. What is imported here is what the caller already uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ..errors import InputError, MissingExtra

if TYPE_CHECKING:
    import datasets

__all__ = ["HubRecords", "to_hub"]


class HubRecords(Sequence[Mapping[str, Any]]):
    """The records of a ``datasets.Dataset``, class numbers as their names."""

    def __init__(self, dataset: datasets.Dataset) -> None:
        if not hasattr(dataset, "column_names") or not isinstance(dataset.column_names, list):
            raise InputError(
                f"from_hf takes one datasets.Dataset, not {type(dataset).__name__}. "
                "Of several parts give one, such as dataset['train']."
            )
        self._dataset = dataset
        self.columns: list[str] = dataset.column_names
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
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        columns = self._dataset[index]
        cells = zip(*columns.values(), strict=True)
        return [self._named(dict(zip(columns, one, strict=True))) for one in cells]

    def _named(self, record: dict[str, Any]) -> dict[str, Any]:
        for column, name in self._names.items():
            number = record[column]
            # Unlabelled parts of a data set have -1 for a class.
            record[column] = None if number is None or number < 0 else name(number)
        return record


def to_hub(records: list[dict[str, Any]]) -> datasets.Dataset:
    """Records as a ``datasets.Dataset``."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        if error.name != "datasets":
            raise
        raise MissingExtra("to_hf needs datasets.", extra="hf") from error
    return datasets.Dataset.from_list(records)
