"""Findings, in the forms that people and programs read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, Self

import orjson

from ...errors import InputError
from ...findings import Finding, Severity
from ..tables import row_record

if TYPE_CHECKING:
    from ..dataset import Dataset

__all__ = ["Findings"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Findings(tuple[Finding, ...]):
    """All findings about a data set, in row order. Prints one a line. Made by
    :meth:`Dataset.check`.

    ``figures`` has facts about the set by name, such as ``repeated_rows``. ``counts`` has the
    number of findings of each code, those included that are too many to be listed.

    Example:
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": word, "label": "ab"[n % 2]} for n, word in enumerate(["x", "y"] * 10)]
        >>> found = Dataset.from_rows(rows, Classification()).check()
        >>> found
        <Findings: 18 warnings (repeated-row 18)>
        >>> found[0].row, found[0].message
        (2, 'is the same as rows[0] (row 0).')
    """

    figures: Mapping[str, int | float]
    counts: Mapping[str, int]
    _data: Dataset | None

    def __new__(
        cls,
        found: Iterable[Finding] = (),
        *,
        figures: Mapping[str, int | float] | None = None,
        counts: Mapping[str, int] | None = None,
        data: Dataset | None = None,
    ) -> Self:
        """The findings, with figures, counts, and the data set that they are about."""
        self = super().__new__(cls, found)
        self.figures = figures or {}
        self.counts = counts or {}
        self._data = data
        return self

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Those that stand in the way of training."""
        return tuple(finding for finding in self if finding.severity == "error")

    @property
    def of_rows(self) -> tuple[Finding, ...]:
        """Those about single rows, which hold for any part, not only for one to train on."""
        return tuple(finding for finding in self if finding.row is not None)

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no findings"

    def __repr__(self) -> str:
        if not self:
            return "<Findings: none>"
        severities = Counter(finding.severity for finding in self)
        for code, count in self.counts.items():  # those that aren't listed count as well
            listed = [finding.severity for finding in self if finding.code == code]
            if listed:
                severities[listed[0]] += count - len(listed)
        told = ", ".join(
            f"{severities[one]:,} {one}{'s' * (severities[one] > 1 and one != 'info')}"
            for one in SEVERITIES
            if severities[one]
        )
        codes = ", ".join(f"{code} {count:,}" for code, count in self.counts.items())
        return f"<Findings: {told} ({codes})>"

    # --- for people -----------------------------------------------------------------------------

    def to_table(self, width: int = 100, *, each: int = 3) -> str:
        """The findings by code, the gravest first: how many, and where the first of them stand.

        Args:
            width: columns of the table.
            each: findings that are shown of each code.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> rows = [{"text": "", "label": "a"}, {"text": "x", "label": "b"}]
            >>> found = Dataset.from_rows(rows, Classification()).check()
            >>> "empty-text" in found.to_table(width=60, each=1)
            True
        """
        from .table import table

        return table(self, self.counts, self.figures, width, each)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.to_table())}</pre>"

    # --- for programs ---------------------------------------------------------------------------

    def to_json(self) -> str:
        """The findings, counts and figures as JSON: ``{"findings": […], "counts", "figures"}``."""
        told = {
            "findings": [finding._asdict() for finding in self],
            "counts": dict(self.counts),
            "figures": dict(self.figures),
        }
        return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()

    def annotated(self, *, under: str = "findings") -> Iterator[dict[str, Any]]:
        """Every row as a plain record, with a list of what was found of it.

        The rows are read again, one after another. What is about the set as a whole, or isn't
        listed, belongs to no row and is left out.

        Args:
            under: the name of the new column.

        Raises:
            InputError: the rows have a column of that name.
            DataChanged: the source isn't what it was.

        Example:
            >>> from tunekit import Classification, Dataset
            >>> rows = [{"text": "", "label": "a"}, {"text": "x", "label": "b"}]
            >>> found = Dataset.from_rows(rows, Classification()).check()
            >>> [[one["code"] for one in row["findings"]] for row in found.annotated()]
            [['empty-text'], []]
        """
        if self._data is None:
            return
        by_row: dict[int, list[dict[str, Any]]] = {}
        for finding in self:
            if finding.row is not None:
                told = finding._asdict()
                del told["row"]
                by_row.setdefault(finding.row, []).append(told)
        for position, row in enumerate(self._data):
            record = row_record(row, self._data.task)
            if under in record:
                raise InputError(
                    f"the rows have a column {under!r} already. Name another: annotated(under=…)."
                )
            yield {**record, under: by_row.get(position, [])}
