"""Rows that every task is tried with, and what a right answer to one is.

They hold what breaks backends: umlauts, emoji outside the basic plane, combining characters,
right-to-left text, quotes, newlines, JSON inside text, equal words at several places, spans that
overlap, ties. ``tests/golden`` has their rendered bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..shapes import Passage, Question, Span
from ..tasks.base import Row, Task
from ..tasks.classification import Classification, ClassificationRow, Label
from ..tasks.extraction import Extracted, Extraction, ExtractionRow
from ..tasks.preference import Choice, Preference, PreferenceRow
from ..tasks.transformation import Transformation, TransformationRow

__all__ = ["SAMPLES", "Sample", "bare", "value_of"]


class Sample(NamedTuple):
    """A task with rows.

    ``name`` tells two samples of one kind of task apart. ``agrees(row, prediction)`` says whether
    a prediction is what the row has. ``meaning(row)`` is equal for rows that say the same.
    ``long(text)`` is a row that holds this text.
    """

    name: str
    task: Task
    rows: tuple[Row, ...]
    agrees: Callable[[Any, Any], bool]
    meaning: Callable[[Any], object]
    long: Callable[[str], Row]


def value_of(task: Task, row: Any) -> Any:
    """What a caller of ``predict`` gives to ask what a row asks.

    >>> value_of(Classification(), ClassificationRow(text="hello", label="greeting"))
    {'text': 'hello'}
    """
    asked = task.asked(row)
    if isinstance(asked, Passage):
        name = "input" if task.kind == "transformation" else "text"
        fields: dict[str, Any] = {name: asked.text}
    else:
        assert isinstance(asked, Question)
        fields = {"question": asked.question}
        if asked.options:
            fields["options"] = list(asked.options)
    if asked.context is not None:
        fields["context"] = asked.context
    return fields


def bare(prediction: Any) -> Any:
    """A prediction without its probabilities, which may differ in the last digit.

    >>> bare(Label("greeting", 0.9))
    'greeting'
    """
    match prediction:
        case Label(label):
            return label
        case Choice(index):
            return index
        case Extracted(spans, unplaced):
            return (spans, unplaced)
        case _:
            return prediction


def _label(row: ClassificationRow, prediction: Label) -> bool:
    return prediction.label == row.label


def _text(row: TransformationRow, prediction: str) -> bool:
    return prediction == row.output


def _spans(row: ExtractionRow, prediction: Extracted) -> bool:
    return prediction.spans == tuple(sorted(row.spans)) and not prediction.unplaced


def _choice(row: PreferenceRow, prediction: Choice) -> bool:
    return row.order[prediction.index] == 0 and row.options[prediction.index] == prediction.option


def _reply(row: PreferenceRow, prediction: str) -> bool:
    return prediction in row.options and row.order[row.options.index(prediction)] < max(row.order)


def _marked(text: str, *words: tuple[str, str], context: str | None = None) -> ExtractionRow:
    """A row with spans at the first place of each word."""
    spans = tuple(
        Span(text.index(word), text.index(word) + len(word), label) for word, label in words
    )
    return ExtractionRow(text=text, spans=spans, context=context)


def _content(row: Row) -> object:
    return row.content


def _tagged(row: ExtractionRow) -> object:
    return (row.text, sorted(row.spans), row.context)


def _ranked(row: PreferenceRow) -> object:
    return (row.question, row.context, dict(zip(row.options, row.order, strict=True)))


_TEXTS: tuple[tuple[str, str], ...] = (
    ("Mein Auto wurde gestern beschädigt.", "claim"),
    ("Somebody hit my bicycle 🚲💥 – what now?", "claim"),
    ("Die Rechnung ist zu hoch!\nBitte prüfen.", "billing"),
    ('They said "paid", I say {"paid": false}', "billing"),
    ("e\u0301le\u0300ve, \u05e9\u05dc\u05d5\u05dd, \u4f60\u597d, \U0001f469\u200d\U0001f4bb", "?"),
    ("  spaces and\ttabs stay  ", "?"),
    ("007", "True"),
    ("yes", "True"),
)

_EDITS: tuple[tuple[str, str], ...] = (
    ("teh cat", "the cat"),
    ("Strasse", "Straße"),
    ("  two\nlines", "two\r\nlines \n"),
    ('a "quote"', "a “quote”"),
    ("\U0001f600 smile", "smile \U0001f600"),
)

CLASSIFICATION = Sample(
    "classification",
    Classification(),
    tuple(ClassificationRow(text=text, label=label) for text, label in _TEXTS),
    _label,
    _content,
    lambda text: ClassificationRow(text=text, label="claim"),
)

TRANSFORMATION = Sample(
    "transformation",
    Transformation("Correct the text."),
    tuple(TransformationRow(input=before, output=after) for before, after in _EDITS),
    _text,
    _content,
    lambda text: TransformationRow(input=text, output=text[::-1]),
)

EXTRACTION = Sample(
    "extraction",
    Extraction(),
    (
        _marked("Anna Berg lives in Köln.", ("Anna Berg", "person"), ("Köln", "place")),
        _marked("\U0001f469\u200d\U0001f4bb Zoë met Ali, then Ali met Zoë.", ("Zoë", "person")),
        ExtractionRow(text="Bonn, Bonn and Bonn", spans=(Span(6, 10, "place"),)),
        _marked("nothing here", context="Anna Berg was mentioned before."),
        _marked("University of Köln", ("University of Köln", "organisation"), ("Köln", "place")),
        _marked('He said "Köln"\nand left', ("Köln", "place"), context='the "case"'),
    ),
    _spans,
    _tagged,
    lambda text: ExtractionRow(text=f"Anna {text} Anna", spans=(Span(0, 4, "person"),)),
)

CHOICE = Sample(
    "preference-choose",
    Preference(),
    (
        PreferenceRow(question="Which is kinder?", options=("Go away.", "Please wait."), best=1),
        PreferenceRow(
            question="Welche Antwort hilft?",
            options=("Weiß nicht", "Öffnen Sie „Profil“ \U0001f4c4", "Nein\nDanke", '"Ja"'),
            best=1,
            context="Der Kunde sucht seine Police.",
        ),
        PreferenceRow(question="Rank them", options=("good", "fair", "poor"), ranks=(0, 1, 2)),
        PreferenceRow(question="A tie?", options=("a", "b", "c"), ranks=(0, 0, 1)),
    ),
    _choice,
    _ranked,
    lambda text: PreferenceRow(question=text, options=("first", "second"), best=0),
)

ANSWER = Sample(
    "preference-answer",
    Preference("answer", "Answer kindly."),
    (
        PreferenceRow(question="Hilfe?", options=("Gern! \U0001f642", "Nein."), best=0),
        PreferenceRow(question="Where is it?", options=("No.", "Here.", "There."), ranks=(2, 0, 1)),
        PreferenceRow(question="And?", options=("So.", "Well."), best=1, context="Earlier: no."),
    ),
    _reply,
    _ranked,
    lambda text: PreferenceRow(question=text, options=("yes", "no"), best=0),
)

SAMPLES: Mapping[str, Sample] = {
    sample.name: sample for sample in (CLASSIFICATION, TRANSFORMATION, EXTRACTION, CHOICE, ANSWER)
}
