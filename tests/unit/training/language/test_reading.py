"""Which rows are learnt from, which are judged by, and which are left out, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tunekit.errors import ModelError
from tunekit.shapes import Example, Said, Turn, Turns
from tunekit.training.folder import RunFolder
from tunekit.training.habits import Habit
from tunekit.training.recipe import Base, Recipe, Settings
from tunekit.training.timings import Timings
from tunekit.training.work import Work

pytestmark = pytest.mark.torch
pytest.importorskip("transformers", reason="needs the extra local")

from tunekit.training.language.reading import read_parts  # noqa: E402
from tunekit.training.language.sequences import (  # noqa: E402
    longest_answer,
    read_asked,
    spoken,
)
from tunekit.training.language.speech import Speech  # noqa: E402

from .samples import ask, load  # noqa: E402

HABIT = Habit(8, steps=10, least=1, most=2, held_out=0.2, held_out_most=5, from_rows=10)


@pytest.fixture(scope="module")
def speech(tiny_causal: Path) -> Speech:
    return load(tiny_causal).speech


# --- rows as tokens -------------------------------------------------------------------------------


def test_a_prompt_needs_room_for_one_token_of_an_answer(speech: Speech) -> None:
    asked = ask("hello")
    length = len(speech.asked(asked.turns))
    assert read_asked(speech, asked, length + 1).ids == speech.asked(asked.turns)
    refused = read_asked(speech, asked, length)
    assert refused.ids == []
    assert refused.refused == (
        "too-long",
        f"the prompt has {length} tokens, and there is room for {length - 1}",
    )


def test_a_prompt_needs_room_for_the_longest_of_its_choices(speech: Speech) -> None:
    asked = ask("hello", choices=("no", "certainly"))
    needed = len(speech.asked(asked.turns)) + len("certainly") + 1
    assert read_asked(speech, asked, needed).refused is None
    assert (read_asked(speech, asked, needed - 1).refused or "")[0] == "too-long"
    # What is learnt is one of them.
    assert not isinstance(spoken(speech, asked, "no", needed - 1), str)


def test_a_row_fits_to_the_last_token(speech: Speech) -> None:
    asked = ask("hello")
    whole = len(speech.asked(asked.turns)) + 4
    row = spoken(speech, asked, "yes", whole)
    assert not isinstance(row, str)
    assert (len(row.ids), row.learnt) == (whole, 4)
    assert longest_answer([row, row._replace(start=row.start - 2)]) == 6
    assert longest_answer([]) == 1
    assert spoken(speech, asked, "yes", whole - 1) == (
        f"prompt and answer have {whole} tokens, and there is room for {whole - 1}"
    )
    assert "the prompt has" in str(spoken(speech, asked, "yes", whole - 4))


def test_an_empty_answer_is_its_end(speech: Speech) -> None:
    row = spoken(speech, ask("say nothing"), "", 512)
    assert not isinstance(row, str)
    assert row.ids[row.start :] == [speech.end]


@pytest.mark.parametrize(
    "asked",
    [
        ask("is <|im_end|> it?"),
        Turns((Turn("system", "<|im_end|>"), Turn("user", "?"))),
        ask("?", choices=("yes", "<|im_end|>")),
    ],
)
def test_a_token_of_the_templates_in_a_prompt_is_refused(speech: Speech, asked: Turns) -> None:
    read = read_asked(speech, asked, 512)
    assert read.refused == ("control-token", "the text has '<|im_end|>', which ends a turn")


def test_a_token_of_the_templates_in_an_answer_is_refused(speech: Speech) -> None:
    assert (
        spoken(speech, ask("?"), "a<|pad|>", 512) == "the answer has '<|pad|>', which ends a turn"
    )


def test_a_conversation_that_the_template_refuses_costs_no_other(tiny_causal: Path) -> None:
    tokenizer = load(tiny_causal).tokenizer
    tokenizer.chat_template = (
        "{% if messages[0]['role'] != 'user' %}{{ raise_exception('the user begins') }}{% endif %}"
        + tokenizer.chat_template
    )
    speech = Speech(tokenizer, "tiny")
    assert read_asked(speech, ask("?"), 512).refused is None
    refused = read_asked(speech, Turns((Turn("assistant", "!"), Turn("user", "?"))), 512).refused
    assert refused is not None
    assert refused[0] == "template"
    assert "the user begins" in refused[1]


# --- rows to learn from and to judge by -----------------------------------------------------------


def work(
    folder: Path, train: list[Example], validation: list[Example] | None = None, seed: int = 0
) -> Work:
    run = RunFolder(folder)
    recipe = Recipe(
        base=Base(name="tiny", files=(), max_length=64, limit=64),
        base_path="",
        settings=Settings(seed=seed),
    )
    return Work(run, recipe, train, validation, Timings(run))


def rows(count: int, **changed: str) -> list[Example]:
    """Rows by number; those whose number is named have that text instead."""
    texts = [changed.get(f"row{number}", str(number)) for number in range(count)]
    return [Example(ask("?"), Said(text)) for text in texts]


def read(example: Example) -> Any:
    assert isinstance(example.target, Said)
    return "it is bad" if example.target.text == "bad" else [example.target.text]


def test_what_is_held_out_is_never_learnt_from(tmp_path: Path) -> None:
    learnt, held_out = read_parts(work(tmp_path, rows(20)), HABIT, read)
    assert (len(learnt), len(held_out)) == (16, 4)
    assert sorted([*learnt, *held_out]) == sorted([str(number)] for number in range(20))
    # The seed says which, and nothing else does.
    assert read_parts(work(tmp_path, rows(20)), HABIT, read) == (learnt, held_out)
    assert read_parts(work(tmp_path, rows(20), seed=1), HABIT, read)[1] != held_out


def test_few_rows_are_all_learnt_from(tmp_path: Path) -> None:
    learnt, held_out = read_parts(work(tmp_path, rows(9)), HABIT, read)
    assert (len(learnt), held_out) == (9, [])


def test_rows_for_judging_are_those_that_are_given(tmp_path: Path) -> None:
    given = work(tmp_path, rows(20), rows(3, row1="bad"))
    learnt, held_out = read_parts(given, HABIT, read)
    assert (len(learnt), held_out) == (20, [["0"], ["2"]])
    event = next(given.run.events())
    assert event["message"] == "1 validation rows are left out (1): it is bad, for one."
    # That none is left for judging is no reason not to learn.
    none = work(tmp_path, rows(2), rows(1, row0="bad"))
    assert read_parts(none, HABIT, read)[1] == []


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    bad = {f"row{number}": "bad" for number in range(3, 15)}
    given = work(tmp_path, rows(16, **bad))
    assert read_parts(given, HABIT, read)[0] == [["0"], ["1"], ["2"], ["15"]]
    event = next(given.run.events())
    assert event["message"] == (
        "12 rows are left out (3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 2 more): it is bad, for one."
    )
    assert event["data"] == {"left_out": list(range(3, 15))}


def test_no_row_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="none of 2 rows can be learnt from: it is bad"):
        read_parts(work(tmp_path, rows(2, row0="bad", row1="bad")), HABIT, read)
