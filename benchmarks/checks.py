"""What ``data.check()`` costs, and whether it finds planted near copies.

python benchmarks/checks.py [--rows 100000] [--copies 1000] [--shared ../shared]

Rows of about ten words from a large vocabulary; some rows are a copy of an earlier one with one
word changed. Figures are for whole processes, reading and imports included: CPU-seconds (user and
system), wall seconds and peak memory. Every pair that ``check()`` reports is compared with a
Jaccard index that is computed here, from the words of the two texts. Then the corpora beside the
checkout are checked, if they are there: their figures have no limit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import string
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from reporting import report

VOCABULARY = 30_000
LABELS = 20
LIMIT_WITHOUT = 15  # CPU-seconds
LIMIT_MORE = 15
LIMIT_MEMORY = 600  # MB
LIMIT_FOUND = 0.95
LEAST = 0.75  # the share of words from which rows are reported

CODE = """
import json, sys
from tunekit import Classification, Dataset, Extraction, Preference, Transformation
tasks = {"cls": Classification, "ext": Extraction, "tra": Transformation, "pref": Preference}
data = Dataset.read(sys.argv[1], tasks[sys.argv[2]]())
found = data.check(near_duplicates=sys.argv[3] == "near")
near = [(one.row, one.message) for one in found if one.code == "near-duplicate"]
print(json.dumps({"rows": len(data), "counts": found.counts, "near": near}))
"""

_EARLIER = re.compile(r"\(row (\d+)\).*?: (?:(\d+)% of their words|in the same words)")


def write_rows(path: Path, count: int, copies: int) -> tuple[list[str], dict[int, int]]:
    """Rows, the same every time; their texts, and the row that each planted copy was made of."""
    source = random.Random(11)
    vocabulary = [
        "".join(source.choices(string.ascii_lowercase, k=source.randint(3, 10)))
        for _ in range(VOCABULARY)
    ]
    texts = [" ".join(source.choices(vocabulary, k=10)) for _ in range(count - copies)]
    origins = source.sample(range(count - copies), copies)
    made = []
    for origin in origins:
        words = texts[origin].split()
        words[source.randrange(len(words))] = source.choice(vocabulary)
        made.append((" ".join(words), origin))
    # The copies stand anywhere, not each beside its original.
    places = sorted(source.sample(range(count), copies))
    planted: dict[int, int] = {}
    moved: list[str] = []
    at = {}
    rest = iter(enumerate(texts))
    waiting = dict(zip(places, made, strict=True))
    for place in range(count):
        if place in waiting:
            moved.append(waiting[place][0])
            planted[place] = waiting[place][1]
        else:
            number, text = next(rest)
            at[number] = place
            moved.append(text)
    with path.open("w", encoding="utf-8") as file:
        for text in moved:
            file.write(json.dumps({"text": text, "label": f"l{source.randrange(LABELS)}"}) + "\n")
    return moved, {place: at[origin] for place, origin in planted.items()}


def measure(path: Path, task: str, near: bool) -> tuple[dict[str, float], dict[str, object]]:
    """Check a file in a fresh process: its CPU-seconds, wall seconds, peak memory; what it said."""
    # Installed packages are compiled already; a checkout has to be allowed to be so too.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    arguments = ["-c", CODE, str(path), task, "near" if near else "no"]
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, *arguments],
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)],
        )
        _, status, usage = os.wait4(child, 0)
        if status != 0:
            raise SystemExit(f"a measured process failed with status {status}")
        wall = time.perf_counter() - began
        out.seek(0)
        said = json.loads(out.read())
    unit = 1e6 if sys.platform == "darwin" else 1e3
    figures = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": wall,
        "peak": usage.ru_maxrss / unit,
    }
    return figures, said


def jaccard(one: str, other: str) -> float:
    """The share of the words of two texts that both have."""
    words, others = set(one.split()), set(other.split())
    return len(words & others) / len(words | others)


def judge(near: list[list[object]], texts: list[str], planted: dict[int, int]) -> tuple[int, int]:
    """How many planted copies were found, and how many pairs aren't what was said of them."""
    found = wrong = 0
    for row, message in near:
        told = _EARLIER.search(str(message))
        if told is None or not isinstance(row, int):
            raise SystemExit(f"a finding can't be read: {message}")
        earlier, percent = int(told[1]), int(told[2] or 100)
        exact = jaccard(texts[row], texts[earlier])
        if exact < LEAST or abs(100 * exact - percent) > 1:
            wrong += 1
        pair = {row, earlier}
        found += planted.get(max(pair)) == min(pair) or planted.get(min(pair)) == max(pair)
    return found, wrong


def show(name: str, figures: dict[str, float]) -> None:
    print(f"{name:42}{figures['cpu']:9.2f}{figures['wall']:9.2f}{figures['peak']:9.0f}", flush=True)


def main() -> int:
    checkout = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--copies", type=int, default=1_000)
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    given = parser.parse_args()
    libraries = ("numpy", "rensa", "ftfy", "detect-secrets", "rapidfuzz")
    print(
        f"Python {sys.version.split()[0]}, "
        + ", ".join(f"{name} {version(name)}" for name in libraries)
        + f", {given.rows:,} rows"
    )
    print(f"{'whole process':42}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.jsonl"
        texts, planted = write_rows(path, given.rows, given.copies)
        measure(path, "cls", False)  # compiles what isn't
        without, _ = measure(path, "cls", False)
        show("check, near_duplicates=False", without)
        with_near, said = measure(path, "cls", True)
        show("check", with_near)
    near = said["near"]
    assert isinstance(near, list)
    found, wrong = judge(near, texts, planted)
    share = found / max(len(planted), 1)
    more = with_near["cpu"] - without["cpu"]
    peak = max(without["peak"], with_near["peak"])
    cpu, planted_found = without["cpu"], f"{found} of {len(planted)}, {share:.1%}"
    results = {
        f"CPU without near duplicates {cpu:.1f} s (at most {LIMIT_WITHOUT})": cpu <= LIMIT_WITHOUT,
        f"CPU more with them {more:.1f} s (at most {LIMIT_MORE})": more <= LIMIT_MORE,
        f"peak memory {peak:.0f} MB (at most {LIMIT_MEMORY})": peak <= LIMIT_MEMORY,
        f"planted copies found {planted_found} (at least {LIMIT_FOUND:.0%})": share >= LIMIT_FOUND,
        f"{len(near)} pairs reported, {wrong} of them false (0)": wrong == 0,
    }
    report("check() without near duplicates", cpu, "CPU-s", most=LIMIT_WITHOUT)
    report("check(): more with near duplicates", more, "CPU-s", most=LIMIT_MORE)
    report("check(): memory", peak, "MB", most=LIMIT_MEMORY)
    report("check(): planted copies found", share, least=LIMIT_FOUND)
    report("check(): false pairs", wrong, most=0)
    for text, passed in results.items():
        print(f"{text}: {'ok' if passed else 'FAILED'}")
    for train in sorted(given.shared.glob("data/*/train.jsonl")):
        name = train.parent.name
        figures, said = measure(train, name.partition("_")[0], True)
        show(f"{name}, {said['rows']:,} rows", figures)
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
