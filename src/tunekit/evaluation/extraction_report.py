"""The report on extraction: a value that prints well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ..tasks.quotes import Unplaced
from .base_report import ClassScores, Printed, plain
from .metrics import Measure
from .span_matching import ErrorKind

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ExtractionReport", "FailedText", "QuotedError", "QuotedSpan", "SpanErrors", "WrongText"]


class QuotedSpan(NamedTuple):
    """A span with the words it stands on; code points, end exclusive."""

    start: int
    end: int
    label: str
    quote: str


class QuotedError(NamedTuple):
    """One error: see :func:`tunekit.evaluation.span_matching.span_errors`."""

    kind: ErrorKind
    truth: QuotedSpan | None
    predicted: QuotedSpan | None


class SpanErrors(NamedTuple):
    """How many errors there are of each kind: see
    :func:`tunekit.evaluation.span_matching.span_errors`."""

    boundary: int
    type: int
    both: int
    missed: int
    spurious: int


class WrongText(NamedTuple):
    """A row whose spans aren't all right; ``row`` counts from 0.

    ``unplaced`` is what a generative model answered that has no place in the text.
    """

    row: int
    id: str
    text: str
    truth: tuple[QuotedSpan, ...]
    predicted: tuple[QuotedSpan, ...]
    errors: tuple[QuotedError, ...]
    unplaced: tuple[Unplaced, ...]


class FailedText(NamedTuple):
    """A row without an answer, and why. Its true spans count as missed."""

    row: int
    id: str
    text: str
    truth: tuple[QuotedSpan, ...]
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class ExtractionReport(Printed):
    """How good extracted spans are. Made by :meth:`tunekit.Model.evaluate`.

    A span is right where start, end and label are those of a true span of its row; one that is
    given twice counts once. With counts over all rows and labels (*micro*)::

        precision = right / predicted spans
        recall    = right / true spans
        span_f1   = 2 * right / (true spans + predicted spans)

    ``macro_f1`` is the mean F1 of the labels that occur among the true or the predicted spans: a
    rare label weighs as much as a frequent one.

    ``span_f1_overlap`` is the lenient figure: right is what has the same label and a character in
    common, one to one ("type" matching of Segura-Bedmar, Martínez and Herrero-Zazo, "SemEval-2013
    Task 9", 2013; ``ent_type`` in nervaluate). Intervals hold 95 %, from resampled rows.

    A share of nothing is 0, as in nervaluate and seqeval: precision where nothing was predicted,
    recall where there is nothing to find, F1 where there is neither. An interval is made of those
    resamples in which its figure is a share of something.

    The true spans of a row without an answer are missed. ``unplaced`` counts what a generative
    model answered that has no place in the text, or a label outside the set: it makes no span, so
    it is in no other figure.

    ``per_label`` is sorted by label. ``errors`` counts what is wrong by kind: a true span is right
    or in one error that isn't spurious, a predicted one is right or in one that isn't missed.
    ``wrong`` has the rows with most errors first. ``unknown_labels`` are true labels that the model
    can't answer with.

    Example:
        >>> from tunekit import Extracted, Extraction, ExtractionRow, Span
        >>> from tunekit.evaluation import evaluate
        >>> row = ExtractionRow(text="From Berlin", spans=(Span(5, 11, "city"),))
        >>> report = evaluate(Extraction(), [row], [Extracted((Span(5, 9, "city"),))])
        >>> report.span_f1.value, report.span_f1_overlap.value, report.errors.boundary
        (0.0, 1.0, 1)
    """

    rows: int
    true_spans: int
    predicted_spans: int
    span_f1: Measure
    macro_f1: Measure
    precision: Measure
    recall: Measure
    span_f1_overlap: Measure
    errors: SpanErrors
    unplaced: int
    per_label: tuple[ClassScores, ...] = field(repr=False)
    wrong: tuple[WrongText, ...] = field(repr=False)
    failures: tuple[FailedText, ...] = field(repr=False)
    unknown_labels: tuple[str, ...] = ()
    model_kind: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it, in plain Python values that JSON can hold.

        ``span_f1``, ``macro_f1``, ``precision``, ``recall`` and ``span_f1_overlap`` are
        ``{"value", "low", "high"}``; spans are ``{"start", "end", "label", "quote"}``.
        """
        return {
            "task": "extraction",
            "model_kind": self.model_kind,
            "rows": self.rows,
            "true_spans": self.true_spans,
            "predicted_spans": self.predicted_spans,
            "span_f1": self.span_f1.to_dict(),
            "macro_f1": self.macro_f1.to_dict(),
            "precision": self.precision.to_dict(),
            "recall": self.recall.to_dict(),
            "span_f1_overlap": self.span_f1_overlap.to_dict(),
            "errors": self.errors._asdict(),
            "unplaced": self.unplaced,
            "per_label": plain(self.per_label),
            "wrong": plain(self.wrong),
            "failures": plain(self.failures),
            "unknown_labels": list(self.unknown_labels),
        }

    def __rich__(self) -> RenderableType:
        from .extraction_rendering import as_rich

        return as_rich(self)
