"""Rows that rank options: those that teach something, and those that are held out."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from ..shapes import Example, Order, Question
from .habits import RANKED

__all__ = ["Lists", "Split", "hold_out", "telling"]


class Lists(NamedTuple):
    """Questions, and for each the order of its options: one number each, higher is better."""

    questions: list[Question]
    orders: list[list[float]]

    def at(self, places: Sequence[int]) -> Lists:
        """Some of the rows."""
        return Lists([self.questions[one] for one in places], [self.orders[one] for one in places])


class Split(NamedTuple):
    """Rows to learn from, and rows to judge by, if any."""

    fitted: Lists
    held_out: Lists | None


def telling(examples: Sequence[Example]) -> Lists:
    """The rows in which one option is better than another; the others teach nothing."""
    rows = Lists([], [])
    for asked, order in examples:
        assert isinstance(asked, Question)
        assert isinstance(order, Order)
        if len(set(order.scores)) > 1:
            rows.questions.append(asked)
            rows.orders.append(list(order.scores))
    return rows


def hold_out(rows: Lists, seed: int) -> Split:
    """Rows apart from which one can learn. Rows that ask the same stay together: the options of
    one would tell about those of the other."""
    asking: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for place, asked in enumerate(rows.questions):
        asking[asked.question, asked.context].append(place)
    # What a handful says of two models is chance.
    if len(asking) < RANKED.from_rows:
        return Split(rows, None)
    groups = list(asking.values())
    random.Random(seed).shuffle(groups)  # noqa: S311 - no secret
    wanted = RANKED.left_out(len(rows.orders))
    out: list[int] = []
    for group in groups:
        if len(out) + len(group) <= wanted:
            out.extend(group)
    if not out:
        return Split(rows, None)
    held_out = set(out)
    fitted = [place for place in range(len(rows.orders)) if place not in held_out]
    return Split(rows.at(fitted), rows.at(sorted(out)))
