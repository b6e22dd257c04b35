"""What all reports have in common: how they print, and how a label fares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ClassScores", "Printed", "plain"]


class ClassScores(NamedTuple):
    """How one label fares. A label that was never predicted has precision 0, and one that is
    never true has recall 0. ``support`` counts what is true: rows, or spans."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class Printed(ABC):
    """A value that prints as tables: in plain text at most 100 columns wide, and in rich."""

    def __str__(self) -> str:
        from .rendering import as_text

        return as_text(self.__rich__())

    @abstractmethod
    def __rich__(self) -> RenderableType: ...


def plain(value: Any) -> Any:
    """Named tuples as dictionaries and other tuples as lists, all the way down.

    >>> plain((ClassScores("spam", 1.0, 0.5, 0.67, 2),))
    [{'label': 'spam', 'precision': 1.0, 'recall': 0.5, 'f1': 0.67, 'support': 2}]
    """
    if not isinstance(value, tuple):
        return value
    as_dict = getattr(value, "_asdict", None)
    if as_dict is not None:
        return {name: plain(part) for name, part in as_dict().items()}
    return [plain(part) for part in value]
