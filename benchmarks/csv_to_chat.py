"""CSV rows to ``openai-chat`` JSONL: tunekit beside ``datasets``, in the same run.

python benchmarks/csv_to_chat.py [--rows 100000] [--words 4 20] [--runs 3] [--memory]

Both read the same file and write the same records; the two written files are compared as JSON,
line by line. Figures are for whole processes: CPU-seconds (user and system, children included),
wall seconds and peak memory. With ``--memory`` tunekit also takes ten times the rows, and its peak
is compared. ``datasets`` is needed for this benchmark only; its cache is new for every run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from reporting import report

WORDS = (
    "please", "my", "claim", "policy", "car", "Unfall", "Schaden", "gestern", "the", "invoice",
    "was", "paid", "twice", "Kündigung", "bitte", "schnell", "window", "broken", "und", "when",
    "will", "you", "answer", "Straße", "number", "change", "address", "„Danke“", "🙏", "a,b",
)  # fmt: skip
LABELS = ("billing", "claim", "coverage", "Kündigung", "status", "007", "yes", "True")
SPEED_LIMIT = 5.0
MEMORY_LIMIT = 1.20

TUNEKIT = """
import sys
from tunekit import Classification, Dataset
data = Dataset.read(sys.argv[1], Classification(), columns={"text": "Text", "label": "Label"})
data.to("openai-chat", sys.argv[2])
"""

# The prompt comes from tunekit's own output, so that both write the same words.
DATASETS = """
import sys
import datasets
datasets.disable_progress_bars()
def chat(row):
    return {"messages": [
        {"role": "system", "content": sys.argv[3]},
        {"role": "user", "content": row["Text"]},
        {"role": "assistant", "content": row["Label"]},
    ]}
features = datasets.Features({"Text": datasets.Value("string"), "Label": datasets.Value("string")})
rows = datasets.load_dataset("csv", data_files=sys.argv[1], split="train", features=features,
                             keep_default_na=False, cache_dir=sys.argv[4])
rows = rows.map(chat, remove_columns=["Text", "Label"])
rows.to_json(sys.argv[2], force_ascii=False)
"""


def write_rows(path: Path, count: int, length: tuple[int, int]) -> None:
    """Rows with commas, quotes, newlines and characters from beyond ASCII, the same every time."""
    source = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["Text", "Label"])
        for number in range(count):
            words = source.choices(WORDS, k=source.randint(*length))
            if number % 50 == 0:
                words.insert(2, '\n"quoted"')
            out.writerow([f"{' '.join(words)} {number}", source.choice(LABELS)])


def measure(code: str, *arguments: str) -> dict[str, float]:
    """Run code in a fresh process: its CPU-seconds, wall seconds and peak memory in MB."""
    # Installed packages are compiled already; a checkout has to be allowed to be so too.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", code, *arguments], environment)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise SystemExit(f"a measured process failed with status {status}")
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - began,
        "peak": usage.ru_maxrss / unit,
    }


def same_records(first: Path, second: Path) -> int:
    """How many records the two files hold; ends the benchmark where they differ."""
    count = 0
    with first.open(encoding="utf-8") as ours, second.open(encoding="utf-8") as theirs:
        for count, (a, b) in enumerate(zip(ours, theirs, strict=True), start=1):
            if json.loads(a) != json.loads(b):
                raise SystemExit(f"line {count} differs:\n  {a}  {b}")
    return count


def show(name: str, figures: list[dict[str, float]]) -> dict[str, float]:
    """Print and return the medians."""
    middle = {key: statistics.median(run[key] for run in figures) for key in figures[0]}
    print(f"{name:24}{middle['cpu']:9.2f}{middle['wall']:9.2f}{middle['peak']:9.0f}", flush=True)
    return middle


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument(
        "--words",
        type=int,
        nargs=2,
        default=(4, 20),  # 12 in the middle, as in banking77
        metavar=("LEAST", "MOST"),
        help="of a row's text; longer rows narrow the gap, as copying takes over",
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="also ten times the rows")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source, ours, theirs = (
            folder / name for name in ("rows.csv", "ours.jsonl", "theirs.jsonl")
        )
        write_rows(source, given.rows, given.words)
        measure(TUNEKIT, str(source), str(ours))
        with ours.open(encoding="utf-8") as file:
            prompt = json.loads(file.readline())["messages"][0]["content"]
        mine, other = [], []
        for turn in range(given.runs):
            mine.append(measure(TUNEKIT, str(source), str(ours)))
            cache = str(folder / f"cache-{turn}")
            other.append(measure(DATASETS, str(source), str(theirs), prompt, cache))
        count = same_records(ours, theirs)
        print(
            f"Python {sys.version.split()[0]}, datasets {version('datasets')}, {count:,} rows "
            f"of {given.words[0]} to {given.words[1]} words"
        )
        print(f"{'whole process':24}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}")
        small = show("tunekit", mine)
        reference = show("datasets map+to_json", other)
        ratio = reference["cpu"] / small["cpu"]
        passed = ratio >= SPEED_LIMIT
        report("CSV to chat: datasets takes, of ours", ratio, "x", least=SPEED_LIMIT)
        print(f"CPU, datasets / tunekit = {ratio:.1f} (at least {SPEED_LIMIT}): {_verdict(passed)}")
        if given.memory:
            write_rows(source, given.rows * 10, given.words)
            large = show(
                f"tunekit, {given.rows * 10:,}", [measure(TUNEKIT, str(source), str(ours))]
            )
            growth = large["peak"] / small["peak"]
            passed = passed and growth <= MEMORY_LIMIT
            report("CSV to chat: memory of ten times the rows", growth, "x", most=MEMORY_LIMIT)
            print(
                f"memory, ten times the rows = {growth:.2f} x (at most {MEMORY_LIMIT}): "
                f"{_verdict(growth <= MEMORY_LIMIT)}"
            )
    return 0 if passed else 1


def _verdict(passed: bool) -> str:
    return "ok" if passed else "FAILED"


if __name__ == "__main__":
    sys.exit(main())
