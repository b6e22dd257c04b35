"""Which examples are shown: all classes, unlike ones, none long, the same ones every time."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import InputError
from tunekit.prompted import Shot, choose_shots, shot_of, tokens_of
from tunekit.prompted.choosing import Gathered
from tunekit.shapes import Example, Passage, Said, Turn, Turns, Weights

LABELS = ("car", "home", "pet")


def example(text: str, answer: str, choices: tuple[str, ...] = LABELS) -> Example:
    return Example(Turns((Turn("system", "Sort."), Turn("user", text)), choices), Said(answer))


def shown(examples: tuple[Example, ...]) -> list[Shot]:
    return [shot_of(one) or () for one in examples]


labelled = st.lists(st.builds(example, st.text(max_size=20), st.sampled_from(LABELS)), max_size=40)


@given(labelled, st.integers(0, 12), st.randoms(use_true_random=False))
def test_classes_are_covered_evenly_in_whatever_order(
    examples: list[Example], count: int, dice: random.Random
) -> None:
    chosen = choose_shots(examples, count)
    usable = {shot_of(one) for one in examples} - {None}
    assert set(shown(chosen)) <= usable
    inputs = {shot[:-1] for shot in usable if shot}
    assert len(chosen) == min(count, len(inputs))
    assert len({shot[:-1] for shot in shown(chosen)}) == len(chosen), "an input is shown twice"
    shuffled = list(examples)
    dice.shuffle(shuffled)
    assert shown(choose_shots(shuffled, count)) == shown(chosen)


@given(st.integers(1, 5), st.integers(0, 20))
def test_no_class_has_two_more_than_another_while_that_has_some(rows: int, count: int) -> None:
    examples = [example(f"{label} number {n}", label) for label in LABELS for n in range(rows)]
    counts = Counter(one.target.text for one in choose_shots(examples, count))  # type: ignore[union-attr]
    many = [counts[label] for label in LABELS]
    assert max(many) - min(many) <= 1


def test_what_a_small_class_lacks_goes_to_the_others() -> None:
    examples = [example(f"car {n}", "car") for n in range(9)] + [example("home", "home")]
    counts = Counter(shot[-1] for shot in shown(choose_shots(examples, 6)))
    assert counts == {"car": 5, "home": 1}


def test_with_fewer_places_than_classes_the_frequent_ones_are_shown() -> None:
    rows = {"pet": 5, "home": 3, "car": 1}
    examples = [example(f"{label} {n}", label) for label, many in rows.items() for n in range(many)]
    assert {shot[-1] for shot in shown(choose_shots(examples, 2))} == {"pet", "home"}


def test_examples_of_a_class_differ() -> None:
    near = [example(f"my car was hit at the corner of street {n}", "car") for n in range(20)]
    other = example("the windscreen has a crack", "car")
    assert shot_of(other) in shown(choose_shots([*near, other], 2))


def test_free_answers_are_one_class() -> None:
    near = [example(f"correct this sentence {n}", f"answer {n}", ()) for n in range(20)]
    other = example("Öffnen Sie das Fenster!", "Please open the window!", ())
    assert shot_of(other) in shown(choose_shots([*near, other], 3))


def test_long_ones_are_avoided_while_there_are_others() -> None:
    long = [example(f"{n} " * 500, "car") for n in range(3)]
    short = [example(f"car number {n}", "car") for n in range(8)]
    assert all(tokens_of(*shot) < 50 for shot in shown(choose_shots([*long, *short], 4)))
    assert len(choose_shots([*long, *short], 11)) == 11


def test_classes_come_by_turns() -> None:
    examples = [example(f"{label} number {n}", label) for label in LABELS for n in range(4)]
    answers = [shot[-1] for shot in shown(choose_shots(examples, 9))]
    assert {*answers[:3]} == {*answers[3:6]} == {*answers[6:]} == {*LABELS}


def test_another_seed_chooses_others() -> None:
    examples = [example(f"car {n} {n * 7919 % 1000}", "car") for n in range(400)]
    assert shown(choose_shots(examples, 4)) != shown(choose_shots(examples, 4, seed=1))


def test_what_can_t_be_shown_is_left_out() -> None:
    passage = Example(Passage("text"), Weights((("car", 1.0),)))
    silent = Example(Turns((Turn("system", "Sort."),)), Said("car"))
    examples = [example("  ", "car"), example("text", " "), passage, silent]
    assert choose_shots(examples, 4) == ()


def test_a_context_is_part_of_a_shot() -> None:
    turns = Turns((Turn("system", "Tag."), Turn("user", "before"), Turn("user", "text")))
    assert shown(choose_shots([Example(turns, Said("[]"))], 1)) == [("before", "text", "[]")]


def test_another_process_chooses_the_same() -> None:
    program = (
        "from tunekit.prompted import choose_shots\n"
        "from tunekit.shapes import *\n"
        "texts = [f'{word} {n}' for word in ('red', 'blue', 'green') for n in range(50)]\n"
        "given = [Example(Turns((Turn('user', t),), ('a', 'b')), Said('ab'[len(t) % 2]))"
        " for t in texts]\n"
        "print([one.input.turns[0].text for one in choose_shots(given, 7)])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1 and said.pop().strip() != b"[]"


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(InputError, match="count=-1"):
        choose_shots([], -1)


def test_many_rows_of_many_classes_are_covered() -> None:
    labels = tuple(f"label {n}" for n in range(77))
    examples = [
        example(f"{n} {n * 7919 % 10_007} and some more words {n % 31}", labels[n % 77], labels)
        for n in range(10_000)
    ]
    assert {shot[-1] for shot in shown(choose_shots(examples, 154))} == {*labels}


def test_copies_take_no_place_of_others() -> None:
    rows = [example(f"text {n}", "car") for n in range(40)]
    found = Gathered([*rows, *[example("the same", "car")] * 400], seed=0, kept=41)
    assert [len(one) for one in found.by_kind.values()] == [41]
