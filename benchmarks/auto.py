"""What `auto` takes, over ten seeds, and what it would have got otherwise.

    python benchmarks/auto.py [--seeds 10] [--sets all,two] [--shared ../shared]

Each seed decides which rows are held out and in which order rows are learnt. On all 10,003 rows of
banking77 tuning the encoder is better than a head. With two rows of each class the head is: so few
are learnt by heart in a few steps, and to hold some out costs half of what a class shows. For each
seed `auto` is compared with both: the one that it took is its own result, the other one is trained
apart. The caches are shared, so that each text is embedded once.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from banking77 import cpu_seconds

MOST_BELOW = 0.01


class Set(NamedTuple):
    """How many rows of each class are taken, what `auto` should take, and in how many of ten."""

    rows: int | None
    better: str
    least: int


SETS = {"all": Set(None, "full", 9), "two": Set(2, "head", 10)}


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", default=",".join(SETS))
    given = parser.parse_args()
    versions = ("torch", "transformers", "accelerate")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    print(f"Python {platform.python_version()}, {shown}, {os.cpu_count()} CPUs")
    home = Path(tempfile.mkdtemp(prefix="tunekit-auto-"))
    os.environ["TUNEKIT_HOME"] = str(home)
    try:
        good = [
            run(SETS[name], given.shared / "data" / "cls_banking77", given.seeds)
            for name in given.sets.split(",")
        ]
    finally:
        shutil.rmtree(home)
    sys.exit(0 if all(good) else 1)


def run(which: Set, data: Path, seeds: int) -> bool:
    """One set; returns whether auto did as it should."""
    import tunekit
    from tunekit import Classification, Dataset

    train = Dataset.read(data / "train.jsonl", Classification())
    test = Dataset.read(data / "test.jsonl", train.task)
    if which.rows is not None:
        seen: Counter[str] = Counter()
        few = []
        for row in train:
            seen[row.label] += 1
            if seen[row.label] <= which.rows:
                few.append(row)
        train = Dataset.from_rows(few, train.task)
    print(f"\nbanking77, {len(train):,} rows")
    print(f"{'seed':<6}{'took':<6}{'auto':>8}{'head':>8}{'full':>8}{'CPU-s':>8}")
    took, worst = 0, 0.0
    for seed in range(seeds):
        begin = cpu_seconds()
        found = {}
        for method in ("auto", "head", "full"):
            model = tunekit.tune(train, backend="local", method=method, seed=seed)
            if method == "auto":
                cpu = cpu_seconds() - begin
                chosen = str(model.provenance["hyperparameters"]["method"])
            accuracy = model.evaluate(test).to_dict()["accuracy"]["value"]
            found[method] = accuracy
            if method == "head" and chosen == "full":
                found["full"] = found["auto"]  # the very same training
                break
        took += chosen == which.better
        worst = max(worst, max(found.values()) - found["auto"])
        print(
            f"{seed:<6}{chosen:<6}{found['auto']:>8.4f}{found['head']:>8.4f}{found['full']:>8.4f}"
            f"{cpu:>8.0f}",
            flush=True,
        )
    least = which.least * seeds // 10
    good = took >= least and worst <= MOST_BELOW
    print(
        f"took {which.better!r} in {took} of {seeds} (limit {least}); at most {worst:.4f} below "
        f"the better one (limit {MOST_BELOW})  {'ok' if good else 'FAILED'}"
    )
    return good


if __name__ == "__main__":
    main()
