"""What `plan` says of memory and time, and what a run then takes.

    python benchmarks/estimates.py [--shared ../shared] [--rounds first,later,again] [--method head]

Three data sets on the local backend, each planned and then tuned by a process of its own. `first`:
nothing has ever run under this TUNEKIT_HOME, so the figures stand on constants and a glance at the
machine. `later`: the two other sets have been tuned there. `again`: the same rows once more, with
their embeddings in the cache. Memory is the highest sum over all processes of the run, client and
worker; time is from submit to the model. Wall times on a busy machine say little: where the load
average was above the number of CPUs during a run, its time is "busy" and only memory is judged.
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
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import psutil

SETS = ("cls_banking77", "cls_germeval2018_de", "cls_sib200_multilingual")
ROUNDS = ("first", "later", "again")
LIMIT = 0.25
SAMPLE_SECONDS = 0.02
CPUS = os.cpu_count() or 1
#: How long processes have to end by themselves.
GRACE_SECONDS = 5

CLIENT = """
import json, sys, time
import psutil

import tunekit
from tunekit import Classification, Dataset

data = Dataset.read(sys.argv[1], Classification())
begin = time.process_time()
plan = tunekit.plan(data, backend="local", method=sys.argv[2])
planned = time.process_time() - begin
begin = time.perf_counter()
model = tunekit.submit(plan).wait()
took = time.perf_counter() - begin
while psutil.Process().children():  # so that the worker's CPU time is counted
    time.sleep(0.02)
said, phases = plan.estimate, model.provenance["metrics"]["timings"]
print(json.dumps([said.memory, said.seconds, took, planned, said.note, phases]))
"""


class Run(NamedTuple):
    """What was said of a run, and what it took: bytes, seconds, CPU-seconds in all and to plan.

    ``load`` is the highest load average of one minute while it ran.
    """

    said_memory: int
    said_seconds: float
    memory: int
    seconds: float
    cpu: float
    planning: float
    note: str
    phases: dict[str, float]
    load: float

    @property
    def busy(self) -> bool:
        """Whether so many others were at work that the time says nothing."""
        return self.load > CPUS


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--rounds", default=",".join(ROUNDS))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--method", default="head")
    given = parser.parse_args()
    rounds = given.rounds.split(",")
    if not set(rounds) <= set(ROUNDS):
        parser.error(f"rounds are {', '.join(ROUNDS)}")
    signal.signal(signal.SIGTERM, stopped)
    with tempfile.TemporaryDirectory(prefix="tunekit-estimates-") as folder:
        sets = given.sets.split(",")
        good = run(given.shared / "data", Path(folder), rounds, sets, given.method)
    sys.exit(0 if good else 1)


def stopped(number: int, frame: object) -> None:
    """Leave by way of everything that is to be cleared away."""
    sys.exit(128 + number)


def run(data: Path, folder: Path, rounds: list[str], sets: list[str], method: str) -> bool:
    """The benchmark itself; returns whether every figure is within the limit."""
    from tunekit.weights import locate

    versions = ("torch", "transformers", "tokenizers", "numpy")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    print(f"Python {platform.python_version()}, {shown}, {CPUS} CPUs, {platform.machine()}")
    weights = folder / "weights"
    locate("minilm", home=weights)
    homes = {name: folder / f"first-{name}" for name in sets}
    for home in homes.values():
        shutil.copytree(weights, home)
    print(f"\n{'':<38}{'memory, MB':>26}{'time, s':>24}")
    heading = f"{'said':>10}{'took':>8}{'ratio':>8}{'said':>8}{'took':>8}{'ratio':>8}"
    print(f"{'set':<30}{'round':<8}{heading}{'CPU-s':>8}{'load':>6}  ±{LIMIT:.0%}")
    good, runs, busy, notes = True, 0, 0, []
    for which in ROUNDS:
        for name in sets:
            if which not in rounds and which != "first":
                continue
            home = homes[name]
            if which == "later":
                home = folder / f"later-{name}"
                shutil.copytree(weights, home)
                for other in sets:
                    if other != name:
                        shutil.copytree(homes[other] / "runs", home / "runs", dirs_exist_ok=True)
            found = measured(data / name / "train.jsonl", home, method)
            good &= show(name, which, found)
            runs, busy = runs + 1, busy + found.busy
            phases = ", ".join(f"{phase} {took:.1f}" for phase, took in found.phases.items())
            notes.append(
                f"{name}, {which}: {found.note}; {found.planning:.1f} CPU-s to plan, took {phases}"
            )
    print("\n" + "\n".join(notes))
    if busy:
        print(
            f"\nTIMES WERE NOT JUDGED in {busy} of {runs} runs: the load average was above {CPUS}, "
            "the number of CPUs. Run this again while nothing else is at work."
        )
    return good


def measured(rows: Path, home: Path, method: str) -> Run:
    """Plan and tune in a process of its own, and watch it."""
    before = cpu_seconds()
    client = psutil.Popen(
        [sys.executable, "-c", CLIENT, str(rows), method],
        stdout=subprocess.PIPE,
        env={**os.environ, "TUNEKIT_HOME": str(home)},
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which ends the others
    )
    peak, load = 0, os.getloadavg()[0]
    seen = {client}
    done = threading.Event()

    def watch() -> None:
        nonlocal peak, load
        while not done.wait(SAMPLE_SECONDS):
            total, load = 0, max(load, os.getloadavg()[0])
            try:
                processes = [client, *client.children(recursive=True)]
                seen.update(processes)
                for process in processes:
                    total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            peak = max(peak, total)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        output, _ = client.communicate()
    finally:
        done.set()
        thread.join()
        end(seen)
    if client.returncode:
        sys.exit(f"the client failed ({client.returncode})")
    said_memory, said_seconds, seconds, planning, note, phases = json.loads(output)
    cpu = cpu_seconds() - before
    return Run(said_memory, said_seconds, peak, seconds, cpu, planning, note, phases, load)


def end(processes: set[psutil.Process]) -> None:
    """End those that still run, and what they have started."""
    running = {process for process in processes if process.is_running()}
    for process in list(running):
        with contextlib.suppress(psutil.NoSuchProcess):
            running.update(process.children(recursive=True))
    for process in running:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(running, timeout=GRACE_SECONDS)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=GRACE_SECONDS)


def cpu_seconds() -> float:
    """Of all children that were waited for, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(name: str, which: str, found: Run) -> bool:
    """Print a run, and return whether what can be judged of it was within the limit."""
    ratios = (found.said_memory / found.memory, found.said_seconds / found.seconds)
    memory, time = (1 - LIMIT <= ratio <= 1 + LIMIT for ratio in ratios)
    verdicts = ("ok" if memory else "FAILED", "busy" if found.busy else "ok" if time else "FAILED")
    print(
        f"{name:<30}{which:<8}"
        f"{found.said_memory / 1e6:>10.0f}{found.memory / 1e6:>8.0f}{ratios[0]:>8.2f}"
        f"{found.said_seconds:>8.1f}{found.seconds:>8.1f}{ratios[1]:>8.2f}"
        f"{found.cpu:>8.1f}{found.load:>6.1f}  memory {verdicts[0]}, time {verdicts[1]}",
        flush=True,
    )
    return "FAILED" not in verdicts


if __name__ == "__main__":
    main()
