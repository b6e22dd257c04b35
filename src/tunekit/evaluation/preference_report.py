"""The report on choices between options: a value that prints well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .base_report import Printed, plain
from .metrics import Measure
from .reliability import Calibration

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["FailedQuestion", "PreferenceReport", "WrongChoice"]


class WrongChoice(NamedTuple):
    """A row with the wrong choice.

    ``row``, ``best`` and ``chosen`` count from 0; ``best`` has several numbers where options tie.
    ``probability`` is that of the chosen option.
    """

    row: int
    id: str
    question: str
    options: tuple[str, ...]
    best: tuple[int, ...]
    chosen: int
    probability: float | None


class FailedQuestion(NamedTuple):
    """A row without an answer, and why."""

    row: int
    id: str
    question: str
    options: tuple[str, ...]
    best: tuple[int, ...]
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class PreferenceReport(Printed):
    """How good choices between options are. Made by :meth:`tunekit.Model.evaluate`.

    ``accuracy`` is the share of rows in which the chosen option is the best one, or one of the
    best where ``ranks`` tie; a row without an answer counts as wrong. ``chance`` is what choosing
    blindly would have: the mean of best options / options. ``all_tied`` counts the rows in which
    every option is one of the best, so that any choice is right. Intervals hold 95 %.

    ``ece`` (of the chosen option's probability) and ``log_loss`` (of the best option's) are over
    the ``judged_rows``: those that have an answer and one best option, since probabilities that
    sum to 1 can't be right of two. They are None where not all of these have probabilities
    (``ece_missing`` says why).

    ``rank_correlation`` is the mean of Kendall's tau-b between the probabilities of a row's options
    and their ``ranks``: 1 is the same order, -1 the reverse, 0 no relation, which is also what a
    row counts whose probabilities are all equal. It is over the ``ranked_rows``: those with an
    answer and ``ranks`` that tell more than which options are best. It is None where there are
    none or not all of them have probabilities.

    ``wrong`` is sorted by probability, the most confident error first.

    Sources: tau-b, see :func:`tunekit.evaluation.ranking.rank_correlation`; the error of
    calibration, see :func:`tunekit.evaluation.reliability.calibration_error`.

    Example:
        >>> from tunekit import Choice, Preference, PreferenceRow
        >>> from tunekit.evaluation import evaluate
        >>> row = PreferenceRow(question="Tea?", options=("yes", "no"), best=0)
        >>> report = evaluate(Preference(), [row], [Choice(1, "no")])
        >>> report.accuracy.value, report.chance
        (0.0, 0.5)
    """

    rows: int
    accuracy: Measure
    chance: float
    all_tied: int
    judged_rows: int
    ece: Calibration | None
    ece_missing: str | None
    log_loss: Measure | None
    rank_correlation: Measure | None
    ranked_rows: int
    wrong: tuple[WrongChoice, ...] = field(repr=False)
    failures: tuple[FailedQuestion, ...] = field(repr=False)
    model_kind: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it, in plain Python values that JSON can hold.

        ``accuracy``, ``ece``, ``log_loss`` and ``rank_correlation`` are
        ``{"value", "low", "high"}`` (``ece`` with ``"floor"``) or None.
        """
        return {
            "task": "preference",
            "model_kind": self.model_kind,
            "rows": self.rows,
            "accuracy": self.accuracy.to_dict(),
            "chance": self.chance,
            "all_tied": self.all_tied,
            "judged_rows": self.judged_rows,
            "ece": self.ece.to_dict() if self.ece is not None else None,
            "ece_missing": self.ece_missing,
            "log_loss": self.log_loss.to_dict() if self.log_loss is not None else None,
            "ranked_rows": self.ranked_rows,
            "rank_correlation": (
                self.rank_correlation.to_dict() if self.rank_correlation is not None else None
            ),
            "wrong": plain(self.wrong),
            "failures": plain(self.failures),
        }

    def __rich__(self) -> RenderableType:
        from .preference_rendering import as_rich

        return as_rich(self)
