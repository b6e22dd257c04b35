"""The data of the examples are what examples/README.md says."""

from __future__ import annotations

import csv
import json
import re
import runpy
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from tunekit import Classification, Dataset, Extraction, Preference, Transformation

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MESSAGES = EXAMPLES / "data" / "insurer_messages.csv"
#: The most words that two messages may share, as a part of all their words.
ALIKE = 0.6
#: The German sets: file, labels, and how many rows each label has.
GERMAN = (
    ("kundenpost.csv", "positiv neutral negativ", 190),
    ("finanzfragen.csv", "Aktie Anleihe Fonds Option Devisen", 120),
)
#: What is asked of models that were tuned on the German sets: no row may give it away.
ASKED = (
    (
        "Ich hatte am gestrigen Abend einen Unfall mit meinem Auto. Ein anderer Fahrer ist mir an "
        "der Ampel aufgefahren. Können Sie mir weiterhelfen?"
    ),
    "Mit welcher Art von Finanzinstrument gewährt man zum Beispiel dem Staat einen Kredit?",
)


def read_messages() -> list[dict[str, str]]:
    with MESSAGES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def alike(texts: list[str]) -> list[tuple[str, str]]:
    """The pairs of texts that share more of their words than :data:`ALIKE`."""
    words = [(text, frozenset(re.findall(r"\w+", text.lower()))) for text in texts]
    return [
        (one, other)
        for (one, ones), (other, others) in combinations(words, 2)
        if len(ones & others) > ALIKE * len(ones | others)
    ]


# --- the data -------------------------------------------------------------------------------------


def test_every_intent_has_as_many_messages_in_either_language() -> None:
    counts = Counter((row["Intent"], row["Language"]) for row in read_messages())

    assert len(counts) == 16
    assert {language for _, language in counts} == {"en", "de"}
    assert set(counts.values()) == {60}


def test_messages_are_read_as_they_stand() -> None:
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(), columns=columns)

    assert data.column("text") == [row["Text"] for row in read_messages()]
    assert sum("\n" in text for text in data.column("text")) >= 3
    assert not list(data.check())


def test_intents_are_described_in_both_languages() -> None:
    described = json.loads((EXAMPLES / "data" / "insurer_intents.json").read_text("utf-8"))

    assert set(described) == {row["Intent"] for row in read_messages()}
    for text in described.values():
        assert text.startswith("The customer ")
        assert " Der Kunde " in text


def test_no_two_messages_are_much_alike() -> None:
    texts = [row["Text"] for row in read_messages()]
    texts.append(runpy.run_path(str(EXAMPLES / "demo.py"))["ACCIDENT"].text)

    assert not alike(texts)


# --- the German sets ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "labels", "each"), GERMAN)
def test_a_german_set_has_as_many_rows_of_each_label(name: str, labels: str, each: int) -> None:
    counts = Counter(Dataset.read(EXAMPLES / "data" / name, Classification()).column("label"))

    assert counts == dict.fromkeys(labels.split(), each)


@pytest.mark.parametrize("name", [name for name, *_ in GERMAN])
def test_a_german_set_has_no_findings_and_no_texts_alike(name: str) -> None:
    data = Dataset.read(EXAMPLES / "data" / name, Classification())

    assert not list(data.check())
    assert not alike([*data.column("text"), *ASKED])


def test_no_question_names_its_instrument() -> None:
    data = Dataset.read(EXAMPLES / "data" / "finanzfragen.csv", Classification())

    assert not [row.text for row in data if row.label.lower() in row.text.lower()]


def test_customers_say_thanks_in_every_mood() -> None:
    data = Dataset.read(EXAMPLES / "data" / "kundenpost.csv", Classification())

    thanks = Counter(row.label for row in data if re.search(r"\b[Dd]ank", row.text))
    assert min(thanks.get(label, 0) for label in data.task.labels) >= 4


def test_the_meanings_of_labels_are_of_those_there_are() -> None:
    told = json.loads((EXAMPLES / "data" / "german_sets.json").read_text("utf-8"))

    assert {name: " ".join(one["descriptions"]) for name, one in told.items()} == {
        Path(name).stem: labels for name, labels, _ in GERMAN
    }
    assert sorted(one["question"] for one in told.values()) == sorted(ASKED)


# --- one set for each of the other tasks ----------------------------------------------------------

COLUMNS = {"options": ["option_a", "option_b", "option_c"]}


def spoken() -> Dataset:
    names = {"input": "spoken", "output": "written"}
    return Dataset.read(EXAMPLES / "data" / "spoken_amounts.csv", Transformation(), columns=names)


def claims() -> Dataset:
    return Dataset.read(EXAMPLES / "data" / "claim_entities.csv", Extraction())


def answers() -> Dataset:
    return Dataset.read(EXAMPLES / "data" / "better_answers.csv", Preference(), columns=COLUMNS)


@pytest.mark.parametrize(("read", "rows"), [(spoken, 162), (claims, 120), (answers, 80)])
def test_a_small_set_has_no_findings(read: Callable[[], Dataset], rows: int) -> None:
    data = read()

    assert len(data) == rows
    assert not list(data.check())


def test_nothing_is_spelt_out_that_is_written_in_figures() -> None:
    number = re.compile(r"\b(?:hundred|thousand|euros?|cents?|percent|twenty|[a-z]+teen)\b")
    for row in spoken():
        assert re.search(r"\d", row.output), row
        assert not number.search(row.output), row
        assert not re.search(r"\d", row.input), row


def test_spans_hold_what_their_label_says() -> None:
    forms = {
        "PERSON": r"[A-ZÄÖÜ]\w+ (?:van )?[A-ZÄÖÜ]\w+",
        "POLICY": r"[A-Z]{2}-\d{5}-\d",
        "DATE": r".*(?:January|February|March|April|May|June|July|August|September|October"
        r"|November|December|\d\d\.\d\d\.\d{4}).*",
        "AMOUNT": r"(?:€|EUR )[\d,]+(?:\.\d\d)?|[\d,]+ euros",
    }
    data = claims()

    assert data.task.labels == tuple(sorted(forms))
    assert sum(len(row.spans) for row in data) == 202
    assert sum(not row.spans for row in data) == 18
    for row in data:
        for start, end, label in row.spans:
            assert re.fullmatch(forms[label], row.text[start:end]), (label, row.text[start:end])


def test_only_the_question_tells_which_answer_is_best() -> None:
    data = answers()
    best = Counter(row.options[row.best] for row in data)

    assert all(best[option] == 1 for row in data for option in row.options)
    for count in (2, 3):
        places = Counter(row.best for row in data if len(row.options) == count)
        assert len(places) == count and len(set(places.values())) == 1
