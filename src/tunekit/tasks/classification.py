"""Classification: a text gets one label of a closed set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

from ..errors import did_you_mean
from ..findings import Finding
from ..shapes import (
    Asked,
    Example,
    Failure,
    Input,
    Passage,
    Said,
    Shape,
    Target,
    Weights,
)
from .base import (
    Prompt,
    Row,
    ask_passage,
    chat,
    quick,
    unliftable,
    user_input,
    wrong_target,
)
from .labels import LABEL_MENDS, LabelledTask, label_findings, mended_label

__all__ = ["Classification", "ClassificationRow", "Label"]

_LABELLED = Shape.LABELLED  # an enum's member takes long to look up, once a row and more


@dataclass(frozen=True, slots=True)
class Label:
    """A predicted label.

    ``probability``, from 0 to 1, is that of ``label``; ``probabilities`` has one per label, highest
    first. Both are ``None`` where the backend gives no real ones.

    Example:
        >>> Label("praise", 0.9, {"praise": 0.9, "complaint": 0.1}).probabilities["complaint"]
        0.1
    """

    label: str
    probability: float | None = None
    probabilities: Mapping[str, float] | None = field(default=None, repr=False)


class ClassificationRow(Row):
    """``text`` and its ``label``, exactly as written.

    Example:
        >>> ClassificationRow(text="Thanks!", label="praise").content
        ('Thanks!', 'praise')
    """

    text: str
    label: str

    @property
    def content(self) -> tuple[str, str]:
        return (self.text, self.label)


class Classification(LabelledTask):
    """A text gets one label.

    Args:
        labels: the closed set of labels, or ``None`` to take those that the data show.
        descriptions: what a label means, by label: read by zero-shot and prompted models.
        instruction: what to do, for models that are instructed; the label set is added to it.

    ``Dataset.read`` takes columns ``text`` and ``label``; ``predict`` takes a text and gives a
    :class:`Label`.

    Raises:
        InputError: a label stands twice, or a description is for no label of the set.

    Example:
        >>> task = Classification(["praise", "complaint"])
        >>> task.labels
        ('praise', 'complaint')
    """

    kind: ClassVar[str] = "classification"
    row_type: ClassVar[type[Row]] = ClassificationRow
    columns: ClassVar[tuple[str, ...]] = ("text", "label")
    required: ClassVar[tuple[str, ...]] = ("text", "label")
    text_fields: ClassVar[frozenset[str]] = frozenset({"text", "label"})

    mends: ClassVar[frozenset[str]] = LABEL_MENDS

    descriptions: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        labels: Any = None,
        descriptions: Any = (),
        instruction: str | None = None,
    ) -> None:
        super().__init__(labels=labels, descriptions=descriptions, instruction=instruction)

    @field_validator("descriptions", mode="before")
    @classmethod
    def _descriptions(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return tuple(value.items())
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise ValueError("descriptions maps labels to texts")
        return tuple(value)

    @model_validator(mode="after")
    def _described(self) -> Self:
        if self.labels is not None:
            for label, _ in self.descriptions:
                if label not in self.labels:
                    raise ValueError(
                        f"description for {label!r}. {did_you_mean(label, self.labels)}"
                    )
        return self

    @property
    def offers(self) -> tuple[Shape, ...]:
        return (Shape.LABELLED, Shape.CHAT)

    def prompt(self) -> Prompt:
        lines = [self.instruction or "Classify the text."]
        if self.labels:
            described = dict(self.descriptions)
            lines.append("Answer with exactly one of these labels and nothing else:")
            for label in self.labels:
                about = described.get(label)
                lines.append(f"- {label}: {about}" if about else f"- {label}")
        return Prompt(system="\n".join(lines))

    def label_values(self, row: ClassificationRow) -> tuple[str, ...]:
        return (row.label,)

    def findings(self, row: ClassificationRow) -> Iterator[Finding]:
        if not row.text or row.text.isspace():
            yield Finding("empty-text", "error", "the text is empty.", field="text")
        wrong = label_findings(row.label, "label")
        yield from wrong
        empty = any(finding.severity == "error" for finding in wrong)
        known = self.known_labels
        if known is not None and row.label not in known and not empty:
            yield Finding(
                "label-outside-set",
                "error",
                f"label {row.label!r} is not in the task's label set.",
                field="label",
                suggestion="Add it to Classification(labels=[…]) or mend the row.",
            )

    def set_findings(self, counts: Mapping[str, int]) -> Iterator[Finding]:
        if len(counts) < 2:
            only = f"only {next(iter(counts))!r}" if counts else "none"
            yield Finding(
                "one-class",
                "error",
                f"a classifier needs rows of two labels or more, here is {only}.",
                field="label",
                suggestion="Add rows of another label.",
            )
            return
        for label, count in sorted(counts.items()):
            if count == 1:
                yield Finding(
                    "single-row-class",
                    "error",
                    f"label {label!r} has one row: nothing could be held out to check it.",
                    field="label",
                    suggestion="Add rows of it, or leave it out with data.filter(…).",
                )

    # --- mending --------------------------------------------------------------------------------

    def texts(self, row: ClassificationRow) -> Iterator[tuple[str, str]]:
        yield "text", row.text

    def retext(
        self, row: ClassificationRow, change: Callable[[str], str]
    ) -> ClassificationRow | None:
        return row.model_copy(update={"text": change(row.text)})

    def mend(self, row: ClassificationRow, codes: frozenset[str]) -> ClassificationRow:
        label = mended_label(row.label, codes, self.known_labels)
        return row if label == row.label else row.model_copy(update={"label": label})

    # --- the narrow waist -----------------------------------------------------------------------

    def ask(self, value: Any, **fields: Any) -> Passage:
        return ask_passage(self.kind, value, fields, extra=())

    def asked(self, row: ClassificationRow) -> Passage:
        return quick(Passage, (row.text, None))

    def input(self, asked: Asked, shape: Shape, prompt: Prompt) -> Input:
        assert isinstance(asked, Passage)
        if shape is _LABELLED:
            return asked
        return chat(asked.text, None, prompt, self.labels or ())

    def targets(self, row: ClassificationRow, asked: Asked, shape: Shape) -> tuple[Target, ...]:
        if shape is _LABELLED:
            return (Weights(((row.label, 1.0),)),)
        return (quick(Said, (row.label, ())),)

    def parse(self, asked: Asked, target: Target, shape: Shape) -> Label | Failure:
        if isinstance(target, Weights) and target.by_label:
            ranked = sorted(target.by_label, key=lambda pair: -pair[1])
            label, probability = ranked[0]
            return Label(label, probability, dict(ranked))
        if not isinstance(target, Said):
            return wrong_target(self.kind, target)
        if self.known_labels is not None and target.text not in self.known_labels:
            return Failure(
                "label-outside-set", f"the model answered {target.text!r}, which is no label"
            )
        if not target.probabilities:
            return Label(target.text)
        ranked = sorted(target.probabilities, key=lambda pair: -pair[1])
        probabilities = dict(ranked)
        return Label(target.text, probabilities.get(target.text), probabilities)

    def lift(self, example: Example) -> ClassificationRow | Finding:
        asked, target = user_input(example.input), example.target
        if asked is not None and asked.context is None:
            if isinstance(target, Said):
                return ClassificationRow(text=asked.text, label=target.text)
            if isinstance(target, Weights) and len(target.by_label) == 1:
                return ClassificationRow(text=asked.text, label=target.by_label[0][0])
        return unliftable(self.kind, example)
