"""Did tuning help? Two questions of everyday work in German, asked of three models each.

    python examples/did_it_help.py [kundenpost|finanzfragen ...] [--method full] [--seed 0]
                                   [--html FOLDER] [--prompted BACKEND]

A pretrained model is given the names of the labels; a second one is told what they mean; a third is
tuned on the rows. All of them answer one question that is in no table, and then all rows that were
held out. ``--prompted anthropic`` adds a prompted model, for whoever has a key.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import tunekit
from tunekit import Classification, Dataset

DATA = Path(__file__).parent / "data"
#: What the labels of each table mean, and a question that is in none.
SETS = json.loads((DATA / "german_sets.json").read_bytes())


def main() -> None:
    """Tune, ask, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET")
    parser.add_argument("--method", default="full", help="how to tune; 'head' takes seconds")
    parser.add_argument("--seed", type=int, default=0, help="decides which rows are held out")
    parser.add_argument("--html", type=Path, help="a folder for the reports")
    parser.add_argument("--prompted", metavar="BACKEND", help="a backend to prompt as well")
    told = parser.parse_args()
    for name in told.sets:
        ask(name, told)


def ask(name: str, told: argparse.Namespace) -> None:
    """One of the sets: three answers to its question, and the comparison on held-out rows."""
    one = SETS[name]
    data = Dataset.read(DATA / f"{name}.csv", Classification(instruction=one["instruction"]))
    train, test = data.split(test=0.3, seed=told.seed)
    meant = train.with_task(
        Classification(data.task.labels, one["descriptions"], instruction=one["instruction"])
    )
    models = {
        "pretrained": tunekit.baseline(train, backend="local"),
        "told": tunekit.baseline(meant, backend="local"),
        "tuned": tunekit.tune(train, backend="local", method=told.method),
    }
    if told.prompted:
        models["prompted"] = tunekit.baseline(meant, backend=told.prompted, shots=20)
    print(f"\n{one['question']}")
    for who, model in models.items():
        answer = model.predict(one["question"])
        sure = "" if answer.probability is None else f" ({answer.probability:.2f})"
        print(f"  {who:<12} {answer.label}{sure}")
    found = tunekit.compare(test, models)
    print(f"\n{found}")
    if told.html:
        print(f"\nThe whole report: {found.to_html(told.html / f'{name}.html')}")
    found.require("tuned.macro_f1 > pretrained.macro_f1", "tuned.macro_f1 > told.macro_f1")


if __name__ == "__main__":
    main()
