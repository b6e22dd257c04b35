"""Rows from pandas frames and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra

if TYPE_CHECKING:
    import pandas

__all__ = ["frame_of", "records_of"]


def records_of(frame: pandas.DataFrame) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a frame as mappings, missing values as ``None``, and the names of its columns."""
    names = [str(name) for name in frame.columns]
    filled = frame.set_axis(names, axis=1).astype(object).where(frame.notna().to_numpy(), None)
    records = [
        dict(zip(names, map(_plain, cells), strict=True))
        for cells in filled.itertuples(index=False, name=None)
    ]
    return records, names


def frame_of(records: Iterable[dict[str, Any]]) -> pandas.DataFrame:
    """A frame from records.

    Raises:
        MissingExtra: pandas isn't installed.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        raise MissingExtra("to_pandas needs pandas.", extra="pandas") from error
    return pandas.DataFrame(list(records))


def _plain(cell: Any) -> Any:
    """A cell of a frame without numpy's types."""
    return cell.tolist() if hasattr(cell, "tolist") else cell
