"""What is wrong with a row, as a value."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Finding", "Severity"]

Severity = Literal["error", "warning", "info"]


class Finding(NamedTuple):
    """One thing that is wrong, or odd, about data. Prints as one line.

    ``code`` is for programs, ``message`` for people. A ``severity`` of ``"error"`` stands in the
    way of training, ``"warning"`` and ``"info"`` don't. ``row`` counts rows from 0, ``source`` says
    where the row stands (``"pii.csv:12"``, lines from 1), ``field`` is the column.
    ``suggestion`` is a way out where there is a safe one. What is about the set as a whole has no
    row.

    Example:
        >>> print(Finding("empty-text", "error", "the text is empty.", 3, "pii.csv:5", "text"))
        pii.csv:5, text: the text is empty. [empty-text]
    """

    code: str
    severity: Severity
    message: str
    row: int | None = None
    source: str | None = None
    field: str | None = None
    suggestion: str | None = None

    def __str__(self) -> str:
        where = self.source or (f"row {self.row}" if self.row is not None else "")
        place = ", ".join(part for part in (where, self.field) if part)
        text = f"{place}: {self.message}" if place else self.message
        if self.suggestion:
            text += f" {self.suggestion}"
        return f"{text} [{self.code}]"
