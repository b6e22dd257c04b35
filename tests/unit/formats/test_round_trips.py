"""Rows into a file and back, for every format that is written: the same rows, or what
``tunekit.list_formats()`` says of them, and nothing else."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tunekit
from tunekit import (
    Classification,
    ClassificationRow,
    Dataset,
    Extraction,
    ExtractionRow,
    Preference,
    PreferenceRow,
    Span,
    Transformation,
    TransformationRow,
)
from tunekit.data.layout import Pairs
from tunekit.errors import DataError, UnsupportedTask
from tunekit.shapes import Shape
from tunekit.tasks.base import Row, Task
from tunekit.testing.samples import SAMPLES, Sample

FORMATS = tunekit.list_formats()
TASKS: dict[str, Task] = {
    "classification": Classification(),
    "transformation": Transformation("Rewrite it."),
    "extraction": Extraction(),
    "choose": Preference(),
    "answer": Preference("answer"),
}
FEATURES = {"context", "overlap", "ties", "ranking"}
#: Every format in this suite sees this many files, spread over the tasks that it carries.
FILES = 80 if os.environ.get("CI") else 200

# --- texts ----------------------------------------------------------------------------------------

#: What has broken somebody's file format before.
FRAGMENTS = [
    "\r\n", "\r", "\n", "\n\n", "\t", " ", "\u2028", "\u2029", "\x85", "\x0b", "\x1c", "\ufeff",
    '"', "'", '""', "\\", "\\n", ",", ";", "|", "{", "}", "{{name}}", "[", "]", "%s", "<b>",
    "&amp;", "###", "### Response:\n", "<|im_end|>", "<|endoftext|>", "</s>", "[INST]", "Human:",
    "\nA: ", '{"text": "x", "label": 1}', '[{"type":"a","text":"b"}]', "null", "NaN", "-", "1",
    "007", "true", "1. a\n2. b", "\n\n1. a\n2. b", "#", "= 1", "שלום", "مرحبا", "你好",
    "\u202eright\u202c", "e\u0301", "ü", "Straße", "👩\u200d💻", "🇩🇪", "\U0010ffff", "x" * 5000,
]  # fmt: skip
MIXED = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), min_size=1, max_size=8)
TEXTS = (MIXED.map("".join) | st.text(min_size=1, max_size=40)).filter(str.strip)
SHORT = (st.sampled_from(FRAGMENTS) | st.text(min_size=1, max_size=8)).filter(str.strip)
LABELS = st.sampled_from(["person", "Ort", 'the "third"', "a,b", "1"])

ID = st.none() | SHORT
NAMES = st.sampled_from(["lang", "annotator 1", "größe", "a,b", 'q"q'])
#: Names that are fields of some task, and what follows from that.
FIELDS = st.sampled_from(["id", "text", "label", "input", "spans", "best", "meta.text"])
CELLS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
LISTS = st.lists(CELLS, max_size=2).map(tuple)
OBJECTS = st.dictionaries(NAMES, CELLS, max_size=2).map(lambda one: Pairs(one.items()))
META = st.dictionaries(NAMES | FIELDS, CELLS | LISTS | OBJECTS, max_size=2)
REST = {"id": ID, "meta": META.map(lambda one: tuple(one.items()))}


# --- rows of each task ----------------------------------------------------------------------------


@st.composite
def extraction(draw: st.DrawFn) -> Row:
    text = draw(TEXTS)
    ends = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    places = draw(st.lists(ends.filter(lambda one: one[0] < one[1]), max_size=4))
    spans = tuple(Span(start, end, draw(LABELS)) for start, end in places)
    context = draw(st.none() | TEXTS)
    rest = {name: draw(one) for name, one in REST.items()}
    return ExtractionRow(text=text, spans=tuple(dict.fromkeys(spans)), context=context, **rest)


@st.composite
def preference(draw: st.DrawFn) -> Row:
    options = tuple(draw(st.lists(SHORT, min_size=2, max_size=4, unique=True)))
    best: int | None = draw(st.integers(0, len(options) - 1))
    ranks = None
    if draw(st.booleans()):
        drawn = draw(st.lists(st.integers(0, 3), min_size=len(options), max_size=len(options)))
        levels = sorted(set(drawn))
        if len(levels) > 1:
            best, ranks = None, tuple(map(levels.index, drawn))
    return PreferenceRow(
        question=draw(TEXTS),
        options=options,
        best=best,
        ranks=ranks,
        context=draw(st.none() | TEXTS),
        **{name: draw(one) for name, one in REST.items()},
    )


ROWS: dict[str, st.SearchStrategy[Row]] = {
    "classification": st.builds(ClassificationRow, text=TEXTS, label=SHORT, **REST),
    "transformation": st.builds(TransformationRow, input=TEXTS, output=TEXTS, **REST),
    "extraction": extraction(),
    "choose": preference(),
    "answer": preference(),
}


# --- what is documented ---------------------------------------------------------------------------


def bare(row: Row) -> Row:
    return row.model_copy(update={"given_id": None, "meta": ()})


def in_order(row: Row) -> Row:
    return (
        row.model_copy(update={"spans": tuple(sorted(row.spans))}) if hasattr(row, "spans") else row
    )


def as_best(row: Row) -> Row:
    if isinstance(row, PreferenceRow) and row.order.count(0) == 1 and max(row.order) == 1:
        return row.model_copy(update={"best": row.order.index(0), "ranks": None})
    return row


def renamed(row: Row) -> Row:
    taken = {"id"}.union(*(task.columns for task in TASKS.values() if type(row) is task.row_type))
    meta: dict[str, Any] = {}
    for name, value in row.meta:
        while name in taken or name in meta:
            name = f"meta.{name}"
        meta[name] = value
    return row.model_copy(update={"meta": tuple(meta.items())})


def told(words: str, own: str) -> Callable[[Row], Row]:
    """What a system turn with these words leaves in rows of a task with words of its own."""
    meta = (("system", words),) if words and words != own else ()
    return lambda row: row.model_copy(update={"meta": meta})


def as_texts(names: set[str]) -> Callable[[Row], Row]:
    """What a table of texts makes of ids and meta, given the names of all its columns."""

    def text(cell: Any) -> str:
        if isinstance(cell, str | None):
            return cell or ""
        return orjson.dumps(dict(cell) if isinstance(cell, Pairs) else cell).decode()

    def change(row: Row) -> Row:
        given = row.given_id if "id" not in names else row.given_id or ""
        meta = {name: text(row.get(name)) for name in names - {"id"}}
        return row.model_copy(update={"given_id": given, "meta": tuple(meta.items())})

    return change


def pairs(row: Row) -> Iterator[Row]:
    assert isinstance(row, PreferenceRow)
    for one, other in itertools.permutations(range(len(row.options)), 2):
        if row.order[one] < row.order[other]:
            options = (row.options[one], row.options[other])
            yield row.model_copy(update={"options": options, "best": 0, "ranks": None})


class Sorted(NamedTuple):
    """A row of which the order of options and of columns of meta doesn't count."""

    rest: Row
    options: frozenset[tuple[str, int]]
    meta: frozenset[tuple[str, Any]]


