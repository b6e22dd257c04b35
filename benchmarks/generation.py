"""Answers of a tuned language model: 200 inputs at once against one after the other.

    python benchmarks/generation.py [--shared ../shared] [--inputs 200] [--quick]

SmolLM2-135M learns in one epoch to write spoken numbers as they are written (NeMo's English rows),
and then answers inputs of those rows by ``predict``: each by itself, and all in one call. One
process, one thread; what counts is CPU time. Both must give the same answers, all of them: where
many are asked, they are computed in bf16 first, as far as that leaves no doubt. ``--quick`` takes
32 inputs and a model that has seen 48 rows, so the ratio doesn't count.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from language_bases import MODEL, new_home
from reporting import machine, tell

INSTRUCTION = "Write spoken numbers, dates and amounts the way they are written."
LEAST = 5.0
SHOWN = 5


def cpu(work: Callable[[], object]) -> float:
    """CPU-seconds of all threads of this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def run(folder: Path, inputs: int, quick: bool) -> bool:
    """The benchmark itself; gives whether the limits are kept."""
    import tunekit
    from tunekit import Dataset, Transformation

    task = Transformation(INSTRUCTION)
    train = Dataset.read(folder / "train.jsonl", task)
    test = Dataset.read(folder / "test.jsonl", task)
    known = sorted({row.input for part in (train, test) for row in part})
    texts = random.Random(0).sample(known, inputs)
    backend = tunekit.backend("local", threads=1)
    learnt = train.sample(48) if quick else train
    model = tunekit.tune(learnt, backend=backend, model=MODEL, epochs=1)
    for count in (24, 1):  # to warm up: in both precisions
        answer(model, texts[:count])
    said: dict[str, list[str]] = {}
    alone = cpu(lambda: said.update(alone=[answer(model, [text])[0] for text in texts]))
    at_once = cpu(lambda: said.update(at_once=answer(model, texts)))
    apart = [
        (text, one, other)
        for text, one, other in zip(texts, said["alone"], said["at_once"], strict=True)
        if one != other
    ]
    for text, one, other in apart[:SHOWN]:
        print(f"{text!r}: alone {one!r}, with others {other!r}")
    words = sum(len(one.split()) for one in said["alone"]) / len(texts)
    print(f"{len(texts)} inputs, answers of {words:.1f} words\n")
    tell("one by one", len(texts) / alone, "answers/CPU-s")
    tell("at once", len(texts) / at_once, "answers/CPU-s")
    kept = [
        tell("at once, of one by one", alone / at_once, "x", least=None if quick else LEAST),
        tell("answers that differ", len(apart), most=0),
    ]
    return all(kept)


def answer(model: Any, texts: list[str]) -> list[str]:
    """Answers, or why there is none."""
    return [str(one) for one in model.predict(texts, errors="return")]


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="whether it works, and nothing else")
    given = parser.parse_args()
    inputs = 32 if given.quick else given.inputs
    with new_home("generation", MODEL):
        print(machine("torch", "transformers", "tokenizers"))
        kept = run(given.shared / "data" / "tra_nemo_itn" / "en", inputs, given.quick)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
