"""Evaluation of Extraction: from rows and predictions to the figures of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..shapes import Failure, Span
from ..tasks.base import Row, Task
from ..tasks.extraction import Extracted, Extraction, ExtractionRow
from ..tasks.quotes import Unplaced
from .extraction_report import (
    ExtractionReport,
    FailedText,
    QuotedError,
    QuotedSpan,
    SpanErrors,
    WrongText,
)
from .metrics import intervals, scores
from .pairing import paired
from .span_matching import SpanError, overlapping_hits, span_errors
from .span_tallies import Counts, tallies

__all__ = ["evaluate_extraction"]


def evaluate_extraction(
    task: Task,
    rows: Iterable[Row],
    predictions: Sequence[object],
    *,
    model_kind: str | None = None,
) -> ExtractionReport:
    """The report on spans: see :func:`tunekit.evaluation.evaluate`."""
    counted: list[Counts] = []
    number_of: dict[str, int] = {}
    true_labels: set[str] = set()
    errors: Counter[str] = Counter()
    unplaced = 0
    wrong: list[WrongText] = []
    failures: list[FailedText] = []
    for number, row, answer in paired(rows, predictions, ExtractionRow, Extracted):
        truth = frozenset(row.spans)
        said: frozenset[Span] = frozenset()
        if isinstance(answer, Failure):
            quoted = _quoted(row.text, truth)
            failures.append(
                FailedText(number, row.id, row.text, quoted, answer.code, answer.detail)
            )
        else:
            # A backend's number may be numpy's, which JSON doesn't take.
            said = frozenset(Span(int(one.start), int(one.end), one.label) for one in answer.spans)
        true_labels.update(span.label for span in truth)
        counted.append(_counts(truth, said, number_of))
        found = span_errors(truth, said)
        errors.update(error.kind for error in found)
        if isinstance(answer, Extracted):
            unplaced += len(answer.unplaced)
            if found or answer.unplaced:
                wrong.append(_wrong(number, row, truth, said, found, answer.unplaced))

    table = tallies(counted, len(number_of))
    span_f1, macro_f1, precision, recall, overlap = intervals(
        table, [table.f1, table.macro_f1, table.precision, table.recall, table.overlap_f1]
    )
    right, true, predicted = (column[0] for column in table.per_label(table.counts))
    known = task.known_labels if isinstance(task, Extraction) else None
    return ExtractionReport(
        model_kind=model_kind,
        rows=len(counted),
        true_spans=int(true.sum()),
        predicted_spans=int(predicted.sum()),
        span_f1=span_f1,
        macro_f1=macro_f1,
        precision=precision,
        recall=recall,
        span_f1_overlap=overlap,
        errors=SpanErrors(*(errors[kind] for kind in SpanErrors._fields)),
        unplaced=unplaced,
        per_label=tuple(sorted(scores(list(number_of), right, true, predicted))),
        wrong=tuple(sorted(wrong, key=lambda row: -len(row.errors) - len(row.unplaced))),
        failures=tuple(failures),
        unknown_labels=() if known is None else tuple(sorted(true_labels - known)),
    )


def _counts(truth: frozenset[Span], said: frozenset[Span], number_of: dict[str, int]) -> Counts:
    """What a row counts; labels that are new get the next number."""
    right, true, predicted = (
        Counter(span.label for span in spans) for spans in (truth & said, truth, said)
    )
    labels = sorted(true | predicted)
    for label in labels:
        number_of.setdefault(label, len(number_of))
    return Counts(
        overlapping_hits(truth, said),
        tuple((number_of[one], right[one], true[one], predicted[one]) for one in labels),
    )


def _wrong(
    number: int,
    row: ExtractionRow,
    truth: Iterable[Span],
    said: Iterable[Span],
    found: Iterable[SpanError],
    unplaced: tuple[Unplaced, ...],
) -> WrongText:
    errors = tuple(
        QuotedError(kind, _quote(row.text, true), _quote(row.text, predicted))
        for kind, true, predicted in found
    )
    return WrongText(
        number,
        row.id,
        row.text,
        _quoted(row.text, truth),
        _quoted(row.text, said),
        errors,
        unplaced,
    )


def _quoted(text: str, spans: Iterable[Span]) -> tuple[QuotedSpan, ...]:
    return tuple(
        QuotedSpan(*span, text[max(span.start, 0) : max(span.end, 0)]) for span in sorted(spans)
    )


def _quote(text: str, span: Span | None) -> QuotedSpan | None:
    return None if span is None else _quoted(text, [span])[0]
