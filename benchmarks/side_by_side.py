"""A rule, a pretrained model, a head and a tuned encoder on 16 rows a class of banking77.

    python benchmarks/side_by_side.py [--shared ../shared] [--html report.html] [--seed 0]

Prints the comparison, and how far its figures are from scikit-learn's of the same answers.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from reporting import report

#: How far a figure may be from scikit-learn's.
LIMIT = 1e-9


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--html", type=Path, help="write the report here")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tunekit-side-by-side-"))
    os.environ["TUNEKIT_HOME"] = str(home)
    try:
        good = run(given)
    finally:
        shutil.rmtree(home)
    sys.exit(0 if good else 1)


def run(given: argparse.Namespace) -> bool:
    """The benchmark itself; returns whether every figure is scikit-learn's."""
    from sklearn.metrics import accuracy_score, f1_score

    import tunekit
    from tunekit import Classification, Dataset

    versions = ("torch", "transformers", "numpy", "scikit-learn")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    print(f"Python {platform.python_version()}, {shown}, {os.cpu_count()} CPUs")
    data = given.shared / "data" / "cls_banking77"
    train = Dataset.read(data / "16shot" / "train.jsonl", Classification())
    test = Dataset.read(data / "test.jsonl", Classification())
    models = {
        "rule": tunekit.baseline(train, backend="trivial"),
        "zero-shot": tunekit.baseline(train, backend="local"),
        "head": tunekit.tune(train, backend="local", method="head", seed=given.seed),
        "full": tunekit.tune(train, backend="local", method="full", seed=given.seed),
    }
    found = tunekit.compare(test, models)
    print(found)
    if given.html:
        written = found.to_html(given.html)
        print(f"\n{written}: {written.stat().st_size / 1e6:.2f} MB")

    truth = [row.label for row in test]
    furthest = 0.0
    for name, one in found.models.items():
        said = [case.answers[name].text for case in found.rows]
        theirs = {
            "accuracy": accuracy_score(truth, said),
            "macro_f1": f1_score(truth, said, average="macro", zero_division=0),
        }
        for metric, value in theirs.items():
            ours = one.measure(metric)
            apart = abs((ours.value if ours is not None else 2.0) - value)
            furthest = max(furthest, apart)
            print(f"{name:<10} {metric:<9} scikit-learn {value:.6f}, apart {apart:.1e}")
        for other in list(found.models)[: list(found.models).index(name)]:
            differs = found.difference(name, other, "macro_f1").measure.value
            theirs_other = f1_score(
                truth,
                [case.answers[other].text for case in found.rows],
                average="macro",
                zero_division=0,
            )
            furthest = max(furthest, abs(differs - (theirs["macro_f1"] - theirs_other)))
    good = furthest <= LIMIT
    report("figures, furthest from scikit-learn's", furthest, most=LIMIT)
    print(f"furthest apart {furthest:.1e} (limit {LIMIT:.0e})  {'ok' if good else 'FAILED'}")
    return good


if __name__ == "__main__":
    main()
