"""The report on transformed texts: a value that prints well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .base_report import Printed, plain
from .metrics import Measure

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["FailedInput", "TransformationReport", "WrongOutput"]


class WrongOutput(NamedTuple):
    """A row whose answer isn't its output; ``row`` counts from 0, ``similarity`` is from 0 to 1."""

    row: int
    id: str
    input: str
    output: str
    answer: str
    similarity: float


class FailedInput(NamedTuple):
    """A row without an answer, and why."""

    row: int
    id: str
    input: str
    output: str
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class TransformationReport(Printed):
    """How good transformed texts are. Made by :meth:`tunekit.Model.evaluate`.

    ``exact_match`` is the share of rows whose answer is the output, character by character;
    ``exact_match_changed`` the same over the ``changed_rows``, whose output isn't their input: a
    model that repeats its input has none of those. It is None where there are none. ``chrf`` is
    over all rows together, from 0 to 1 (:func:`tunekit.evaluation.chrf.chrf`); ``similarity`` is
    the mean of 1 - edit distance / length of the longer text. A row without an answer counts as
    wrong, and as an empty answer. Intervals hold 95 %, from resampled rows.

    ``wrong`` has the most different answers first.

    Example:
        >>> from tunekit import Transformation, TransformationRow
        >>> from tunekit.evaluation import evaluate
        >>> row = TransformationRow(input="teh cat", output="the cat")
        >>> report = evaluate(Transformation(), [row], ["the cat"])
        >>> report.exact_match.value, report.chrf.value
        (1.0, 1.0)
    """

    rows: int
    changed_rows: int
    exact_match: Measure
    exact_match_changed: Measure | None
    chrf: Measure
    similarity: Measure
    wrong: tuple[WrongOutput, ...] = field(repr=False)
    failures: tuple[FailedInput, ...] = field(repr=False)
    model_kind: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it, in plain Python values that JSON can hold.

        ``exact_match``, ``exact_match_changed``, ``chrf`` and ``similarity`` are
        ``{"value", "low", "high"}``; ``exact_match_changed`` may be None.
        """
        changed = self.exact_match_changed
        return {
            "task": "transformation",
            "model_kind": self.model_kind,
            "rows": self.rows,
            "changed_rows": self.changed_rows,
            "exact_match": self.exact_match.to_dict(),
            "exact_match_changed": changed.to_dict() if changed is not None else None,
            "chrf": self.chrf.to_dict(),
            "similarity": self.similarity.to_dict(),
            "wrong": plain(self.wrong),
            "failures": plain(self.failures),
        }

    def __rich__(self) -> RenderableType:
        from .transformation_rendering import as_rich

        return as_rich(self)
