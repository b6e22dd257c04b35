"""The examples run, and their data are what examples/README.md says."""

from __future__ import annotations

import csv
import json
import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset

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


def run_example(name: str, *arguments: str) -> str:
    """What a script prints, run in the (empty) current folder."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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


# --- the scripts ----------------------------------------------------------------------------------


def test_swap_backend_runs_on_the_backend_of_its_config() -> None:
    printed = run_example("swap_backend.py")

    assert "cancel_policy" in printed
    assert "on practice" in printed


def test_swap_backend_lets_the_environment_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEKIT_BACKEND", "fake")

    assert "on fake" in run_example("swap_backend.py")


def test_jobs_comes_back_to_its_job_in_another_process() -> None:
    printed = run_example("jobs.py")

    [job] = tunekit.list_jobs()
    assert f"submitted {job.id}" in printed
    assert "succeeded: Label(" in printed


@pytest.mark.soak
@pytest.mark.torch
@pytest.mark.usefixtures("minilm_home")
def test_demo_tunes_a_real_model_that_beats_the_pretrained_one() -> None:
    printed = run_example("demo.py")

    assert max(map(len, printed.splitlines())) <= 100
    assert "Ich hatte am gestrigen Abend" in printed
    rows = dict(re.findall(r"(pretrained|tuned) +│ +(\d\.\d{3}) \(", printed))
    assert float(rows["tuned"]) > float(rows["pretrained"]) + 0.1
    [path] = re.findall(r"tunekit\.load\('(.+)'\)", printed)
    assert tunekit.load(path).predict("I want to cancel my contract.").label == "cancel_policy"


@pytest.mark.soak
@pytest.mark.torch
@pytest.mark.usefixtures("minilm_home")
@pytest.mark.parametrize(
    ("name", "pretrained", "tuned", "method"),
    [
        ("kundenpost", "negativ", "neutral", "head"),
        ("kundenpost", "negativ", "neutral", "full"),
        ("finanzfragen", "Aktie", "Anleihe", "full"),
    ],
)
def test_tuning_helped_where_the_lecture_says_so(
    name: str, pretrained: str, tuned: str, method: str
) -> None:
    # It ends with an error unless the tuned model is better than both others by the interval.
    printed = run_example("did_it_help.py", name, "--method", method)

    said = dict(re.findall(r"^  (pretrained|told|tuned) +(\w+) \(", printed, flags=re.MULTILINE))
    assert (said["pretrained"], said["tuned"]) == (pretrained, tuned)
    assert "Did it help? Yes: “tuned” is better than " in " ".join(printed.split())


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
