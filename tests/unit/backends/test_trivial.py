"""Rules that any model has to beat: what they answer, and how they are kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

import tunekit
from tunekit import Classification, Dataset, Extraction, Preference, Transformation, errors
from tunekit.backends.abilities import Keeps, Rules
from tunekit.backends.base import Backend, ModelRef, Predicts, Trains
from tunekit.backends.trivial import LONGEST_QUOTE, RULES
from tunekit.shapes import Failure, Passage, Question

MESSAGES = [
    {"text": f"{n}", "label": label}
    for n, label in enumerate(["ü", "ja", "ja", "nein", "ü", "ja", "nein", "ü"])
]


def rule_of(rows: list[dict[str, Any]], task: Any, **options: Any) -> tunekit.Model:
    data = Dataset.from_rows(rows, task)
    return tunekit.baseline(data, backend=tunekit.backend("trivial", **options))


def tagged(text: str, *quotes: tuple[str, str]) -> dict[str, Any]:
    """A row with the first place of each quote as a span."""
    spans = [(text.index(quote), text.index(quote) + len(quote), label) for quote, label in quotes]
    return {"text": text, "spans": spans}


def found(model: tunekit.Model, text: str) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], one.label) for one in model.predict(text).spans]


# --- each rule ------------------------------------------------------------------------------------


def test_the_majority_label_with_its_share() -> None:
    answer = rule_of(MESSAGES, Classification()).predict("anything")
    assert answer.label == "ja"  # of equally frequent ones the first by name
    assert answer.probabilities == {"ja": 3 / 8, "ü": 3 / 8, "nein": 2 / 8}
    assert answer.probability == 3 / 8


def test_what_was_a_span_is_one_again() -> None:
    rows = [
        tagged("Zoë met Ann in Köln", ("Zoë", "NAME"), ("Ann", "NAME"), ("Köln", "CITY")),
        tagged("Köln wins", ("Köln", "CLUB")),
        tagged("in Köln", ("Köln", "CITY")),
        tagged("New York Times", ("New York Times", "CLUB")),
        tagged("in New York", ("New York", "CITY")),
    ]
    model = rule_of(rows, Extraction())
    assert found(model, "Köln, Ann and Zoë.") == [
        ("Köln", "CITY"),  # the more frequent label
        ("Ann", "NAME"),
        ("Zoë", "NAME"),
    ]
    # The longest first, and none over another.
    assert found(model, "New York Times of New York") == [
        ("New York Times", "CLUB"),
        ("New York", "CITY"),
    ]
    # Whole words only, also where the search for the longest ends.
    assert found(model, "Annabel and Hannah in Kölner") == []
    assert found(model, "New York Timeses") == [("New York", "CITY")]
    assert found(model, "ann KÖLN") == [] and found(model, "") == []
    assert found(model, "🙂Ann🙂") == [("Ann", "NAME")]


def test_whole_words_with_the_longest_quote_of_all() -> None:
    model = rule_of([tagged("Ann", ("Ann", "NAME"))], Extraction())
    assert found(model, "Anna Ann Ann_ Ann") == [("Ann", "NAME"), ("Ann", "NAME")]


def test_blank_and_very_long_spans_are_no_rule() -> None:
    long = "word " * LONGEST_QUOTE
    rows = [tagged(f"a {long}", (long, "X")), tagged("a  b", ("  ", "Y")), tagged("b", ("b", "Z"))]
    model = rule_of(rows, Extraction())
    assert found(model, f"b {long} b") == [("b", "Z"), ("b", "Z")]


def test_rows_without_spans_make_a_rule_that_finds_none() -> None:
    model = rule_of([{"text": "nothing here", "spans": []}] * 3, Extraction())
    assert found(model, "nothing here") == []


def test_the_input_itself() -> None:
    model = rule_of([{"input": "a", "output": "b"}], Transformation())
    for text in ("x\n\ty", "", "日本 🙂 \u0301"):
        assert model.predict(text) == text


QUESTIONS = [
    {"question": f"q{n}?", "options": ["no", f"yes, surely {n}", "no, never"], "best": 1}
    for n in range(20)
]


def test_the_option_that_looks_like_the_best() -> None:
    model = rule_of(QUESTIONS, Preference())
    assert model.ref.id.startswith("options-only:") and model.base == "options-only"
    options = ["never", "oh no", "yes, surely not"]
    assert model.predict("never read", options=options).index == 2
    assert model.predict("never read", options=options[::-1]).index == 0
    answer = model.predict("q?", options=options)
    assert answer.probabilities is None  # a rule of looks isn't sure of anything


def test_where_all_options_tie_any_is_taken_but_always_the_same() -> None:
    rows = [{"question": "q", "options": ["x", "y"], "ranks": [0, 0]}]
    first, second = (rule_of(rows, Preference()) for _ in range(2))
    options = ["apples", "pears", "plums"]
    assert first.predict("q", options=options) == second.predict("q", options=options)


def test_the_first_option_where_that_rule_is_asked_for() -> None:
    model = rule_of(QUESTIONS, Preference(), rule="first-option")
    assert model.predict("q?", options=["no", "yes, surely"]).index == 0


# --- what is refused ------------------------------------------------------------------------------


def test_a_rule_that_isnt_there() -> None:
    with pytest.raises(errors.ConfigError, match="no rule 'best'"):
        tunekit.backend("trivial", rule="best")
    with pytest.raises(errors.UnsupportedTask, match="it has: majority"):
        rule_of(MESSAGES, Classification(), rule="echo")
    answering = Preference(goal="answer")
    with pytest.raises(errors.UnsupportedTask, match="no rule 'options-only'"):
        rule_of(QUESTIONS, answering)


def test_no_rows_make_no_rule() -> None:
    data = Dataset.from_rows(MESSAGES, Classification())[:0]
    with pytest.raises(errors.UnsupportedTask, match="there are none"):
        tunekit.baseline(data, backend="trivial")


def test_it_neither_trains_nor_shows_examples() -> None:
    data = Dataset.from_rows(MESSAGES, Classification())
    with pytest.raises(errors.UnsupportedTask, match="backend 'trivial' doesn't train"):
        tunekit.tune(data, backend="trivial")
    with pytest.raises(errors.UnsupportedTask, match="it has no shots and no base model"):
        tunekit.baseline(data, backend="trivial", shots=2)
    with pytest.raises(errors.UnsupportedTask, match="it has no shots and no base model"):
        tunekit.baseline(data, backend="trivial", model="minilm")
    backend = tunekit.backend("trivial")
    assert not isinstance(backend, Trains)
    assert all(isinstance(backend, one) for one in (Backend, Keeps, Predicts, Rules))


def test_an_input_of_another_kind_is_a_failure() -> None:
    model = rule_of(MESSAGES, Classification())
    backend: Any = model.backend
    (answer,) = asyncio.run(backend.predict(model.ref, [Question("q", ("a", "b"))]))
    assert isinstance(answer, Failure) and answer.code == "wrong-input"
    chooses = rule_of(QUESTIONS, Preference())
    asked = [Question("q", ()), Passage("text")]
    assert isinstance(chooses.backend, Predicts)
    answers = asyncio.run(chooses.backend.predict(chooses.ref, asked))
    assert [one.code for one in answers] == ["no-options", "wrong-input"]


# --- keeping --------------------------------------------------------------------------------------

SETS: dict[str, tuple[Any, list[dict[str, Any]], Any]] = {
    "majority": (Classification(), MESSAGES, "x"),
    "frequent-spans": (Extraction(), [tagged("Zoë met Ann", ("Zoë", "NAME"))], "Zoë?"),
    "echo": (Transformation(), [{"input": "a", "output": "b"}], "echo"),
    "options-only": (Preference(), QUESTIONS, {"question": "q", "options": ["no", "yes, surely"]}),
    "first-option": (Preference(), QUESTIONS, {"question": "q", "options": ["no", "yes, surely"]}),
}


@pytest.mark.parametrize("name", SETS)
def test_a_rule_is_saved_and_loaded(name: str, tmp_path: Path, home: Path) -> None:
    task, rows, asked = SETS[name]
    model = rule_of(rows, task, rule=name)
    model.save(tmp_path / "model")
    answer = model.predict(asked)
    for kept in (home / "rules").iterdir():
        (kept / "rule.json").unlink()  # the saved model needs nothing else
    loaded = tunekit.load(tmp_path / "model")
    assert loaded.kind == "trivial" and "trivial" in repr(loaded)
    assert loaded.predict(asked) == answer
    assert loaded.provenance["fingerprints"] == model.provenance["fingerprints"]


def test_all_rules_are_tried_here() -> None:
    assert set(SETS) == {name for rules in RULES.values() for name in rules}


def test_the_same_rows_are_one_rule(home: Path) -> None:
    first, second = (rule_of(MESSAGES, Classification()) for _ in range(2))
    assert first.ref == second.ref
    assert len(list((home / "rules").iterdir())) == 1


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b'"majority"', b"{}", b'{"version": 1, "rule": "other"}',
     b'{"version": 1, "rule": "majority"}', b'{"version": 2, "rule": "majority", "shares": []}',
     b"\xff\xfe", None],
)  # fmt: skip
def test_a_damaged_rule_is_told(text: bytes | None, tmp_path: Path) -> None:
    rule_of(MESSAGES, Classification()).save(tmp_path / "model")
    file = tmp_path / "model" / "artifact" / "rule.json"
    file.unlink() if text is None else file.write_bytes(text)
    with pytest.raises(errors.ModelError, match=r"rule\.json holds no rule, or a damaged one"):
        tunekit.load(tmp_path / "model")


def test_a_reference_to_nothing() -> None:
    backend: Any = tunekit.backend("trivial")
    with pytest.raises(errors.ModelError, match="holds no rule"):
        asyncio.run(backend.predict(ModelRef("trivial", "folder:/nowhere"), [Passage("x")]))


def test_what_is_kept_is_plain_json(home: Path) -> None:
    rule_of(MESSAGES, Classification())
    (folder,) = (home / "rules").iterdir()
    kept = orjson.loads((folder / "rule.json").read_bytes())
    assert kept["rule"] == "majority" and kept["version"] == 1


def test_a_text_of_a_megabyte_with_quotes_that_begin_like_its_words() -> None:
    quotes = [f"{'the ' * words}end" for words in (1, 5, 20)]
    model = rule_of([tagged(one, (one, "X")) for one in quotes], Extraction())
    text = "the most of it " * 70_000 + quotes[1]
    assert len(text) > 1_000_000
    assert found(model, text) == [(quotes[1], "X")]
