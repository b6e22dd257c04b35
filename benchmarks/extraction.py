"""Extraction on the local backend: exact span F1 and CPU-seconds, beside transformers.Trainer.

    python benchmarks/extraction.py [presidio] [restaurant8k] [wnut17] [mobie] [--shared ../shared]

``presidio`` (split by template) and ``restaurant8k`` (the first 1,500 rows of train and of test)
have limits; no argument of ``tune`` is set. ``wnut17`` and ``mobie`` stand beside a Trainer at its
defaults (AutoModelForTokenClassification on the same weights, DataCollatorForTokenClassification,
the most likely tag of each token) with the same number of epochs, 3; ``mobie`` also has ours with
no argument set. CPU-seconds are those of all processes, from reading the rows to the model; those
of the Trainer have its imports, as ours have. Overlapping spans are not what the route carries:
training rows that have some are left out, for all alike. Test rows are all there.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from reporting import report

SETS = {
    "presidio": "ext_presidio_pii/by_template",
    "restaurant8k": "ext_restaurant8k",
    "wnut17": "ext_wnut17",
    "mobie": "ext_mobie_de",
}
FIRST = {"restaurant8k": 1_500}
#: At least this F1, at most so many CPU-seconds.
LIMITS = {"presidio": (0.65, 220.0), "restaurant8k": (0.72, None)}
BESIDE_TRAINER = ("wnut17", "mobie")
EPOCHS = 3
SAMPLE_SECONDS = 0.05
Spans = frozenset[tuple[int, int, str]]


class Rows(NamedTuple):
    """Texts with their spans."""

    texts: list[str]
    spans: list[Spans]


def cpu_seconds() -> float:
    """Of this process and all its children, which are waited for."""
    while psutil.Process().children(recursive=True):
        time.sleep(SAMPLE_SECONDS)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def f1(truth: Sequence[Spans], said: Sequence[Spans]) -> float:
    """Of spans whose start, end and label are right."""
    right = sum(len(one & other) for one, other in zip(truth, said, strict=True))
    return 2 * right / max(1, sum(map(len, truth)) + sum(map(len, said)))


def overlap(spans: Sequence[Any]) -> bool:
    """Whether two of them do."""
    return any(before.end > after.start for before, after in pairwise(sorted(spans)))


# --- ours -----------------------------------------------------------------------------------------


def ours(name: str, data: Path, **settings: Any) -> tuple[float, float, float]:
    """F1, CPU-seconds until there is a model, CPU-seconds to answer."""
    import tunekit
    from tunekit import Dataset, Extraction

    begin = cpu_seconds()
    train = Dataset.read(data / "train.jsonl", Extraction())[: FIRST.get(name)]
    train = train.filter(lambda row: not overlap(row.spans))
    model = tunekit.tune(train, backend="local", **settings)
    trained = cpu_seconds()
    test = list(Dataset.read(data / "test.jsonl", Extraction())[: FIRST.get(name)])
    found = model.predict([row.text for row in test])
    answered = cpu_seconds()
    truth = [frozenset(map(tuple, row.spans)) for row in test]
    said = [frozenset(map(tuple, one.spans)) for one in found]
    provenance = model.provenance
    print(f"  applied: {provenance['hyperparameters']}")
    print(f"  metrics: {provenance['metrics']}")
    return f1(truth, said), trained - begin, answered - trained


# --- the Trainer ----------------------------------------------------------------------------------


def trainer(data: Path, weights: Path) -> None:
    """Train and answer by transformers alone, and print F1 and CPU-seconds as JSON."""
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
    )

    train, test = (_read(data / file) for file in ("train.jsonl", "test.jsonl"))
    apart = [place for place, spans in enumerate(train.spans) if not _overlap(spans)]
    labels = sorted({label for spans in train.spans for _, _, label in spans})
    names = ["O", *(f"{where}-{label}" for label in labels for where in "BI")]
    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = AutoModelForTokenClassification.from_pretrained(
        weights, num_labels=len(names), id2label=dict(enumerate(names))
    )

    def encoded(rows: Rows, places: Sequence[int]) -> list[dict[str, Any]]:
        """As the documentation of token classification does it, from characters."""
        made = []
        for place in places:
            one = tokenizer(rows.texts[place], truncation=True, return_offsets_mapping=True)
            tags = [-100] * len(one["input_ids"])
            for number, (start, end) in enumerate(one.pop("offset_mapping")):
                if start == end:
                    continue
                tags[number] = 0
                for first, last, label in rows.spans[place]:
                    if start < last and first < end and label in labels:
                        tags[number] = names.index(f"{'B' if start <= first else 'I'}-{label}")
            made.append({**one, "labels": tags})
        return made

    with tempfile.TemporaryDirectory() as folder:
        run = Trainer(
            model=model,
            args=TrainingArguments(folder, num_train_epochs=EPOCHS, save_strategy="no"),
            train_dataset=encoded(train, apart),
            data_collator=DataCollatorForTokenClassification(tokenizer),
            processing_class=tokenizer,
        )
        run.train()
        trained = cpu_seconds()
        tags = run.predict(encoded(test, range(len(test.texts)))).predictions.argmax(-1)
    said = []
    for text, row in zip(test.texts, tags, strict=True):
        offsets = tokenizer(text, truncation=True, return_offsets_mapping=True)["offset_mapping"]
        said.append(_spans([names[tag] for tag in row[: len(offsets)]], offsets))
    print(json.dumps([f1(test.spans, said), trained, cpu_seconds() - trained]))


def _spans(tags: Sequence[str], offsets: Sequence[tuple[int, int]]) -> Spans:
    found: list[tuple[int, int, str]] = []
    before = "O"
    for tag, (start, end) in zip(tags, offsets, strict=True):
        tag = "O" if start == end else tag
        if tag != "O":
            label = tag[2:]
            if tag[0] == "I" and before[2:] == label:
                found[-1] = (found[-1][0], end, label)
            else:
                found.append((start, end, label))
        before = tag
    return frozenset(found)


def _read(path: Path) -> Rows:
    with path.open(encoding="utf-8") as stream:
        records = [json.loads(line) for line in stream]
    spans = [
        frozenset((one["start"], one["end"], one["label"]) for one in record["spans"])
        for record in records
    ]
    return Rows([record["text"] for record in records], spans)


def _overlap(spans: Spans) -> bool:
    return any(one[1] > after[0] for one, after in pairwise(sorted(spans)))


def beside(name: str, data: Path, weights: Path) -> tuple[float, float, float]:
    """What a Trainer in a process of its own makes of it."""
    command = [sys.executable, __file__, "--trainer", str(weights), "--data", str(data), name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    value, trained, answered = json.loads(done.stdout.splitlines()[-1])
    return value, trained, answered


# --- both -----------------------------------------------------------------------------------------


def main() -> int:
    """Run it and print the figures; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("sets", nargs="*", choices=[[], *SETS], help="all of them by default")
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--trainer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.trainer is not None:
        trainer(given.data, given.trainer)
        return 0
    home = Path(tempfile.mkdtemp(prefix="tunekit-extraction-"))
    os.environ["TUNEKIT_HOME"] = str(home)
    try:
        good = [run(name, given.shared / "data" / SETS[name], home) for name in given.sets or SETS]
    finally:
        shutil.rmtree(home)
    return 0 if all(good) else 1


