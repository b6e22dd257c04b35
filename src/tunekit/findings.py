"""What is wrong with a row, as a value."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Finding", "Severity"]

Severity = Literal["error", "warning", "info"]


class Finding(NamedTuple):
    """One thing that is wrong, or odd, about data.

    ``row`` counts rows from 0, ``source`` says where the row stands (``"pii.csv:12"``, lines from
    1). ``suggestion`` is a way out where there is a safe one.
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
