"""How soon a saved model answers, and whether it answers many as it answers one.

    python benchmarks/first_answer.py [--shared ../shared] [--runs 5]

Whole processes side by side, in turn: ``load`` and the first ``predict`` of a saved model, beside
the import of torch and the model class alone. Then, in one process, single predictions (median),
and eight threads on one model against one thread.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reporting import report

RATIO_LIMIT, P50_LIMIT = 3.0, 30.0
SINGLES, THREADS = 300, 8
BARE = "import torch; from transformers import BertModel"
FIRST = "import sys, tunekit; print(tunekit.load(sys.argv[1]).predict('My card is lost.').label)"


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tunekit-first-answer-"))
    os.environ["TUNEKIT_HOME"] = str(home)
    try:
        good = run(given.shared / "data" / "cls_banking77", home / "model", given.runs)
    finally:
        shutil.rmtree(home)
    sys.exit(0 if good else 1)


def run(data: Path, saved: Path, runs: int) -> bool:
    """The benchmark itself; gives whether all limits are kept."""
    import tunekit
    from tunekit import Classification, Dataset

    versions = ("torch", "transformers", "tokenizers", "numpy")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    print(
        f"Python {platform.python_version()}, {shown}, {os.cpu_count()} CPUs, {platform.machine()}"
    )
    few = next((data / "16shot").glob("*.jsonl"))
    tunekit.tune(Dataset.read(few, Classification()), backend="local").save(saved)

    commands = {"bare": [BARE], "first": [FIRST, str(saved)]}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(runs + 1):
        for name, command in commands.items():
            found[name].append(process_seconds([sys.executable, "-c", *command]))
    cpu, wall = (
        {name: statistics.median(one[kind] for one in times[1:]) for name, times in found.items()}
        for kind in (0, 1)
    )
    print(f"\n{'median of ' + str(runs):<40}{'CPU-s':>8}{'wall s':>8}")
    print(f"{BARE[:39]:<40}{cpu['bare']:>8.2f}{wall['bare']:>8.2f}")
    print(f"{'load and the first predict':<40}{cpu['first']:>8.2f}{wall['first']:>8.2f}")
    kept = [show("ratio of CPU time", cpu["first"] / cpu["bare"], RATIO_LIMIT)]
    kept.append(show("ratio of wall time", wall["first"] / wall["bare"], RATIO_LIMIT))

    model = tunekit.load(saved)
    with (data / "test.jsonl").open(encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line, _ in zip(stream, range(SINGLES), strict=False)]
    singles, times = [], []
    for text in texts:
        start = time.perf_counter()
        singles.append(model.predict(text))
        times.append(1000 * (time.perf_counter() - start))
    kept.append(show("one prediction, p50 in ms", statistics.median(times), P50_LIMIT))
    together = model.predict(texts)
    kept.append(show("one against many, largest difference", difference(singles, together), 1e-3))
    with ThreadPoolExecutor(THREADS) as threads:
        many = list(threads.map(model.predict, texts))
    what = f"{THREADS} threads against one, largest difference"
    kept.append(show(what, difference(singles, many), 1e-3))
    return all(kept)


def process_seconds(command: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of a process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return cpu, time.perf_counter() - start


def difference(ones: list, others: list) -> float:
    """The largest difference of a probability; infinite where a label differs."""
    if [one.label for one in ones] != [other.label for other in others]:
        return float("inf")
    return max(
        abs(one.probabilities[label] - other.probabilities[label])
        for one, other in zip(ones, others, strict=True)
        for label in one.probabilities
    )


def show(what: str, value: float, limit: float) -> bool:
    """Print a figure beside its limit; gives whether that is kept."""
    report(f"first answer: {what}", value, most=limit)
    print(f"{what:<44}{value:>12.3g}  limit {limit:g}  {'ok' if value <= limit else 'MISSED'}")
    return value <= limit


if __name__ == "__main__":
    main()
