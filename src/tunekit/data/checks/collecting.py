"""Many findings into a list of bounded length, in row order, with exact counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ...findings import Finding
from .base import LISTED

__all__ = ["Collection"]


class Collection:
    """Takes findings as they come. Of each code the first :data:`LISTED` are kept.

    ``place`` says where a row stands, ``settled`` may have another finding in the place of one.
    """

    def __init__(self, place: Callable[[int], str], settled: Callable[[Finding], Finding]) -> None:
        self.counts: Counter[str] = Counter()
        self._place, self._settled = place, settled
        self._of_rows: list[Finding] = []
        self._of_the_set: list[Finding] = []
        self._dropped: dict[str, Finding] = {}

    def add(self, found: Iterable[Finding]) -> None:
        """Count findings, and keep them with their places as long as there is room."""
        for finding in found:
            code, row = finding.code, finding.row
            self.counts[code] += 1
            if self.counts[code] > LISTED:
                self._dropped.setdefault(code, finding)
            elif row is None:
                self._of_the_set.append(finding)
            else:
                placed = finding if finding.source else finding._replace(source=self._place(row))
                self._of_rows.append(self._settled(placed))

    def findings(self) -> list[Finding]:
        """Those about rows in row order, then those about the set, then what isn't listed."""
        in_order = sorted(self._of_rows, key=lambda finding: finding.row or 0)
        return [*in_order, *self._of_the_set, *map(self._more, self._dropped.values())]

    def _more(self, dropped: Finding) -> Finding:
        more = self.counts[dropped.code] - LISTED
        return Finding(
            dropped.code,
            dropped.severity,
            f"{more:,} more findings of this kind aren't listed.",
            suggestion="Mend the cause and check again, or check a part: data[:1000].check().",
        )

    def summary(self) -> Mapping[str, int]:
        """The number of findings of each code, the most frequent first."""
        return dict(self.counts.most_common())
