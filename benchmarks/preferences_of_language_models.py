"""What a language model makes of preferences: answers that are liked better, and options it takes.

    python benchmarks/preferences_of_language_models.py [answer] [choose] [--shared ../shared]
        [--quick]

``answer``: SmolLM2-135M learns from 60 pairs of Orca's answers (``goal="answer"``: DPO), two epochs
in steps of 4 pairs. On 30 pairs that it hasn't seen, the reward margin must rise: ``beta`` times by
how much more than the base model it finds the better answer likelier. Its mean has a 95 % interval,
whose low end must be above 0; reported is also how often the better answer is the likelier one,
before and after. The pairs are the shortest of the data set, since all would take an hour.

``choose``: on ``pref_qa_feedback`` the same model learns in one epoch of 200 rows to pick one of
four options, beside the encoder, which learns from the same rows with no argument set. Reported are
accuracies on the test rows with 95 % intervals, and chance.

CPU time is that of this process and all its children. ``--quick`` takes a few rows, which says
nothing but that it works, so no limit counts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from banking77 import cpu_seconds
from language_bases import MODEL, base_of, found, new_home
from reporting import machine, tell

PAIRS, HELD_OUT, EPOCHS, BATCH = 60, 30, 2, 4
ROWS = 200
BETA = 0.1
#: Tokens that are computed at once where pairs are judged.
TOKENS = 2_048


def length(row: Any) -> int:
    """About how much there is to read."""
    return len(row.question) + max(map(len, row.options))


def leads(model: Any, data: Any) -> Any:
    """By how much each better answer is likelier than the other one, in log-probabilities."""
    from tunekit.shapes import Shape
    from tunekit.training.language.completion import Completion
    from tunekit.training.language.pair_trainee import Pair, leads_of
    from tunekit.training.language.sequences import spoken

    module = Completion(model)
    module.eval()
    pairs = []
    for row in data:
        for asked, target in data.task.lower(row, Shape.PAIR, data.task.prompt()):
            said = [
                spoken(model.speech, asked, one, model.max_length)
                for one in (target.chosen, target.rejected)
            ]
            pairs.append(Pair(*said))
    return leads_of(module, pairs, TOKENS)


def answers(folder: Path, quick: bool) -> bool:
    """What pairs of answers teach; gives whether the margin rises."""
    import torch

    import tunekit
    from tunekit import Dataset, Preference
    from tunekit.training.card import read_card
    from tunekit.training.judging import difference
    from tunekit.training.language.language_model import LanguageModel
    from tunekit.training.loading import Kept

    task = Preference(goal="answer")
    parts = []
    for name, count in (("train", 8 if quick else PAIRS), ("test", 4 if quick else HELD_OUT)):
        rows = sorted(Dataset.read(folder / f"{name}.jsonl", task), key=length)[:count]
        parts.append(Dataset.from_rows(rows, task))
    train, test = parts
    begin = cpu_seconds()
    more = {"epochs": 1 if quick else EPOCHS, "batch_size": BATCH, "beta": BETA}
    model = tunekit.tune(train, backend="local", model=MODEL, **more)
    taken = cpu_seconds() - begin
    print(f"\n{folder.name}: {len(train)} pairs to learn from, {len(test)} to judge by")
    print(f"applied {model.provenance['hyperparameters']}\n")
    weights = found(MODEL)
    before = leads(
        LanguageModel(
            base_of(weights), weights.path, max_length=weights.max_length, precision="fp32"
        ),
        test,
    )
    place = model.backend._models.place(model.ref.id)
    kept = Kept(read_card(place.artifact), place.artifact, place.base)
    after = leads(kept.model(LanguageModel), test)
    margin = difference(BETA * (after - before), torch.zeros(len(test)))
    tell("reward margin, held-out pairs", margin.mean)
    good = tell("reward margin, low end of 95 %", margin.low, least=None if quick else 0.0)
    tell("reward margin, high end of 95 %", margin.high)
    tell("pairs whose margin rose", float((after > before).float().mean()))
    tell("better answer is the likelier one, before", float((before > 0).float().mean()))
    tell("better answer is the likelier one, after", float((after > 0).float().mean()))
    tell("training on pairs", taken, "CPU-s")
    return good


def choices(folder: Path, quick: bool) -> bool:
    """How often the best option is taken, by a language model and by an encoder."""
    import tunekit
    from tunekit import Dataset, Preference

    train = Dataset.read(folder / "train.jsonl", Preference())
    test = Dataset.read(folder / "test.jsonl", Preference())
    train = train.sample(12 if quick else ROWS)
    if quick:
        test = test.sample(4)
    print(f"\n{folder.name}: {len(train)} rows to learn from, {len(test)} to judge by\n")
    asked: Sequence[tuple[str, dict[str, Any]]] = (
        ("language model", {"model": MODEL, "epochs": 1}),
        ("encoder", {"model": "minilm"}),
    )
    for name, settings in asked:
        begin = cpu_seconds()
        model = tunekit.tune(train, backend="local", **settings)
        tuned = cpu_seconds() - begin
        report = model.evaluate(test).to_dict()
        accuracy = report["accuracy"]
        tell(f"choosing, {name}: accuracy", accuracy["value"])
        for end in ("low", "high"):
            tell(f"choosing, {name}: {end} end of 95 %", accuracy[end])
        tell(f"choosing, {name}: training", tuned, "CPU-s")
    tell("choosing, chance: accuracy", report["chance"])
    return True


WHAT = {"answer": ("pref_orca_dpo", answers), "choose": ("pref_qa_feedback", choices)}


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("what", nargs="*", choices=[[], *WHAT], help="both by default")
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--quick", action="store_true", help="whether it works, and nothing else")
    given = parser.parse_args()
    with new_home("preferences", MODEL):
        print(machine("torch", "transformers", "peft", "tokenizers"))
        kept = [
            run(given.shared / "data" / data, given.quick)
            for data, run in (WHAT[name] for name in given.what or WHAT)
        ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
