"""Examples as rows: asked in training as they are asked later, and nothing of them lost."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tunekit import errors
from tunekit.backends.autotrain.bases import Base, read_base
from tunekit.backends.autotrain.rows import Rows, write_rows
from tunekit.backends.autotrain.runner import _block
from tunekit.formats.base import Header
from tunekit.formats.examples import Examples
from tunekit.shapes import (
    Better,
    Example,
    Marks,
    Order,
    Passage,
    Question,
    Said,
    Span,
    Turn,
    Turns,
    Weights,
)
from tunekit.training.questions import with_option

pytestmark = pytest.mark.torch

ASKED = Turns((Turn("system", "Be brief."), Turn("user", "Hello?")))


@pytest.fixture
def base(tiny_causal: Path) -> Base:
    return read_base("acme/tiny", tiny_causal)


def test_what_a_language_model_learns_is_what_it_will_be_asked(base: Base) -> None:
    spoken = base.spoken()
    (row,) = Rows("sft", (), spoken).of(Example(ASKED, Said("Hi.")))
    asked = spoken.speech.text(ASKED.turns)
    assert row["text"] == f"{asked}Hi.{spoken.ending}".removeprefix(spoken.begun)
    assert spoken.ending
    (row,) = Rows("dpo", (), spoken).of(Example(ASKED, Better("Hi.", "Go.")))
    assert row == {"prompt": asked, "chosen": "Hi.", "rejected": "Go."}


def test_a_text_that_its_tokenizer_begins_by_itself_is_not_begun_twice(base: Base) -> None:
    spoken = base.spoken()._replace(begun="<s>")
    whole = spoken._replace(begun="").whole(ASKED.turns, "Hi.")
    assert spoken.whole(ASKED.turns, "Hi.") == whole.removeprefix("<s>")


def test_words_that_end_a_turn_are_refused(base: Base, tmp_path: Path) -> None:
    spoken = base.spoken()
    turns = Turns((Turn("user", f"I say {spoken.ending} now"),))
    source = written(tmp_path, [Example(ASKED, Said("a")), Example(turns, Said("b"))])
    with pytest.raises(errors.DataError, match="ends a turn") as caught:
        write_rows(Rows("sft", (), spoken), source, tmp_path / "rows")
    assert [finding.row for finding in caught.value.findings] == [1]


def test_a_reward_model_compares_every_two_that_differ() -> None:
    asked = Question("Which?", ("good", "fair", "poor"), "Context.")
    rows = list(Rows("reward", ()).of(Example(asked, Order((0.0, -1.0, -1.0)))))
    texts = {option: with_option(asked, option) for option in asked.options}
    assert [(row["chosen"], row["rejected"]) for row in rows] == [
        (texts["good"], texts["fair"]),
        (texts["good"], texts["poor"]),
    ]


def test_labels_and_tags_are_numbers() -> None:
    labels = ("a", "b")
    (row,) = Rows("text-classification", labels).of(Example(Passage("x"), Weights((("b", 1.0),))))
    assert row == {"text": "x", "label": 1}
    marked = Example(Passage("to Rome"), Marks((Span(3, 7, "b"),)))
    (row,) = Rows("token-classification", labels).of(marked)
    assert row == {"tokens": ["to", "Rome"], "tags": [0, 3]}


def test_where_nothing_is_left_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    source = written(tmp_path, [Example(Passage("  "), Marks(()))])
    with pytest.raises(errors.DataError, match="nothing is left"):
        write_rows(Rows("token-classification", ("a",)), source, tmp_path / "rows")


@pytest.mark.parametrize(("size", "block"), [(1_000_000, 1024), (4_000, 64), (10, 32)])
def test_few_rows_still_fill_some_blocks(tmp_path: Path, size: int, block: int) -> None:
    (tmp_path / "train.jsonl").write_bytes(b"x" * size)
    assert _block(tmp_path / "train.jsonl") == block


def written(folder: Path, examples: list[Example]) -> Path:
    path = folder / "train.jsonl"
    lines = [orjson.dumps(Examples().encode(one, Header())) for one in examples]
    path.write_bytes(b"\n".join(lines))
    return path
