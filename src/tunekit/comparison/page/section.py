"""A part of the page, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .drawing import Chart, Table

__all__ = ["Section"]


class Section(NamedTuple):
    """What stands under one heading.

    ``charts`` are groups of which each begins a line. What is ``folded`` is seen on demand.
    ``special`` names a part that has a template of its own.
    """

    id: str
    title: str
    lead: str = ""
    charts: Sequence[Sequence[Chart]] = ()
    tables: Sequence[Table] = ()
    folded: Sequence[Chart | Table] = ()
    notes: Sequence[str] = ()
    special: str = ""
