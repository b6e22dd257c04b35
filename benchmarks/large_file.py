"""A file of 2,000,000 rows: read, checked, split and written in little memory.

python benchmarks/large_file.py [--rows 2000000] [--format csv|jsonl] [--near]

The file is made first, the same every time, in a temporary folder that is removed afterwards. Then
a fresh process reads it, checks it, splits it and writes both parts as JSONL; its peak memory is
compared with the limit. With ``--near`` the split also keeps near duplicates together, which has a
limit of its own; the check is without them in both cases.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from reporting import report

LIMIT = 400.0
NEAR_LIMIT = 600.0
LABELS = ("billing", "claim", "coverage", "Kündigung", "status", "007", "yes", "True")
SYLLABLES = (
    "ba", "cher", "do", "en", "fü", "gel", "hi", "in", "ker", "lo", "mun", "na", "or", "pre",
    "qui", "ra", "sto", "ti", "ung", "ver",
)  # fmt: skip

CHILD = """
import json, resource, sys, time
import tunekit
source, train_path, test_path, near = sys.argv[1:]
unit = 1e6 if sys.platform == "darwin" else 1e3
def done(step, **facts):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"step": step, "cpu": usage.ru_utime + usage.ru_stime,
                      "peak": usage.ru_maxrss / unit, **facts}), flush=True)
columns = {"text": "Text", "label": "Label"}
data = tunekit.Dataset.read(source, tunekit.Classification(), columns=columns)
done("read", rows=len(data))
found = data.check(near_duplicates=False)
done("check", findings=len(found))
del found
train, test = data.split(test=0.1, near_duplicates=near == "near")
done("split", rows=[len(train), len(test)])
train.to("jsonl", train_path)
test.to("jsonl", test_path)
done("write")
"""


def write_rows(path: Path, count: int) -> None:
    """Rows of 8 to 15 words out of 8,000, some more frequent than others, as in a language. One row
    of a hundred is a copy of the row before with one word changed; some have commas, quotes and
    line ends."""
    source = random.Random(7)
    words = ["".join(one) for one in itertools.product(SYLLABLES, repeat=3)]
    source.shuffle(words)
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    chosen: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        if path.suffix == ".csv":
            table.writerow(["Text", "Label"])
        for number in range(count):
            if number % 100 == 99:
                chosen[source.randrange(len(chosen))] = str(number)
            else:
                chosen = source.choices(words, cum_weights=weights, k=source.randint(8, 15))
                if number % 50 == 0:
                    chosen[2] = '\n"quoted", he said'
            text, label = " ".join(chosen), source.choice(LABELS)
            if path.suffix == ".csv":
                table.writerow([text, label])
            else:
                file.write(json.dumps({"Text": text, "Label": label}, ensure_ascii=False) + "\n")


def count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv")
    parser.add_argument("--near", action="store_true", help="near duplicates on one side as well")
    given = parser.parse_args()
    limit = NEAR_LIMIT if given.near else LIMIT
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source, train, test = (
            folder / name for name in (f"rows.{given.format}", "train.jsonl", "test.jsonl")
        )
        write_rows(source, given.rows)
        print(
            f"Python {platform.python_version()}, tunekit {version('tunekit-sdk')}, "
            f"numpy {version('numpy')}, rensa {version('rensa')}; {given.rows:,} rows, "
            f"{source.stat().st_size / 1e6:,.0f} MB of {given.format.upper()}"
        )
        command = [sys.executable, "-c", CHILD, str(source), str(train), str(test)]
        done = subprocess.run(
            [*command, "near" if given.near else "exact"],
            stdout=subprocess.PIPE,
            text=True,
            # Installed packages are compiled already; a checkout has to be allowed to be so too.
            env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
            check=False,
        )
        steps = [json.loads(line) for line in done.stdout.splitlines()]
        print(f"{'step':8}{'CPU s':>9}{'peak MB':>9}")
        before = 0.0
        for step in steps:
            name, cpu, peak = step.pop("step"), step.pop("cpu"), step.pop("peak")
            print(f"{name:8}{cpu - before:9.1f}{peak:9.0f}  {step or ''}")
            before = cpu
        if done.returncode != 0:
            print(f"the measured process failed with status {done.returncode}: FAILED")
            return 1
        rows = steps[2]["rows"]
        whole = [count_lines(train), count_lines(test)] == rows and sum(rows) == given.rows
        print(f"every row is in one of the parts: {'ok' if whole else 'FAILED'}")
        within = peak <= limit
        report("large file: memory", peak, "MB", most=limit)
        print(f"peak {peak:.0f} MB (at most {limit:.0f}): {'ok' if within else 'FAILED'}")
    return 0 if whole and within else 1


if __name__ == "__main__":
    sys.exit(main())
