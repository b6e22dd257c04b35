"""What ``import tunekit`` costs beside ``import pydantic``, in alternating fresh processes.

python benchmarks/import_time.py [--runs 15]

Prints CPU-seconds and wall seconds of whole processes, as medians over the runs, after taking off
what an empty process costs; and which heavy packages an import brought along (none should).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from reporting import report

STATEMENTS = {
    "nothing": "pass",
    "pydantic": "import pydantic; pydantic.BaseModel",
    "tunekit": "import tunekit",
    "Classification, Dataset": "from tunekit import Classification, Dataset",
}
HEAVY = ("torch", "transformers", "openai", "anthropic", "huggingface_hub", "pandas", "datasets")
LIMIT = 3.0

CHILD = """
import json, os, sys, time
began = time.perf_counter()
{statement}
took = time.perf_counter() - began
cpu = os.times()
print(json.dumps({{"import": took, "cpu": cpu.user + cpu.system,
                   "heavy": [name for name in {heavy!r} if name in sys.modules]}}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in STATEMENTS}
    heavy: set[str] = set()
    for turn in range(runs + 1):
        for name, statement in STATEMENTS.items():
            code = CHILD.format(statement=statement, heavy=HEAVY)
            output = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True
            ).stdout
            if turn > 0:  # the first turn only fills the page cache and writes bytecode
                result = json.loads(output)
                heavy.update(result.pop("heavy"))
                seen[name].append(result)

    def median(name: str, figure: str) -> float:
        return statistics.median(result[figure] for result in seen[name])

    empty = median("nothing", "cpu")
    print(f"Python {sys.version.split()[0]}, medians of {runs} alternating fresh processes")
    print(f"{'import':28}{'import ms':>12}{'CPU ms':>10}{'x pydantic':>12}")
    for name in list(STATEMENTS)[1:]:
        ratio = median(name, "import") / median("pydantic", "import")
        cpu = (median(name, "cpu") - empty) * 1000
        print(f"{name:28}{median(name, 'import') * 1000:12.1f}{cpu:10.1f}{ratio:12.2f}")
    ratio = median("tunekit", "import") / median("pydantic", "import")
    print(f"heavy packages loaded: {', '.join(sorted(heavy)) or 'none'}")
    passed = ratio <= LIMIT and not heavy
    report("import tunekit, of import pydantic", ratio, "x", most=LIMIT)
    report("heavy packages that an import brings along", len(heavy), most=0)
    print(f"import tunekit / import pydantic = {ratio:.2f} (limit {LIMIT}): {_verdict(passed)}")
    return 0 if passed else 1


def _verdict(passed: bool) -> str:
    return "ok" if passed else "FAILED"


if __name__ == "__main__":
    sys.exit(main())
