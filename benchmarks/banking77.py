"""banking77 on the local backend: quality, CPU time and memory of the whole way.

    python benchmarks/banking77.py [--shared ../shared] [--keep FOLDER]

Reads 10,003 rows, trains a head in the worker process, predicts all 3,080 test rows and evaluates.
The caches are cold: a new TUNEKIT_HOME, into which the base weights are fetched before the clock
starts. CPU time and memory are those of this process and its children together. Then the same
training once more, with the embeddings in the cache.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

LIMITS = {"accuracy": 0.925, "ece": 0.025, "cpu": 100.0, "memory": 2.2}
SAMPLE_SECONDS = 0.05


def cpu_seconds() -> float:
    """Of this process and all its children, which are waited for."""
    while psutil.Process().children(recursive=True):
        time.sleep(SAMPLE_SECONDS)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@contextmanager
def peak_memory(found: list[float]) -> Iterator[None]:
    """Append the highest sum of resident memory (GB) of this process and its children."""
    me, done, peak = psutil.Process(), threading.Event(), 0

    def watch() -> None:
        nonlocal peak
        while not done.wait(SAMPLE_SECONDS):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak = max(peak, total)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        found.append(peak / 1e9)


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--keep", type=Path, help="save the model here")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tunekit-banking77-"))
    os.environ["TUNEKIT_HOME"] = str(home)
    try:
        run(given.shared / "data" / "cls_banking77", home, given.keep)
    finally:
        shutil.rmtree(home)


def run(data: Path, home: Path, keep: Path | None) -> None:
    """The benchmark itself."""
    import tunekit
    from tunekit import Classification, Dataset
    from tunekit.weights import locate

    versions = ("torch", "transformers", "tokenizers", "numpy")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    print(
        f"Python {platform.python_version()}, {shown}, {os.cpu_count()} CPUs, {platform.machine()}"
    )
    locate("minilm", home=home)

    memory: list[float] = []
    begin, clock = cpu_seconds(), time.monotonic()
    with peak_memory(memory):
        train = Dataset.read(data / "train.jsonl", Classification())
        test = Dataset.read(data / "test.jsonl", Classification())
        model = tunekit.tune(train, backend="local")
        tuned = cpu_seconds()
        report = model.evaluate(test)
    cpu, wall = cpu_seconds() - begin, time.monotonic() - clock
    found = report.to_dict()
    figures = {
        "accuracy": found["accuracy"]["value"],
        "ece": found["ece"]["value"],
        "cpu": cpu,
        "memory": memory[0],
    }
    print(report)
    print(f"\nheld out: {model.provenance['metrics']}")
    print(f"applied: {model.provenance['hyperparameters']}, temperature {model.temperature}")
    print(f"training {tuned - begin:.1f} CPU-s, evaluation {cpu - (tuned - begin):.1f} CPU-s")
    print(f"\n{'figure':<10}{'measured':>10}{'limit':>10}")
    for name, value in figures.items():
        good = value >= LIMITS[name] if name == "accuracy" else value <= LIMITS[name]
        print(f"{name:<10}{value:>10.4f}{LIMITS[name]:>10}  {'ok' if good else 'MISSED'}")
    print(f"wall {wall:.1f} s")

    begin = cpu_seconds()
    tunekit.tune(train, backend="local")
    print(f"the same training again, embeddings cached: {cpu_seconds() - begin:.1f} CPU-s")
    if keep is not None:
        print(f"saved to {model.save(keep)}")


if __name__ == "__main__":
    main()