def run(name: str, data: Path, home: Path) -> bool:
    """One set, with its figures; whether the limits were kept."""
    from tunekit.weights import locate

    packages = ("torch", "transformers", "tokenizers", "accelerate")
    shown = ", ".join(f"{one} {importlib.metadata.version(one)}" for one in packages)
    threads = os.environ.get("OMP_NUM_THREADS", "as torch has it")
    print(f"\n{name}: Python {platform.python_version()}, {shown}, threads: {threads}")
    weights = Path(locate("minilm", home=home).path)
    found = {}
    if name in BESIDE_TRAINER:
        found[f"Trainer, {EPOCHS} epochs"] = beside(name, data, weights)
        found[f"tunekit, {EPOCHS} epochs"] = ours(name, data, epochs=EPOCHS)
    if name != "wnut17":  # there, 3 epochs are what is taken anyhow
        found["tunekit"] = ours(name, data)
    print(f"  {'':<20}{'span F1':>10}{'CPU-s to train':>16}{'to answer':>12}")
    for who, (value, trained, answered) in found.items():
        print(f"  {who:<20}{value:>10.4f}{trained:>16.1f}{answered:>12.1f}")
    if name not in LIMITS:
        return True
    least, most = LIMITS[name]
    value, trained, _ = found["tunekit"]
    good = [value >= least, most is None or trained <= most]
    report(f"{name}: span F1", value, least=least)
    report(f"{name}: training", trained, "CPU-s", most=most)
    print(f"  span F1 >= {least}: {'ok' if good[0] else 'FAILED'}")
    if most is not None:
        print(f"  CPU-seconds <= {most}: {'ok' if good[1] else 'FAILED'}")
    return all(good)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
