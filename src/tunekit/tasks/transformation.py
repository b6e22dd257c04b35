"""Transformation: a text becomes another text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..findings import Finding
from ..shapes import Asked, Example, Failure, Input, Passage, Said, Shape, Target
from .base import (
    Prompt,
    Row,
    Survey,
    Task,
    ask_passage,
    chat,
    unliftable,
    user_input,
    wrong_target,
)

__all__ = ["Transformation", "TransformationRow"]


class TransformationRow(Row):
    """``input`` and the ``output`` it becomes.

    Example:
        >>> TransformationRow(input="teh cat", output="the cat").answer
        "'the cat'"
    """

    input: str
    output: str

    @property
    def content(self) -> tuple[str, str]:
        return (self.input, self.output)


class IdentitySurvey(Survey):
    """Counts the rows whose output is their input: right where some texts need no change."""

    def __init__(self) -> None:
        self._rows = self._same = 0

    def see(self, rows: Sequence[TransformationRow]) -> None:
        self._rows += len(rows)
        self._same += sum(row.input == row.output for row in rows)

    def findings(self) -> Iterator[Finding]:
        if self._same:
            yield Finding(
                "identity-rows",
                "info",
                f"{self._same:,} of {self._rows:,} rows ({self._same / self._rows:.1%}) have an "
                "output that is their input.",
                field="output",
                suggestion="Right where some texts need no change; else leave them out with "
                "data.filter(lambda row: row.input != row.output).",
            )

    def figures(self) -> Mapping[str, int | float]:
        return {"identity_rows": self._same}


class Transformation(Task):
    """A text becomes another text: edited, corrected, rewritten, answered.

    Args:
        instruction: what to do, for models that are instructed.

    ``Dataset.read`` takes columns ``input`` and ``output``; ``predict`` takes a text and gives one.

    Raises:
        InputError: the instruction is no text.

    Example:
        >>> Transformation("Correct the spelling.").prompt().system
        'Correct the spelling.'
    """

    kind: ClassVar[str] = "transformation"
    row_type: ClassVar[type[Row]] = TransformationRow
    columns: ClassVar[tuple[str, ...]] = ("input", "output")
    required: ClassVar[tuple[str, ...]] = ("input", "output")
    text_fields: ClassVar[frozenset[str]] = frozenset({"input", "output"})

    def __init__(self, instruction: str | None = None) -> None:
        super().__init__(instruction=instruction)

    @property
    def offers(self) -> tuple[Shape, ...]:
        return (Shape.TEXT_TO_TEXT, Shape.CHAT)

    def prompt(self) -> Prompt:
        return Prompt(system=self.instruction or "Rewrite the text.")

    def findings(self, row: TransformationRow) -> Iterator[Finding]:
        for name, text in (("input", row.input), ("output", row.output)):
            if not text or text.isspace():
                yield Finding("empty-text", "error", f"the {name} is empty.", field=name)

    def survey(self) -> IdentitySurvey:
        return IdentitySurvey()

    # --- mending --------------------------------------------------------------------------------

    def texts(self, row: TransformationRow) -> Iterator[tuple[str, str]]:
        yield "input", row.input
        yield "output", row.output

    def retext(
        self, row: TransformationRow, change: Callable[[str], str]
    ) -> TransformationRow | None:
        return row.model_copy(update={"input": change(row.input), "output": change(row.output)})

    # --- the narrow waist -----------------------------------------------------------------------

    def ask(self, value: Any, **fields: Any) -> Passage:
        return ask_passage(self.kind, value, fields, extra=(), text_name="input")

    def asked(self, row: TransformationRow) -> Passage:
        return Passage(row.input)

    def input(self, asked: Asked, shape: Shape, prompt: Prompt) -> Input:
        assert isinstance(asked, Passage)
        return asked if shape is Shape.TEXT_TO_TEXT else chat(asked.text, None, prompt)

    def targets(self, row: TransformationRow, asked: Asked, shape: Shape) -> tuple[Target, ...]:
        return (Said(row.output),)

    def parse(self, asked: Asked, target: Target, shape: Shape) -> str | Failure:
        return target.text if isinstance(target, Said) else wrong_target(self.kind, target)

    def lift(self, example: Example) -> TransformationRow | Finding:
        asked, target = user_input(example.input), example.target
        if asked is not None and asked.context is None and isinstance(target, Said):
            return TransformationRow(input=asked.text, output=target.text)
        return unliftable(self.kind, example)
