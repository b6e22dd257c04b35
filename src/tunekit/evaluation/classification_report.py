"""The report on a classifier: a value that prints well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from .base_report import ClassScores, Printed
from .metrics import Measure
from .reliability import Calibration

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ClassificationReport", "Confusion", "FailedRow", "WrongRow"]


class Confusion(NamedTuple):
    """How often a true label got this answer; ``predicted`` is None where there was none."""

    truth: str
    predicted: str | None
    rows: int


class WrongRow(NamedTuple):
    """A row with the wrong answer; ``row`` counts from 0, ``probability`` is the answer's."""

    row: int
    id: str
    text: str
    truth: str
    predicted: str
    probability: float | None


class FailedRow(NamedTuple):
    """A row without an answer, and why."""

    row: int
    id: str
    text: str
    truth: str
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class ClassificationReport(Printed):
    """How good the answers of a classifier are. Made by :meth:`tunekit.Model.evaluate`.

    ``accuracy`` counts a row without an answer as wrong. ``macro_f1`` is the mean over the labels
    that occur among the true or the predicted ones. ``ece`` and ``log_loss`` are over the rows
    that have an answer, and None where not all of those have a probability (``ece_missing`` says
    why). Intervals hold 95 %.

    ``per_class`` is sorted by label; ``confusion`` has every pair that occurs, the most confused
    first and the right answers last; ``wrong`` is sorted by probability, the most confident error
    first. ``unknown_labels`` are true labels that the model can't answer with. ``failures`` has the
    rows without an answer.

    Sources: the error of calibration, see
    :func:`tunekit.evaluation.reliability.calibration_error`; intervals, see
    :func:`tunekit.evaluation.metrics.intervals`.

    Example:
        >>> from tunekit import Classification, ClassificationRow, Label
        >>> from tunekit.evaluation import evaluate
        >>> rows = [ClassificationRow(text=text, label="spam") for text in ("buy!", "win!")]
        >>> report = evaluate(Classification(), rows, [Label("spam"), Label("ham")])
        >>> report.accuracy.value, report.wrong[0].predicted
        (0.5, 'ham')
    """

    rows: int
    accuracy: Measure
    macro_f1: Measure
    ece: Calibration | None
    ece_missing: str | None
    log_loss: Measure | None
    per_class: tuple[ClassScores, ...] = field(repr=False)
    confusion: tuple[Confusion, ...] = field(repr=False)
    wrong: tuple[WrongRow, ...] = field(repr=False)
    failures: tuple[FailedRow, ...] = field(repr=False)
    unknown_labels: tuple[str, ...] = ()
    model_kind: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it, in plain Python values that JSON can hold.

        ``accuracy``, ``macro_f1``, ``ece`` and ``log_loss`` are ``{"value", "low", "high"}``
        (``ece`` with ``"floor"``) or None.
        """
        return {
            "task": "classification",
            "model_kind": self.model_kind,
            "rows": self.rows,
            "accuracy": self.accuracy.to_dict(),
            "macro_f1": self.macro_f1.to_dict(),
            "ece": self.ece.to_dict() if self.ece is not None else None,
            "ece_missing": self.ece_missing,
            "log_loss": self.log_loss.to_dict() if self.log_loss is not None else None,
            "per_class": [scores._asdict() for scores in self.per_class],
            "confusion": [pair._asdict() for pair in self.confusion],
            "wrong": [row._asdict() for row in self.wrong],
            "failures": [row._asdict() for row in self.failures],
            "unknown_labels": list(self.unknown_labels),
        }

    def __rich__(self) -> RenderableType:
        from .classification_rendering import as_rich

        return as_rich(self)
