"""Random rows without faults, for properties. Needs hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from ..shapes import Span
from ..tasks.base import Row, Task
from ..tasks.classification import ClassificationRow
from ..tasks.extraction import ExtractionRow
from ..tasks.preference import PreferenceRow
from ..tasks.transformation import TransformationRow

__all__ = ["rows"]

#: Everything that a text may hold, newlines, controls and characters of four bytes included.
TEXTS = st.text(min_size=1, max_size=60).filter(str.strip)
SHORT = st.text(min_size=1, max_size=8).filter(str.strip)
#: Few letters, so that the same words stand at several places.
REPEATING = st.text(alphabet="ab ü😀\n", min_size=1, max_size=30).filter(str.strip)


def rows(task: Task, carries: frozenset[str]) -> st.SearchStrategy[Row]:
    """Rows of a task that need no other features than those carried."""
    made: st.SearchStrategy[Row]
    match task.kind:
        case "classification":
            made = st.builds(ClassificationRow, text=TEXTS, label=SHORT)
        case "transformation":
            made = st.builds(TransformationRow, input=TEXTS, output=TEXTS)
        case "extraction":
            made = _extraction()
        case _:
            made = _preference(ranked=bool(carries & {"ties", "ranking"}))
    return made.filter(lambda row: carries.issuperset(task.needs(row)) and not _faulty(task, row))


def _faulty(task: Task, row: Row) -> bool:
    return any(finding.severity == "error" for finding in task.findings(row))


@st.composite
def _extraction(draw: st.DrawFn) -> Row:
    text = draw(st.one_of(TEXTS, REPEATING))
    ends = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text)))
    places = draw(st.lists(ends.filter(lambda one: one[0] < one[1]), max_size=4))
    labels = st.sampled_from(["person", "Ort", 'the "third"'])
    spans = {Span(start, end, draw(labels)) for start, end in places}
    context = draw(st.one_of(st.none(), TEXTS))
    return ExtractionRow(text=text, spans=tuple(sorted(spans)), context=context)


@st.composite
def _preference(draw: st.DrawFn, *, ranked: bool) -> Row:
    options = tuple(draw(st.lists(SHORT, min_size=2, max_size=5, unique=True)))
    context = draw(st.one_of(st.none(), TEXTS))
    question = draw(TEXTS)
    if not ranked or draw(st.booleans()):
        best = draw(st.integers(0, len(options) - 1))
        return PreferenceRow(question=question, options=options, best=best, context=context)
    levels = st.lists(st.integers(0, 3), min_size=len(options), max_size=len(options))
    ranks = draw(levels.filter(lambda ranks: len(set(ranks)) > 1))
    order = sorted(set(ranks))
    return PreferenceRow(
        question=question,
        options=options,
        ranks=tuple(order.index(rank) for rank in ranks),
        context=context,
    )
