"""Spoken numbers, dates and amounts as they are written: a language model learns to edit texts.

    python benchmarks/text_editing.py [--shared ../shared] [--quick]

The English rows of NeMo's inverse text normalisation, 367 to learn from and 101 to be judged by;
``tune`` with nothing set but the base model, SmolLM2-135M, on one thread: a second
one costs almost half as much again. Exact match counts, over all rows and
over those whose text changes at all. Beside it stand a rule that gives back what it is given, and
the base model as it is. CPU time is that of this process and all its children together, from
reading the rows to the model; the base weights are fetched before. ``--quick`` takes 48 rows, one
epoch and 16 rows to judge by, which says nothing but that it works, so no limit counts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from banking77 import cpu_seconds
from language_bases import MODEL, new_home
from reporting import machine, tell

INSTRUCTION = "Write spoken numbers, dates and amounts the way they are written."
LEAST_ALL, LEAST_CHANGED, MOST_SECONDS = 0.48, 0.43, 300.0
#: Tokens that an answer of the base model may have: no row needs half of them.
ROOM = 64


def matches(model: Any, rows: Sequence[Any]) -> tuple[float, float]:
    """The share of rows that come out exactly right: of all, and of those that change."""
    said = model.predict([row.input for row in rows], errors="return")
    right = [one == row.output for one, row in zip(said, rows, strict=True)]
    changed = [one for one, row in zip(right, rows, strict=True) if row.input != row.output]
    return sum(right) / len(right), sum(changed) / len(changed)


def run(folder: Path, quick: bool) -> bool:
    """The benchmark itself; gives whether all limits are kept."""
    import tunekit
    from tunekit import Dataset, Transformation

    task = Transformation(INSTRUCTION)
    begin = cpu_seconds()
    train = Dataset.read(folder / "train.jsonl", task)
    if quick:
        train = train.sample(48)
    more: dict[str, Any] = {"epochs": 1} if quick else {}
    backend = tunekit.backend("local", threads=1)
    model = tunekit.tune(train, backend=backend, model=MODEL, **more)
    tuned = cpu_seconds() - begin
    applied = model.provenance["hyperparameters"]
    print(f"applied {applied}")
    rows = list(Dataset.read(folder / "test.jsonl", task))[: 16 if quick else None]
    begin = cpu_seconds()
    of_all, of_changed = matches(model, rows)
    answered = cpu_seconds() - begin
    rule = tunekit.baseline(train, backend="trivial")
    base = tunekit.baseline(train, backend=tunekit.backend("local", max_tokens=ROOM), model=MODEL)
    count = sum(row.input != row.output for row in rows)
    print(f"{len(train)} rows to learn from, {len(rows)} to judge by, {count} of which change\n")
    limits = (None, None, None) if quick else (LEAST_ALL, LEAST_CHANGED, MOST_SECONDS)
    kept = [
        tell("exact match, tuned", of_all, least=limits[0]),
        tell("exact match on rows that change, tuned", of_changed, least=limits[1]),
        tell("training", tuned, "CPU-s", most=limits[2]),
        tell("answers", answered, "CPU-s"),
    ]
    for name, other in (("rule", rule), ("base model, untuned", base)):
        of_all, of_changed = matches(other, rows)
        tell(f"exact match, {name}", of_all)
        tell(f"exact match on rows that change, {name}", of_changed)
    return all(kept)


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--quick", action="store_true", help="whether it works, and nothing else")
    given = parser.parse_args()
    with new_home("text-editing", MODEL):
        print(machine("torch", "transformers", "peft", "tokenizers"))
        kept = run(given.shared / "data" / "tra_nemo_itn" / "en", given.quick)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
