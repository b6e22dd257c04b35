"""What each task compares: figures as tallies, whether an answer is right, and all of it in words.

One small class a task, since only these four know what a row of theirs says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ..errors import UnsupportedTask
from ..evaluation.chrf import COLUMNS, agreement, chrf
from ..evaluation.preference import best_options
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

    def tallies(
        self, rows: Sequence[Any], answers: Mapping[str, Sequence[Any]]
    ) -> dict[str, tuple[Tally, ...]]:
        """By model the figures that are compared, the main one first; higher is better in all of
        them. A figure's sums are of the same things for all models."""
        ...

    def check(self, rows: Sequence[Any]) -> None:
        """Raise DataError for a row that doesn't say what is right."""
        ...

    def right(self, row: Any, answer: Any) -> bool: ...

    def asked(self, row: Any) -> str: ...

    def truth(self, row: Any) -> str: ...

    def said(self, row: Any, answer: Any) -> str: ...

    def confidence(self, answer: Any) -> float | None:
        """The probability of the answer that was given, where there is a real one."""
        ...

    def one_truth(self, row: Any) -> bool:
        """Whether one answer alone is right: of two, no probability could be."""
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


class _Common:
    """What holds for most tasks: every row says what is right, and that is one thing; nothing has a
    probability, and no row has one label."""

    def check(self, rows: Sequence[Any]) -> None:
        pass

    def confidence(self, answer: Any) -> float | None:
        return None

    def one_truth(self, row: Any) -> bool:
        return True

    def label(self, row: Any) -> str | None:
        return None


class _Labels(_Common):
    def tallies(
        self, rows: Sequence[ClassificationRow], answers: Mapping[str, Sequence[Any]]
    ) -> dict[str, tuple[Tally, ...]]:
        truth = [row.label for row in rows]
        said = {
            name: [None if isinstance(answer, Failure) else answer.label for answer in given]
            for name, given in answers.items()
        }
        counted = {
            name: [_counts(*pair) for pair in zip(truth, given, strict=True)]
            for name, given in said.items()
        }
        labels = _occurring(counted.values())
        return {
            name: (
                mean("accuracy", [a == t for a, t in zip(said[name], truth, strict=True)]),
                label_f1("macro_f1", of_rows, labels),
            )
            for name, of_rows in counted.items()
        }

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


class _Spans(_Common):
    def tallies(
        self, rows: Sequence[ExtractionRow], answers: Mapping[str, Sequence[Any]]
    ) -> dict[str, tuple[Tally, ...]]:
        counted = {
            name: [_counts_of_spans(*pair) for pair in zip(rows, given, strict=True)]
            for name, given in answers.items()
        }
        labels = _occurring(counted.values())
        return {
            name: (
                share_f1("span_f1", [_summed(row) for row in of_rows]),
                label_f1("macro_f1", of_rows, labels),
            )
            for name, of_rows in counted.items()
        }

    def right(self, row: ExtractionRow, answer: Any) -> bool:
        return set(row.spans) == set(_spans(answer)) and not answer.unplaced

    def asked(self, row: ExtractionRow) -> str:
        return row.text

    def truth(self, row: ExtractionRow) -> str:
        return _quoted(row.text, row.spans)

    def said(self, row: ExtractionRow, answer: Any) -> str:
        nowhere = [f"{one.label}: “{one.text}” (not in the text)" for one in answer.unplaced]
        return " · ".join([_quoted(row.text, _spans(answer)), *nowhere])


class _Choices(_Common):
    def tallies(
        self, rows: Sequence[PreferenceRow], answers: Mapping[str, Sequence[Any]]
    ) -> dict[str, tuple[Tally, ...]]:
        return {
            name: (mean("accuracy", _all_right(self, rows, given)),)
            for name, given in answers.items()
        }

    def check(self, rows: Sequence[PreferenceRow]) -> None:
        for number, row in enumerate(rows):
            best_options(number, row)

    def one_truth(self, row: PreferenceRow) -> bool:
        return row.order.count(min(row.order)) == 1

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


class _Texts(_Common):
    def tallies(
        self, rows: Sequence[TransformationRow], answers: Mapping[str, Sequence[Any]]
    ) -> dict[str, tuple[Tally, ...]]:
        agreed = {
            name: [
                agreement("" if isinstance(answer, Failure) else answer, row.output)
                for row, answer in zip(rows, given, strict=True)
            ]
            for name, given in answers.items()
        }
        return {
            name: (
                mean("exact_match", _all_right(self, rows, given)),
                per_row("chrf", agreed[name], COLUMNS, chrf),
            )
            for name, given in answers.items()
        }

    def right(self, row: TransformationRow, answer: Any) -> bool:
        return bool(answer == row.output)

    def asked(self, row: TransformationRow) -> str:
        return row.input

    def truth(self, row: TransformationRow) -> str:
        return row.output

    def said(self, row: TransformationRow, answer: Any) -> str:
        return str(answer)


_JUDGES: dict[str, Judge] = {
    "classification": _Labels(),
    "extraction": _Spans(),
    "preference": _Choices(),
    "transformation": _Texts(),
}


#: What a row counts per label: right, true and given answers.
Counts = Mapping[str, tuple[int, int, int]]


def _counts(truth: str, said: str | None) -> Counts:
    if said == truth:
        return {truth: (1, 1, 1)}
    return {truth: (0, 1, 0)} | ({said: (0, 0, 1)} if said is not None else {})


def _counts_of_spans(row: ExtractionRow, answer: Any) -> Counts:
    true, said = set(row.spans), set(_spans(answer))
    right, there, given = (
        Counter(span.label for span in spans) for spans in (true & said, true, said)
    )
    return {one: (right[one], there[one], given[one]) for one in there | given}


def _summed(counts: Counts) -> tuple[int, int, int]:
    right, true, said = map(sum, zip(*counts.values(), strict=True)) if counts else (0, 0, 0)
    return right, true, said


def _occurring(counted: Iterable[Sequence[Counts]]) -> list[str]:
    return sorted({label for of_rows in counted for row in of_rows for label in row})


def _all_right(judge: Judge, rows: Sequence[Any], answers: Sequence[Any]) -> list[bool]:
    return [
        not isinstance(answer, Failure) and judge.right(row, answer)
        for row, answer in zip(rows, answers, strict=True)
    ]


def _spans(answer: Any) -> tuple[Span, ...]:
    if isinstance(answer, Failure):
        return ()
    return tuple(Span(int(one.start), int(one.end), one.label) for one in answer.spans)


def _quoted(text: str, spans: Sequence[Span]) -> str:
    """Spans in words: ``PERSON: “Ada” · CITY: “Rome”``."""
    said = [f"{one.label}: “{text[one.start : one.end]}”" for one in sorted(spans)]
    return " · ".join(said) or "nothing"
