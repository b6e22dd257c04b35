"""Rows and predictions side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from ..errors import DataError, InputError
from ..shapes import Failure
from ..tasks.base import Row

__all__ = ["paired"]

R = TypeVar("R", bound=Row)
A = TypeVar("A")


def paired(
    rows: Iterable[Row], predictions: Sequence[object], row_type: type[R], answer_type: type[A]
) -> Iterator[tuple[int, R, A | Failure]]:
    """Each row's number (from 0), the row, and what was predicted for it.

    Raises:
        DataError: there are no rows.
        InputError: rows and predictions differ in number, or one isn't of its type.
    """
    count = 0
    for number, row in enumerate(rows):
        count += 1
        if not isinstance(row, row_type):
            raise InputError(
                f"row {number}: expected {row_type.__name__}, got {type(row)!r}. "
                "Give rows of the task that the model was trained for."
            )
        if number >= len(predictions):
            continue  # counted to the end, for the message
        said = predictions[number]
        if not isinstance(said, answer_type | Failure):
            raise InputError(
                f"prediction {number}: expected {answer_type.__name__} or Failure, "
                f"got {type(said)!r}. Give what model.predict(rows, errors='return') returns."
            )
        yield number, row, said
    if not count:
        raise DataError("There are no rows to evaluate on. Give the held-out part of a split.")
    if count != len(predictions):
        raise InputError(f"{count} rows and {len(predictions)} predictions: give one each.")