def sorted_out(row: Row, *, shown: bool) -> Any:
    """A row to compare: columns have no order, and options have none where a format shuffles."""
    options: frozenset[tuple[str, int]] = frozenset()
    bareness: dict[str, Any] = {"meta": ()}
    if shown and isinstance(row, PreferenceRow):
        options = frozenset(zip(row.options, row.order, strict=True))
        bareness |= {"options": (), "best": None, "ranks": None}
    return Sorted(row.model_copy(update=bareness), options, frozenset(row.meta))


IDS_AND_META = "ids and meta aren't written"
CSV = "ids and meta come back as texts, empty where a row had none"
NAMED = "columns of meta that are called like a field come back with meta. before the name"
SYSTEM = "a system turn that isn't the task's own comes back in meta"
SHOWN = "options come back in the order they are shown in"
PAIRS = "preferences for goal='answer' come back as one row a pair"
EACH: dict[str, Callable[[Row], Row]] = {
    IDS_AND_META: bare,
    "spans come back in order": in_order,
    "ranks that tell only one best option come back as best": as_best,
    "in meta, what JSON has no form for (dates, decimals) comes back as text, NaN as nothing": (
        lambda row: row
    ),
    NAMED: renamed,
}


def expected(before: Dataset, name: str, kind: str) -> list[Any]:
    """The rows as a format promises to bring them back."""
    said = promised(name)
    rows = list(before)
    changed = rows
    for promise, change in EACH.items():
        if promise in said:
            changed = list(map(change, changed))
    if CSV in said:
        names = {key for row in changed for key, _ in row.meta}
        names |= {"id" for row in rows if row.given_id is not None}
        changed = list(map(as_texts(names), changed))
    if SYSTEM in said:
        shape = next(one for one in before.task.offers if one in FORMATS[name].shapes)
        words = before.task.prompt().system if shape in (Shape.CHAT, Shape.PAIR) else ""
        changed = list(map(told(words, TASKS[kind].prompt().system), changed))
    if PAIRS in said and kind == "answer":
        changed = [pair for row in changed for pair in pairs(row)]
    return [sorted_out(row, shown=SHOWN in said) for row in changed]


