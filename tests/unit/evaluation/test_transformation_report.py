"""The report on transformed texts, against sacrebleu and a plain edit distance."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from sacrebleu.metrics.chrf import CHRF

import tunekit
from tunekit import Dataset
from tunekit.errors import DataError, InputError
from tunekit.evaluation import evaluate
from tunekit.evaluation.transformation_report import TransformationReport
from tunekit.shapes import Failure
from tunekit.tasks.transformation import Transformation, TransformationRow

TASK = Transformation()
FAILED = Failure("timeout", "no answer in 60 s")
texts = st.text(st.sampled_from("ab \n日🙂"), max_size=8)


def report(*rows: tuple[str, str, Any]) -> TransformationReport:
    """Of inputs, outputs and answers."""
    made = [TransformationRow(input=asked, output=true) for asked, true, _ in rows]
    found = evaluate(TASK, made, [said for *_, said in rows])
    assert isinstance(found, TransformationReport)
    return found


def edits(a: str, b: str) -> int:
    """The edit distance as the textbook has it."""
    above = list(range(len(b) + 1))
    for row, one in enumerate(a, start=1):
        here = [row]
        for at, other in enumerate(b):
            here.append(min(above[at] + (one != other), above[at + 1] + 1, here[at] + 1))
        above = here
    return above[-1]


@settings(max_examples=15)
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=8))
def test_figures_are_those_of_their_definitions(drawn: list[tuple[str, str, str]]) -> None:
    found = report(*drawn)
    pairs = [(true, said) for _, true, said in drawn]
    assert found.exact_match.value == pytest.approx(sum(t == s for t, s in pairs) / len(pairs))
    alike = [1 - edits(t, s) / max(len(t), len(s)) if t or s else 1.0 for t, s in pairs]
    assert found.similarity.value == pytest.approx(sum(alike) / len(pairs), abs=1e-9)
    true, said = zip(*pairs, strict=True)
    expected = CHRF().corpus_score(list(said), [list(true)]).score / 100
    assert found.chrf.value == pytest.approx(expected, abs=1e-9)
    for measure in (found.exact_match, found.similarity, found.chrf):
        assert 0 <= measure.low <= measure.high <= 1


def test_who_repeats_the_input_has_no_changed_row_right() -> None:
    found = report(("a", "a", "a"), ("b", "b", "b"), ("c", "x", "c"))
    assert found.exact_match.value == pytest.approx(2 / 3)
    assert found.changed_rows == 1
    assert found.exact_match_changed is not None and found.exact_match_changed.value == 0.0
    assert report(("a", "a", "a")).exact_match_changed is None


def test_a_row_without_an_answer_is_wrong_even_where_nothing_is_right() -> None:
    found = report(("a", "", FAILED), ("a", "", ""))
    assert found.exact_match.value == 0.5
    assert found.similarity.value == 0.5
    (failure,) = found.failures
    assert (failure.row, failure.code) == (0, "timeout")
    assert found.wrong == ()


def test_wrong_rows_begin_with_the_furthest_off() -> None:
    found = report(("a", "abcd", "abcx"), ("a", "abcd", "zzzz"), ("a", "abcd", "abcd"))
    assert [(one.row, one.similarity) for one in found.wrong] == [(1, 0.0), (0, 0.75)]


def test_case_and_white_space_count() -> None:
    assert report(("a", "Yes", "yes"), ("a", "Yes", "Yes ")).exact_match.value == 0.0


def test_it_goes_through_json() -> None:
    found = report(("a", "b", "b\u2028"), ("a", "b", FAILED)).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert set(found["chrf"]) == {"value", "low", "high"}


def test_it_prints_what_it_found_and_no_control_sequence() -> None:
    text = str(report(("[bold]in\x1b[31m", "out" * 100, "said\n|"), ("a", "a", FAILED)))
    assert "exact match" in text and "chrF" in text and "similarity" in text
    assert "counted as wrong: 1 row" in text
    assert "[bold]in" in text and "\x1b" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= 100
    assert "Every output is its input" in str(report(("a", "a", "b")))


def test_a_model_is_evaluated() -> None:
    rows = [{"input": f"in {n}", "output": f"out {n}"} for n in range(6)]
    data = Dataset.from_rows(rows, TASK)
    found = tunekit.tune(data, backend="fake").evaluate(data)
    assert found.to_dict()["exact_match"]["value"] == 1.0
    assert found.to_dict()["model_kind"] == "tuned"


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(InputError, match="expected str or Failure"):
        report(("a", "b", 3))
    with pytest.raises(DataError, match="no rows"):
        report()
