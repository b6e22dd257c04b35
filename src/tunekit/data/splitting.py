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

if TYPE_CHECKING:
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
) -> list[list[int]]:
    """Positions of (train, test) or (train, validation, test), each in ascending order."""
    if not 0 < test < 1 or not 0 <= validation < 1 or test + validation >= 1:
        raise InputError(
            f"test={test} and validation={validation} are shares of the rows: over 0 "
            "(validation may be 0), and under 1 together"
        )
    if group is not None and time is not None:
        raise InputError("split by group or by time, not by both")
    shares = (test, validation) if validation else (test,)
    if time is not None:
        held = _last(data, time, shares)
    elif group is not None:
        held = _groups(data, group, shares, seed)
    else:
        held = _stratified(data, shares, seed)
    taken = bytearray(len(data))
    for part in held:
        for position in part:
            taken[position] = 1
    train = [position for position in range(len(data)) if not taken[position]]
    parts = [train, *reversed(held)]
    if not all(parts):
        raise InputError(
            f"{len(data)} rows are too few (or groups too large): a part of this split would be "
            "empty. Give more rows or other shares."
        )
    return [sorted(part) for part in parts]


def draw(data: Dataset, n: int, seed: int) -> list[int]:
    """Positions of ``n`` rows, in ascending order."""
    if type(n) is not int or not 0 < n <= len(data):
        raise InputError(f"sample takes 1 to {len(data)} rows here, not {n!r}")
    keys = _keys(data, seed)
    return sorted(sorted(range(len(data)), key=lambda at: (keys[at], at))[:n])


def _key(seed: int, content: Any) -> int:
    text = orjson.dumps(content)
    try:
        salt = seed.to_bytes(8, "big", signed=True)
    except (AttributeError, OverflowError) as error:
        raise InputError(f"seed={seed!r} is no whole number of 64 bits") from error
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, salt=salt).digest(), "big")


def _keys(data: Dataset, seed: int) -> array[int]:
    return array("Q", (_key(seed, row.content) for row in data))


def _stratified(data: Dataset, shares: Sequence[float], seed: int) -> list[list[int]]:
    """Each stratum gives its share; fractions of a row go by largest remainder.

    A stratum is the rows that have the same label. Of several labels (types of spans) the rarest
    counts: the frequent ones are spread well enough without help.
    """
    strata: dict[str, list[int]] = {}
    keys = array("Q")
    counts_of = data.label_counts
    for position, row in enumerate(data):
        keys.append(_key(seed, row.content))
        labels = data.task.label_values(row)
        rarest = min(labels, key=lambda label: (counts_of[label], label), default="")
        strata.setdefault(rarest, []).append(position)
    ordered = {
        stratum: sorted(positions, key=lambda at: (keys[at], at))
        for stratum, positions in sorted(strata.items())
    }
    held: list[list[int]] = []
    for share in shares:
        wanted = round(share * len(data))
        quotas = {one: share * len(strata[one]) for one in ordered}
        # A label's last row stays in training: a model can't learn what it never saw.
        spare = {one: max(len(left) - 1, 0) for one, left in ordered.items()}
        counts = {one: min(int(quota), spare[one]) for one, quota in quotas.items()}
        by_remainder = sorted(ordered, key=lambda one: (counts[one] - quotas[one], one))
        missing = wanted - sum(counts.values())
        for one in by_remainder:
            if missing > 0 and spare[one] > counts[one]:
                counts[one] += 1
                missing -= 1
        part: list[int] = []
        for one, left in ordered.items():
            part.extend(left[: counts[one]])
            ordered[one] = left[counts[one] :]
        held.append(part)
    return held


def _groups(data: Dataset, group: str, shares: Sequence[float], seed: int) -> list[list[int]]:
    """Whole groups, in the order of their hashes, until a part has its share of rows."""
    members: dict[str, list[int]] = {}
    for position, value in enumerate(data.column(group)):
        members.setdefault(str(value), []).append(position)
    queue = sorted(members, key=lambda name: (_key(seed, name), name))
    held: list[list[int]] = []
    for share in shares:
        part: list[int] = []
        while queue and len(part) < share * len(data):
            part.extend(members[queue.pop()])
        held.append(part)
    return held


def _last(data: Dataset, time: str, shares: Sequence[float]) -> list[list[int]]:
    """The latest rows."""
    values = _moments(data.column(time), time)
    try:
        order = sorted(range(len(data)), key=lambda at: (values[at], at))
    except TypeError as error:
        raise InputError(f"column {time!r} can't be put in order ({error})") from error
    held: list[list[int]] = []
    for share in shares:
        count = round(share * len(data))
        held.append(order[len(order) - count :])
        order = order[: len(order) - count]
    return held


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