def promised(name: str) -> set[str]:
    return set(FORMATS[name].changes.split("; ")) - {""}


def refused(rows: Sequence[Row], loses: Sequence[str], task: Task) -> bool:
    """Whether a format says that it has no place for one of these rows."""
    if {need for row in rows for need in task.needs(row)} & set(loses):
        return True
    if "NUL characters" in loses and any("\0" in one for row in rows for one in plain_cells(row)):
        return True
    if "texts with the separator" in loses and any(map(parted, rows)):
        return True
    with_context = sum(getattr(row, "context", None) is not None for row in rows)
    return "a context that only some rows have" in loses and 0 < with_context < len(rows)


def parted(row: Row) -> bool:
    """Whether a row may hold what parts a prompt, or ends an answer."""
    return any(piece in repr(row.content) for piece in ("###", r"\nEND"))


def plain_cells(row: Row) -> Iterator[str]:
    """The cells of a table that hold a text as it is; others hold it as JSON."""
    for value in (*dict(row).values(), *(value for _, value in row.meta)):
        if isinstance(value, str):
            yield value


# --- the property ---------------------------------------------------------------------------------


def carried(name: str) -> list[str]:
    """The tasks that a format carries."""
    shapes = {Shape(one) for one in FORMATS[name].shapes}
    return [kind for kind, task in TASKS.items() if shapes & set(task.offers)]


WRITTEN = [name for name, one in FORMATS.items() if one.reads and one.writes]


def test_every_task_has_a_format_of_each_kind() -> None:
    assert {"csv", "json", "jsonl", "examples", "openai-chat", "alpaca", "sharegpt"} <= set(WRITTEN)
    assert {kind for name in WRITTEN for kind in carried(name)} == set(TASKS)
    assert all(carried(name) for name in WRITTEN)


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in WRITTEN for kind in carried(name)]
)
def test_rows_come_back_as_documented(
    tmp_path_factory: pytest.TempPathFactory, name: str, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("round")
    task, about = TASKS[kind], FORMATS[name]
    assert promised(name) <= {*EACH, CSV, SHOWN, PAIRS, SYSTEM}, "what does it promise?"
    rows = ROWS[kind]
    if name not in ("csv", "tsv"):  # they refuse rows with others; elsewhere each stands for itself
        rows = rows.filter(lambda row: not refused([row], about.loses, task))
    seen = 0

    @settings(
        max_examples=-(-FILES // len(carried(name))),
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(
        some=st.lists(rows, min_size=1, max_size=4),
        alone=st.booleans(),
        ending=st.sampled_from(about.endings),
    )
    def holds(some: list[Row], alone: bool, ending: str) -> None:
        nonlocal seen
        if alone and hasattr(some[0], "context"):  # tables refuse it where only some rows have it
            some = [row.model_copy(update={"context": None}) for row in some]
        before = Dataset.from_rows(some, task)
        path = folder / f"rows{ending}"
        if refused(some, about.loses, task):
            with pytest.raises((DataError, UnsupportedTask)):
                before.to(name, path)
            return
        before.to(name, path)
        after = Dataset.read(path, task, format=name)
        seen += 1
        shown = SHOWN in promised(name)
        assert [sorted_out(row, shown=shown) for row in after] == expected(before, name, kind)
        # Whatever was changed on the first way stays as it is on every other.
        again = Dataset.read(after.to(name, folder / f"again{ending}"), task, format=name)
        assert list(again) == list(after)

    holds()
    assert seen * len(carried(name)) > FILES / 3, "nearly everything is refused"


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=list(SAMPLES))
@pytest.mark.parametrize("name", WRITTEN)
def test_a_megabyte_comes_back(tmp_path: Path, name: str, sample: Sample) -> None:
    if not {Shape(one) for one in FORMATS[name].shapes} & set(sample.task.offers):
        with pytest.raises(UnsupportedTask, match=name):
            Dataset.from_rows(sample.rows, sample.task).to(name)
        return
    row = sample.long('ä \U0001f600, "b"; ' * 80_000)
    path = tmp_path / f"long{FORMATS[name].endings[0]}"
    Dataset.from_rows([row], sample.task).to(name, path)
    (again,) = Dataset.read(path, sample.task, format=name)
    assert sample.meaning(again) == sample.meaning(row)
