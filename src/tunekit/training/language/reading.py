"""Rows to learn from and rows to judge by, and which ones can't be learnt from."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from ...errors import ModelError
from ...shapes import Example
from ..habits import Habit
from ..work import Work

__all__ = ["read_parts"]

#: Rows that are named where some can't be learnt from.
NAMED = 10

T = TypeVar("T")


def read_parts(
    work: Work, habit: Habit, read: Callable[[Example], T | str]
) -> tuple[list[T], list[T]]:
    """Rows to learn from, and rows to judge by, of which there may be none.

    Args:
        work: the training.
        habit: how many rows are kept for judging where the user names none.
        read: makes of an example what is learnt from, or says why it can't.

    Raises:
        ModelError: no row can be learnt from.
    """
    rows = _read(work, work.train, "rows", read)
    if work.validation is not None:
        return rows, _read(work, work.validation, "validation rows", read, needed=False)
    aside = habit.left_out(len(rows))
    if not aside:
        return rows, []
    chance = random.Random(work.recipe.settings.seed)  # noqa: S311 - no secret
    out = set(chance.sample(range(len(rows)), aside))
    learnt = [row for place, row in enumerate(rows) if place not in out]
    return learnt, [rows[place] for place in sorted(out)]


def _read(
    work: Work,
    examples: Sequence[Example],
    what: str,
    read: Callable[[Example], T | str],
    *,
    needed: bool = True,
) -> list[T]:
    rows, left_out, why = list[T](), list[int](), ""
    for place, example in enumerate(examples):
        row = read(example)
        if isinstance(row, str):
            left_out.append(place)
            why = why or row
        else:
            rows.append(row)
    if needed and not rows:
        raise ModelError(
            f"none of {len(examples)} {what} can be learnt from: {why}. Shorten them, raise "
            "max_length, or take another base model."
        )
    if left_out:
        named = ", ".join(map(str, left_out[:NAMED]))
        more = f" and {len(left_out) - NAMED} more" * (len(left_out) > NAMED)
        work.run.note_event(
            "log",
            f"{len(left_out)} {what} are left out ({named}{more}): {why}, for one.",
            {"left_out": left_out[:1_000]},
        )
    return rows
