"""Preference on the local backend, beside what needs no training and what needs no question.

    python benchmarks/preference.py [--shared ../shared] [--blind] [DATA SET …]

For each data set: ``tune`` with no argument set, then ``evaluate`` on the test rows; the best of
the rules that never read a question, chosen on the training rows; the cosine of the pretrained
encoder. ``--blind`` trains our model once more on rows whose question is always the same, which
says how much of the accuracy the options give away. CPU time is that of this process and its
children together; the base weights are fetched before the clock starts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import psutil
from reporting import report as keep

#: Accuracy that must be reached; the others are reported.
LIMITS = {"pref_truthfulqa": 0.64}
SETS = ("pref_truthfulqa", "pref_qa_feedback")
NEGATIONS = re.compile(r"\b(no|not|never|nothing|nobody|none|nowhere|cannot|neither)\b|n't\b", re.I)
SAMPLE_SECONDS = 0.05

#: What a blind rule may look at in an option.
TRAITS: dict[str, Callable[[str], float]] = {
    "most negations": lambda option: len(NEGATIONS.findall(option)),
    "fewest negations": lambda option: -len(NEGATIONS.findall(option)),
    "longest": len,
    "shortest": lambda option: -len(option),
    "most commas": lambda option: option.count(","),
    "fewest commas": lambda option: -option.count(","),
}


def cpu_seconds() -> float:
    """Of this process and all its children, which are waited for."""
    while psutil.Process().children(recursive=True):
        time.sleep(SAMPLE_SECONDS)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def blind_rule(train: Sequence[Any], test: Sequence[Any]) -> tuple[str, float]:
    """The best rule over two traits on the training rows, and its accuracy on the test rows."""

    def accuracy(rows: Sequence[Any], traits: tuple[str, str]) -> float:
        right = 0
        for row in rows:
            worth = [[TRAITS[trait](option) for trait in traits] for option in row.options]
            right += row.order[worth.index(max(worth))] == min(row.order)
        return right / len(rows)

    best = max(product(TRAITS, TRAITS), key=lambda traits: accuracy(train, traits))
    return ", then ".join(best), accuracy(test, best)


def zero_shot(rows: Sequence[Any], home: Path) -> float:
    """Accuracy of the pretrained encoder's cosine."""
    from tunekit.shapes import Question
    from tunekit.training.base_model import BaseModel
    from tunekit.training.bi_encoder import BiEncoder
    from tunekit.training.ranked_trainee import scores_of
    from tunekit.training.recipe import Base
    from tunekit.weights import locate

    found = locate("minilm", home=home)
    base = Base(
        name=found.name,
        files=tuple(found.files.items()),
        pooling=found.pooling,
        max_length=found.max_length,
        limit=found.limit,
    )
    scorer = BiEncoder(BaseModel(base, Path(found.path), max_length=base.max_length))
    questions = [Question(row.question, row.options, row.context) for row in rows]
    scores = scores_of(scorer, scorer.read(questions))
    right = [
        row.order[one.index(max(one))] == min(row.order)
        for row, one in zip(rows, scores, strict=True)
    ]
    return sum(right) / len(right)


def run(folder: Path, home: Path, blind: bool) -> bool:
    """One data set; gives whether its limit is kept."""
    import tunekit
    from tunekit import Dataset, Preference

    begin, clock = cpu_seconds(), time.monotonic()
    train = Dataset.read(folder / "train.jsonl", Preference())
    test = Dataset.read(folder / "test.jsonl", Preference())
    model = tunekit.tune(train, backend="local")
    tuned = cpu_seconds() - begin
    report = model.evaluate(test)
    cpu, wall = cpu_seconds() - begin, time.monotonic() - clock
    auto = model.provenance["metrics"].get("auto", {})
    print(f"\n=== {folder.name}\n{report}\n\nauto {auto.get('why', 'had nothing to decide')}")
    for name in ("frozen", "bi-encoder", "cross-encoder"):
        if name in auto:
            print(f"  {name:<14}{auto[name]}")
    print(f"applied {model.provenance['hyperparameters']}, temperature {model.temperature}")
    print(f"training {tuned:.1f} CPU-s, all {cpu:.1f} CPU-s, wall {wall:.1f} s")

    rows = list(test)
    rule, by_rule = blind_rule(list(train), rows)
    figures = {
        "tuned, no argument set": report.to_dict()["accuracy"]["value"],
        f"blind rule ({rule})": by_rule,
        "zero-shot cosine": zero_shot(rows, home),
        "chance": report.to_dict()["chance"],
    }
    if blind:
        sealed = [
            Dataset.from_rows(
                [row.model_copy(update={"question": "?", "context": None}) for row in part],
                Preference(),
            )
            for part in (train, test)
        ]
        without = tunekit.tune(sealed[0], backend="local").evaluate(sealed[1])
        figures["tuned, question hidden"] = without.to_dict()["accuracy"]["value"]
    limit = LIMITS.get(folder.name)
    good = limit is None or figures["tuned, no argument set"] >= limit
    print(f"\n{'accuracy on ' + str(len(rows)) + ' rows':<56}{'measured':>10}{'limit':>8}")
    for place, (name, value) in enumerate(figures.items()):
        keep(f"{folder.name}: {name}", value, least=None if place else limit)
        bound = "" if limit is None or place else f"{limit:>8}  {'ok' if good else 'FAILED'}"
        print(f"{name:<56}{value:>10.3f}{bound}")
    return good


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--blind", action="store_true", help="train with the question hidden, too")
    parser.add_argument("sets", nargs="*", default=SETS, metavar="DATA SET")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tunekit-preference-"))
    os.environ["TUNEKIT_HOME"] = str(home)
    try:
        from tunekit.weights import locate

        versions = ("torch", "transformers", "tokenizers", "numpy")
        shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
        print(
            f"Python {platform.python_version()}, {shown}, {os.cpu_count()} CPUs, "
            f"{platform.machine()}"
        )
        locate("minilm", home=home)
        kept = [run(given.shared / "data" / name, home, given.blind) for name in given.sets]
    finally:
        shutil.rmtree(home)
    sys.exit(not all(kept))


if __name__ == "__main__":
    main()
