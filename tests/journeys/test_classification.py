"""From a file to a tuned model on this machine, saved, loaded, asked: with real, dirty data."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

import pytest

import tunekit
from tunekit import Classification, Dataset

pytestmark = pytest.mark.torch


def _through(path: Path, folder: Path) -> tuple[Dataset, tunekit.Model]:
    """Read, tune, save, load."""
    data = Dataset.read(path, Classification())
    # The way is looked at here, not the method: the quickest will do.
    model = tunekit.tune(data, backend="local", method="head")
    loaded = tunekit.load(model.save(folder / "model"))
    assert loaded.task == data.task == model.task
    return data, loaded


def _table(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    return path


@pytest.mark.soak
def test_every_class_of_banking77(shared: Path, minilm_home: Path, tmp_path: Path) -> None:
    corpus = shared / "data" / "cls_banking77"
    shots = Dataset.read(corpus / "16shot" / "train.jsonl", Classification())
    newlines = [
        row for row in Dataset.read(corpus / "train.jsonl", Classification()) if "\n" in row.text
    ]
    assert len(newlines) == 10
    rows = dict.fromkeys((row.text, row.label) for row in [*shots, *newlines])
    path = _table(tmp_path / "banking.csv", list(rows))
    data, model = _through(path, tmp_path)
    assert [(row.text, row.label) for row in data] == list(rows)
    assert len(data.task.labels) == 77
    assert {"reverted_card_payment?", "Refund_not_showing_up"} <= set(data.task.labels)
    answers = model.predict(data)
    assert {answer.label for answer in answers} == set(data.task.labels)
    assert all(set(answer.probabilities) == set(data.task.labels) for answer in answers)
    right = sum(answer.label == row.label for answer, row in zip(answers, data, strict=True))
    assert right / len(data) > 0.9


@pytest.mark.soak
def test_every_class_of_germeval(shared: Path, minilm_home: Path, tmp_path: Path) -> None:
    corpus = shared / "data" / "cls_germeval2018_de" / "train.jsonl"
    whole = Dataset.read(corpus, Classification())
    dirty = [
        row for row in whole if "&amp;" in row.text or "\u200d" in row.text or "\xa0" in row.text
    ]
    sampled = whole.sample(600, seed=1)
    rows = list(dict.fromkeys((row.text, row.label) for row in [*sampled, *dirty]))
    data, model = _through(_table(tmp_path / "tweets.csv", rows), tmp_path)
    assert [(row.text, row.label) for row in data] == rows
    assert data.task.labels == ("ABUSE", "INSULT", "OTHER", "PROFANITY")
    assert {answer.label for answer in model.predict(data)} <= set(data.task.labels)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["cls_banking77", "cls_germeval2018_de"])
def test_the_whole_of(name: str, shared: Path, minilm_home: Path, tmp_path: Path) -> None:
    corpus = shared / "data" / name
    data, model = _through(corpus / "train.jsonl", tmp_path)
    test = Dataset.read(corpus / "test.jsonl", Classification())
    report = model.evaluate(test).to_dict()
    majority = max(test.label_counts.values()) / len(test)
    assert report["accuracy"]["value"] > majority
    assert {answer.label for answer in model.predict(test)} <= set(data.task.labels)
    assert set(model.task.labels or ()) == set(data.label_counts)


def test_labels_stay_as_they_are_written(minilm_home: Path, tmp_path: Path) -> None:
    labels = ("yes", "no", "True", "1", "007", "null", "nan", " padded ")
    rows = [
        (f"this one is about {label.strip()} number {n}", label)
        for label in labels
        for n in range(4)
    ]
    data, model = _through(_table(tmp_path / "labels.csv", rows), tmp_path)
    assert set(data.task.labels) == set(labels)
    assert {answer.label for answer in model.predict(data)} <= set(labels)
    assert set(model.predict("this one is about 007").probabilities) == set(labels)


@pytest.mark.soak
def test_one_many_and_eight_threads_agree(minilm_home: Path, tmp_path: Path) -> None:
    rows = [
        (f"{word} number {n} {'and more ' * (n % 7)}", word)
        for word in ("cat", "dog")
        for n in range(24)
    ]
    _, model = _through(_table(tmp_path / "rows.csv", rows), tmp_path)
    texts = [text for text, _ in rows]
    many = model.predict(texts)
    found: dict[int, list[object]] = {}

    def work(number: int) -> None:
        found[number] = [model.predict(text) for text in texts]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = [model.predict(text) for text in texts]
    assert all(found[number] == alone for number in range(8))
    for one, other in zip(alone, many, strict=True):
        assert one.label == other.label
        assert one.probability == pytest.approx(other.probability, abs=1e-3)


def test_a_baseline_without_training(minilm_home: Path, tmp_path: Path) -> None:
    rows = [(f"the {animal} {n}", animal) for animal in ("cat", "locomotive") for n in range(3)]
    data = Dataset.read(_table(tmp_path / "rows.csv", rows), Classification())
    model = tunekit.baseline(data)
    assert model.kind == "zero-shot"
    assert model.predict(["a small kitten", "steam train engine"])[0].label == "cat"
    assert model.evaluate(data).to_dict()["accuracy"]["value"] == 1.0
    loaded = tunekit.load(model.save(tmp_path / "kept"))
    assert loaded.kind == "zero-shot" and loaded.predict("a kitten") == model.predict("a kitten")
