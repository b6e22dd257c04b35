"""All benchmarks that fit into an hour, one after the other, and one table of what they found.

    python benchmarks/run_all.py [--peers .venv-peers/bin/python] [--minutes 58] [--only NAME …]

Each is a process with a time limit; those that compare with a library of others run in the peers'
environment. The table, with versions and machine, is printed and written to build/bench.md and
build/bench.json. Exit status 1 where a limit isn't held, or a benchmark failed or had no time left.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from reporting import FILE, Figure, machine, shown

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent


class Job(NamedTuple):
    """A benchmark: its script and arguments, the minutes it may take, and where it runs."""

    command: str
    minutes: float
    peers: bool = False


#: The quick ones first. Limits are about twice what two quiet cores take.
JOBS = (
    Job("import_time.py", 2),
    Job("csv_to_chat.py --memory", 5, peers=True),
    Job("checks.py", 5),
    Job("openai_throughput.py", 3),
    Job("first_answer.py", 4),
    Job("prediction.py", 6),
    Job("side_by_side.py", 6),
    Job("banking77.py --method head", 5),
    Job("banking77.py", 10),
    Job("extraction.py restaurant8k", 5),
    Job("training_loop.py --quick", 10),
    Job("generation.py", 10),
    Job("text_editing.py", 12),
    Job("language_training.py --steps 3 --exact-steps 3", 18, peers=True),
)
#: Each takes ten minutes or more, or a good part of it.
APART = (
    "preferences_of_language_models.py",
    "training_loop.py",
    "extraction.py",
    "preference.py",
    "banking77.py --few",
    "auto.py",
    "estimates.py",
    "large_file.py",
    "large_file.py --near",
    "openai_upload.py",
)
PACKAGES = ("tunekit-sdk", "torch", "transformers", "tokenizers", "numpy")
PEERS = ("trl", "peft", "accelerate", "datasets", "transformers", "torch")


class Ran(NamedTuple):
    """A job that is over: how it ended, its seconds, and its figures."""

    command: str
    ended: str
    seconds: float
    figures: list[Figure]

    @property
    def good(self) -> bool:
        """Whether it did what it should."""
        return self.ended == "done" and all(one.held is not False for one in self.figures)


def run(job: Job, python: Path, minutes: float) -> Ran:
    """A benchmark in a process of its own, which is ended with all its children in time."""
    began = time.monotonic()
    if minutes <= 0:
        return Ran(job.command, "no time left", 0.0, [])
    if not python.exists():
        return Ran(job.command, f"no {python}", 0.0, [])
    script, *arguments = job.command.split()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "figures.jsonl"
        child = subprocess.Popen(
            [str(python), str(HERE / script), *arguments],
            cwd=CHECKOUT,
            env={**os.environ, FILE: str(place)},
            start_new_session=True,
        )
        try:
            status = child.wait(60 * minutes)
            ended = "done" if status in (0, 1) else f"exit status {status}"
        except subprocess.TimeoutExpired:
            ended = f"ended after {minutes:.0f} minutes"
        finally:
            with contextlib.suppress(ProcessLookupError):  # all of its own are gone
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        lines = place.read_text("utf-8").splitlines() if place.exists() else []
    figures = [Figure(**json.loads(line)) for line in lines]
    missed = any(one.held is False for one in figures)
    if ended == "done" and child.returncode and not missed:
        ended = f"exit status {child.returncode}"  # it failed otherwise than by a limit
    return Ran(job.command, ended, time.monotonic() - began, figures)


def versions_of(python: Path) -> str:
    """What is installed in the peers' environment."""
    if not python.exists():
        return "not there"
    code = f"from reporting import machine; print(machine(*{PEERS!r}))"
    done = subprocess.run(
        [str(python), "-c", code], cwd=HERE, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "not there"


def processor() -> str:
    """The processor's own name, and whether it computes in bf16."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        facts = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
        able = {"avx512_bf16", "amx_bf16"} & set(facts.get("flags", "").split())
        return f"{facts.get('model name', 'unknown')}, {'with' if able else 'without'} bf16"
    return "unknown"


def table(ran: list[Ran], facts: dict[str, Any]) -> str:
    """Everything in Markdown."""
    lines = ["# Benchmarks", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "| benchmark | figure | measured | limit | |", "|---|---|---:|---|---|"]
    for one in ran:
        for figure in one.figures:
            verdict = {True: "ok", False: "FAILED", None: ""}[figure.held]
            value = f"{shown(figure.value)} {figure.unit}".strip()
            row = (f"`{one.command}`", figure.name, value, figure.limit, verdict)
            lines.append(f"| {' | '.join(row)} |")
        if one.ended != "done":
            lines.append(f"| `{one.command}` | {one.ended} | | | FAILED |")
    lines += ["", "Minutes: " + ", ".join(f"`{a.command}` {a.seconds / 60:.1f}" for a in ran)]
    lines += ["", "Not run here, since they take long: " + ", ".join(f"`{one}`" for one in APART)]
    return "\n".join([*lines, ""])


def main() -> int:
    """Run them and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", type=Path, default=CHECKOUT / ".venv-peers" / "bin" / "python")
    parser.add_argument("--minutes", type=float, default=58.0, help="that all of them may take")
    parser.add_argument("--only", nargs="*", help="scripts, without .py")
    given = parser.parse_args()
    # Whoever ends this ends the benchmark that runs as well.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    began = time.monotonic()
    ran: list[Ran] = []
    for job in JOBS:
        if given.only and Path(job.command.split()[0]).stem not in given.only:
            continue
        print(f"\n=== {job.command}", flush=True)
        left = given.minutes - (time.monotonic() - began) / 60
        python = given.peers.absolute() if job.peers else Path(sys.executable)
        ran.append(run(job, python, min(job.minutes, left)))
    facts = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(*PACKAGES),
        "processor": processor(),
        "peers": versions_of(given.peers.absolute()),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    folder = CHECKOUT / "build"
    folder.mkdir(exist_ok=True)
    said = table(ran, facts)
    (folder / "bench.md").write_text(said, "utf-8")
    whole = {**facts, "benchmarks": [one._asdict() for one in ran], "not_run": APART}
    for one in whole["benchmarks"]:
        one["figures"] = [figure._asdict() for figure in one["figures"]]
    (folder / "bench.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False), "utf-8")
    print(f"\n{said}")
    return 0 if ran and all(one.good for one in ran) else 1


if __name__ == "__main__":
    sys.exit(main())
