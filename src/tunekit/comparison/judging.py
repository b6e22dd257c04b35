"""What each task compares: figures as tallies, whether an answer is right, and all of it in words.

One small class a task, since only these four know what a row of theirs says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..errors import UnsupportedTask
from ..evaluation.chrf import COLUMNS, agreement, chrf
from ..evaluation.tally import Tally, label_f1, mean, per_row, share_f1
from ..shapes import Failure, Span
from ..tasks.base import Task
from ..tasks.classification import ClassificationRow
from ..tasks.extraction import ExtractionRow
from ..tasks.preference import Preference, PreferenceRow
from ..tasks.transformation import TransformationRow

__all__ = ["Judge", "judge_of"]


class Judge(Protocol):
    """How answers to rows of one task are judged and put in words."""

    def tallies(self, rows: Sequence[Any], answers: Sequence[Any]) -> tuple[Tally, ...]:
        """The figures that are compared, the main one first; higher is better in all of them."""
        ...

    def right(self, row: Any, answer: Any) -> bool: ...

    def asked(self, row: Any) -> str: ...

    def truth(self, row: Any) -> str: ...

    def said(self, row: Any, answer: Any) -> str: ...

    def confidence(self, answer: Any) -> float | None:
        """The probability of the answer that was given, where there is a real one."""
        ...

    def label(self, row: Any) -> str | None:
        """The one label of a row, to slice by."""
        ...


def judge_of(task: Task) -> Judge:
    """The judge of a task.

    Raises:
        UnsupportedTask: its answers can't be right or wrong.
    """
    if task.kind not in _JUDGES or (isinstance(task, Preference) and task.goal != "choose"):
        raise UnsupportedTask(
            f"answers of {task!r:.80} can't be compared with rows. Those of classification, "
            "extraction, transformation and preference with goal='choose' can."
        )
    return _JUDGES[task.kind]


class _Labels:
    def tallies(
        self, rows: Sequence[ClassificationRow], answers: Sequence[Any]
    ) -> tuple[Tally, ...]:
        truth = [row.label for row in rows]
        said = [None if isinstance(answer, Failure) else answer.label for answer in answers]
        return (
            mean("accuracy", [a == t for a, t in zip(said, truth, strict=True)]),
            label_f1("macro_f1", [_counts(*pair) for pair in zip(truth, said, strict=True)]),
        )

    def right(self, row: ClassificationRow, answer: Any) -> bool:
        return bool(answer.label == row.label)

    def asked(self, row: ClassificationRow) -> str:
        return row.text

    def truth(self, row: ClassificationRow) -> str:
        return row.label

    def said(self, row: ClassificationRow, answer: Any) -> str:
        return str(answer.label)

    def confidence(self, answer: Any) -> float | None:
        return None if answer.probability is None else float(answer.probability)

    def label(self, row: ClassificationRow) -> str | None:
        return row.label


class _Spans:
    def tallies(self, rows: Sequence[ExtractionRow], answers: Sequence[Any]) -> tuple[Tally, ...]:
        counted = []
        of_labels = []
        for row, answer in zip(rows, answers, strict=True):
            true, said = set(row.spans), set(_spans(answer))
            counted.append((len(true & said), len(true), len(said)))
            right, there, given = (
                Counter(span.label for span in spans) for spans in (true & said, true, said)
            )
            of_labels.append({one: (right[one], there[one], given[one]) for one in there | given})
        return (share_f1("span_f1", counted), label_f1("macro_f1", of_labels))

    def right(self, row: ExtractionRow, answer: Any) -> bool:
        return set(row.spans) == set(_spans(answer)) and not answer.unplaced

    def asked(self, row: ExtractionRow) -> str:
        return row.text

    def truth(self, row: ExtractionRow) -> str:
        return _quoted(row.text, row.spans)

    def said(self, row: ExtractionRow, answer: Any) -> str:
        nowhere = [f"{one.label}: “{one.text}” (not in the text)" for one in answer.unplaced]
        return " · ".join([_quoted(row.text, _spans(answer)), *nowhere])

    def confidence(self, answer: Any) -> float | None:
        return None

    def label(self, row: ExtractionRow) -> str | None:
        return None


class _Choices:
    def tallies(self, rows: Sequence[PreferenceRow], answers: Sequence[Any]) -> tuple[Tally, ...]:
        right = [
            not isinstance(answer, Failure) and self.right(row, answer)
            for row, answer in zip(rows, answers, strict=True)
        ]
        return (mean("accuracy", right),)

    def right(self, row: PreferenceRow, answer: Any) -> bool:
        return bool(row.order[answer.index] == min(row.order))

    def asked(self, row: PreferenceRow) -> str:
        options = "\n".join(f"{at + 1}. {option}" for at, option in enumerate(row.options))
        context = f"{row.context}\n\n" if row.context else ""
        return f"{context}{row.question}\n{options}"

    def truth(self, row: PreferenceRow) -> str:
        best = min(row.order)
        return " or ".join(
            one for one, rank in zip(row.options, row.order, strict=True) if rank == best
        )

    def said(self, row: PreferenceRow, answer: Any) -> str:
        return str(answer.option)

    def confidence(self, answer: Any) -> float | None:
        return None if answer.probabilities is None else float(answer.probabilities[answer.index])

    def label(self, row: PreferenceRow) -> str | None:
        return None


class _Texts:
    def tallies(
        self, rows: Sequence[TransformationRow], answers: Sequence[Any]
    ) -> tuple[Tally, ...]:
        said = ["" if isinstance(answer, Failure) else answer for answer in answers]
        pairs = list(zip(said, rows, strict=True))
        right = [
            not isinstance(answer, Failure) and self.right(row, answer)
            for row, answer in zip(rows, answers, strict=True)
        ]
        agreed = [agreement(text, row.output) for text, row in pairs]
        return (mean("exact_match", right), per_row("chrf", agreed, COLUMNS, chrf))

    def right(self, row: TransformationRow, answer: Any) -> bool:
        return bool(answer == row.output)

    def asked(self, row: TransformationRow) -> str:
        return row.input

    def truth(self, row: TransformationRow) -> str:
        return row.output

    def said(self, row: TransformationRow, answer: Any) -> str:
        return str(answer)

    def confidence(self, answer: Any) -> float | None:
        return None

    def label(self, row: TransformationRow) -> str | None:
        return None


_JUDGES: dict[str, Judge] = {
    "classification": _Labels(),
    "extraction": _Spans(),
    "preference": _Choices(),
    "transformation": _Texts(),
}


def _counts(truth: str, said: str | None) -> Mapping[str, tuple[int, int, int]]:
    """What a row counts per label: right, true and given answers."""
    if said == truth:
        return {truth: (1, 1, 1)}
    return {truth: (0, 1, 0)} | ({said: (0, 0, 1)} if said is not None else {})


def _spans(answer: Any) -> tuple[Span, ...]:
    if isinstance(answer, Failure):
        return ()
    return tuple(Span(int(one.start), int(one.end), one.label) for one in answer.spans)


def _quoted(text: str, spans: Sequence[Span]) -> str:
    """Spans in words: ``PERSON: “Ada” · CITY: “Rome”``."""
    said = [f"{one.label}: “{text[one.start : one.end]}”" for one in sorted(spans)]
    return " · ".join(said) or "nothing"
