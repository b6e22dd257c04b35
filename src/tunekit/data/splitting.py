"""Which rows go where: seeded, even over labels, the same on every platform.

Rows are put in order by a hash of seed and content, so no generator's version matters, and rows
in another order of the file still go the same way.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from ..errors import InputError
from .near import near_components

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .dataset import Dataset

__all__ = ["draw", "split_positions"]


def split_positions(
    data: Dataset,
    *,
    test: float,
    validation: float,
    seed: int,
    group: str | None,
    time: str | None,
    near_duplicates: bool,
) -> list[array[int]]:
    """Positions of (train, test) or (train, validation, test), each in ascending order.

    Rows that ask the very same stay together, and with ``near_duplicates`` those that ask nearly
    the same. With ``group`` so do the rows of a group, and groups that share such rows. By ``time``
    the order alone decides, and rows of the same time stay together.
    """
    if not 0 < test < 1 or not 0 <= validation < 1 or test + validation >= 1:
        raise InputError(
            f"test={test} and validation={validation} are shares of the rows. Give numbers over 0 "
            "(validation may be 0), and under 1 together."
        )
    if group is not None and time is not None:
        raise InputError("split by group or by time, not by both. Leave one out.")
    import numpy as np

    shares = (test, validation) if validation else (test,)
    tied = False
    if time is not None:
        held, tied = _last(data, time, shares)
    else:
        held, tied = _stratified(data, shares, seed, group, near_duplicates)
    in_training = np.ones(len(data), np.bool_)
    for part in held:
        in_training[part] = False
    parts = [in_training.nonzero()[0], *reversed(held)]
    if not all(map(len, parts)):
        tied = tied and all(round(share * len(data)) for share in shares)
        raise InputError(_empty(len(data), tied, group, time, near_duplicates))
    return [array("Q", part.astype(np.uint64).tobytes()) for part in parts]


def _empty(
    count: int, tied: bool, group: str | None, time: str | None, near_duplicates: bool
) -> str:
    """Why a part would be empty, and the way out."""
    if not tied:
        return (
            f"{count} rows are too few: a part of this split would be empty. Give more rows or "
            "other shares."
        )
    what = "ask the same" if group is None else f"have the same {group!r} or ask the same"
    if time is not None:
        what = f"have the same {time!r}"
    elif near_duplicates:
        return (
            f"a part of this split would be empty: of {count} rows too many {what}, or nearly, "
            "and stay together. Give other shares, or near_duplicates=False to keep only those "
            "together that ask the very same."
        )
    return (
        f"a part of this split would be empty: of {count} rows too many {what}, and stay "
        "together. Give more rows or other shares."
    )


def draw(data: Dataset, n: int, seed: int) -> array[int]:
    """Positions of ``n`` rows, in ascending order."""
    if type(n) is not int or not 0 < n <= len(data):
        raise InputError(f"sample takes 1 to {len(data)} rows here, not {n!r}. Give such a number.")
    import numpy as np

    keys = np.frombuffer(_keys(data, seed), np.uint64)
    drawn = np.sort(np.argsort(keys, kind="stable")[:n])
    return array("Q", drawn.astype(np.uint64).tobytes())


def _key(seed: int, content: Any) -> int:
    text = orjson.dumps(content)
    try:
        salt = seed.to_bytes(8, "big", signed=True)
    except (AttributeError, OverflowError) as error:
        raise InputError(f"seed={seed!r} is no whole number of 64 bits. Give one.") from error
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, salt=salt).digest(), "big")


def _keys(data: Dataset, seed: int) -> array[int]:
    return array("Q", (_key(seed, row.content) for row in data))


def _stratified(
    data: Dataset, shares: Sequence[float], seed: int, group: str | None, near_duplicates: bool
) -> tuple[list[NDArray[np.int64]], bool]:
    """The rows of the held parts, and whether any rows were tied to each other."""
    import numpy as np

    from .allocating import Facts, allocate
    from .arrays import tie_equal

    _key(seed, None)  # complains about a seed before anything takes time
    component = near_components(data) if near_duplicates else np.arange(len(data))
    keys, asks, combination = array("Q"), array("Q"), array("i")
    numbers: dict[tuple[str, ...], int] = {}
    label_values = data.task.label_values
    for _, rows in data.portions():
        for row in rows:
            keys.append(_key(seed, row.content))
            asks.append(_key(0, row.asks))
            labels = label_values(row)
            if len(labels) > 1:
                labels = tuple(sorted(set(labels)))
            combination.append(numbers.setdefault(labels, len(numbers)))
    tie_equal(component, np.frombuffer(asks, np.uint64))
    del asks  # as rows come by the million
    if group is not None:
        names = array("Q", (_key(0, str(value)) for value in data.column(group)))
        tie_equal(component, np.frombuffer(names, np.uint64))
    facts = Facts(
        np.frombuffer(keys, np.uint64),
        component,
        np.frombuffer(combination, np.int32),
        tuple(numbers),
        data.label_counts,
    )
    tied = bool((component != np.arange(len(component))).any())
    return allocate(facts, shares), tied


def _last(
    data: Dataset, time: str, shares: Sequence[float]
) -> tuple[list[NDArray[np.int64]], bool]:
    """The latest rows, and whether any rows have the same time: those stay together."""
    import numpy as np

    values = _moments(data.column(time), time)
    try:
        order = sorted(range(len(data)), key=lambda at: (values[at], at))
    except TypeError as error:
        raise InputError(
            f"column {time!r} can't be put in order ({error}). Mend it, or split without time=."
        ) from error
    begins = [at for at in range(1, len(order)) if values[order[at]] != values[order[at - 1]]]
    tied = len(begins) + 1 < len(order)
    held = []
    for parts_left, share in zip(range(len(shares), 0, -1), shares, strict=True):
        # The parts that are still to come, and training, need a time each.
        begin = _begin(begins[parts_left - 1 :], len(order), round(share * len(data)), len(data))
        held.append(np.sort(np.array(order[begin:], np.int64)))
        order, begins = order[:begin], [at for at in begins if at < begin]
    return held, tied


def _begin(begins: Sequence[int], end: int, count: int, rows: int) -> int:
    """Where the last ``count`` rows begin, or the nearest place at which a time begins.

    As with groups, a part that is larger than its share is better than none, up to half of the
    rows. ``end`` where there is no such place.
    """
    if not count or not begins:
        return end
    nearest = min(begins, key=lambda at: (abs(end - at - count), end - at))
    size = end - nearest
    return end if size >= 2 * count and 2 * size > rows else nearest


def _moments(values: list[Any], column: str) -> list[Any]:
    """Values that can be put in order. As texts, 10 would come before 9."""
    if not any(isinstance(value, str) for value in values):
        return values
    readers: tuple[Callable[[str], Any], ...] = (float, datetime.fromisoformat)
    for read in readers:
        try:
            return [read(value) for value in values]
        except (TypeError, ValueError):
            continue
    raise InputError(
        f"column {column!r} holds neither numbers nor ISO 8601 times (2026-01-31) throughout. "
        "Write it so, or split without time=."
    )
