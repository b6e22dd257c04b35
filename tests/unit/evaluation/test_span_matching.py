"""Pairs and errors of spans, against scipy's matching and against what the kinds mean."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from tunekit.evaluation.span_matching import overlapping_hits, pair_overlapping, span_errors
from tunekit.shapes import Span

LABELS = ("a", "b", "c")
any_span = st.builds(
    lambda start, length, label: Span(start, start + length, label),
    st.integers(0, 15),
    st.integers(1, 10),
    st.sampled_from(LABELS),
)
any_spans = st.frozensets(any_span, max_size=9)


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def same_label_too(one: Span, other: Span) -> bool:
    return one.label == other.label and overlap(one, other)


def most_pairs(
    truth: frozenset[Span], predicted: frozenset[Span], fits: Callable[[Span, Span], bool]
) -> int:
    """Hopcroft and Karp's maximum matching, as scipy has it."""
    if not truth or not predicted:
        return 0
    graph = csr_matrix([[int(fits(t, p)) for p in predicted] for t in truth])
    return int((maximum_bipartite_matching(graph) >= 0).sum())


@settings(deadline=None, max_examples=300)
@given(any_spans, any_spans)
def test_as_many_pairs_as_there_can_be(truth: frozenset[Span], predicted: frozenset[Span]) -> None:
    pairs = pair_overlapping(truth, predicted)
    assert len(pairs) == most_pairs(truth, predicted, overlap)
    assert all(t in truth and p in predicted and overlap(t, p) for t, p in pairs)
    assert len({t for t, _ in pairs}) == len({p for _, p in pairs}) == len(pairs), "one to one"
    assert overlapping_hits(truth, predicted) == most_pairs(truth, predicted, same_label_too)


@settings(deadline=None, max_examples=300)
@given(any_spans, any_spans)
def test_every_span_is_right_or_in_one_error(
    truth: frozenset[Span], predicted: frozenset[Span]
) -> None:
    errors = span_errors(truth, predicted)
    assert sorted(e.truth for e in errors if e.truth) == sorted(truth - predicted)
    assert sorted(e.predicted for e in errors if e.predicted) == sorted(predicted - truth)
    for kind, true, said in errors:
        if true is None or said is None:
            assert kind == ("spurious" if true is None else "missed")
            continue
        same_place = true[:2] == said[:2]
        assert overlap(true, said)
        assert (true.label == said.label, same_place) == {
            "boundary": (True, False),
            "type": (False, True),
            "both": (False, False),
        }[kind]
    left = [e.truth for e in errors if e.truth and not e.predicted]
    over = [e.predicted for e in errors if e.predicted and not e.truth]
    assert not any(overlap(t, p) for t in left for p in over), "nothing is left that fits"


@pytest.mark.parametrize(
    ("truth", "predicted", "kinds"),
    [
        ([(0, 4, "a")], [(0, 4, "a")], []),
        ([(0, 4, "a")], [(0, 5, "a")], ["boundary"]),
        ([(0, 4, "a")], [(3, 9, "a")], ["boundary"]),
        ([(0, 4, "a")], [(0, 4, "b")], ["type"]),
        ([(0, 4, "a")], [(2, 6, "b")], ["both"]),
        ([(0, 4, "a")], [(4, 6, "a")], ["missed", "spurious"]),
        ([(0, 4, "a")], [], ["missed"]),
        ([], [(0, 4, "a")], ["spurious"]),
        # One true span is taken for one predicted span, the best first.
        ([(0, 9, "a")], [(0, 4, "a"), (0, 9, "b")], ["spurious", "type"]),
        ([(0, 9, "a")], [(0, 4, "b"), (5, 9, "a")], ["spurious", "boundary"]),
        ([(0, 9, "a"), (0, 4, "b")], [(0, 4, "b"), (0, 9, "b")], ["type"]),
        # What is right is no error, whatever else overlaps it.
        ([(0, 9, "a"), (2, 5, "a")], [(0, 9, "a")], ["missed"]),
    ],
)
def test_the_kinds_of_errors(
    truth: list[tuple[int, int, str]], predicted: list[tuple[int, int, str]], kinds: list[str]
) -> None:
    errors = span_errors(
        frozenset(Span(*one) for one in truth), frozenset(Span(*one) for one in predicted)
    )
    assert [error.kind for error in errors] == kinds


def test_a_span_without_characters_overlaps_nothing_and_can_be_right() -> None:
    empty = frozenset({Span(3, 3, "a")})
    assert overlapping_hits(empty, empty | {Span(0, 9, "b")}) == 1
    assert overlapping_hits(empty, frozenset({Span(0, 9, "a")})) == 0
    assert [e.kind for e in span_errors(empty, frozenset({Span(0, 9, "a")}))] == [
        "spurious",
        "missed",
    ]


def test_thousands_of_spans_that_all_overlap_take_little_time() -> None:
    random = np.random.default_rng(0)
    starts, ends = random.integers(0, 5_000, (2, 4_000)), random.integers(5_001, 10_000, (2, 4_000))
    truth, predicted = (
        frozenset(Span(int(s), int(e), "a") for s, e in zip(*side, strict=True))
        for side in zip(starts, ends, strict=True)
    )
    started = time.process_time()
    assert overlapping_hits(truth, predicted) == min(len(truth), len(predicted))
    span_errors(truth, predicted)
    assert time.process_time() - started < 2
