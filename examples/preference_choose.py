"""Preference, to choose: which of the prepared answers fits a question.

``TUNEKIT_BACKEND`` or ``tunekit.toml`` says where it trains. Without either that is this machine,
for a minute or two. To see it run at once::

    TUNEKIT_BACKEND=fake python examples/preference_choose.py
"""

from __future__ import annotations

from pathlib import Path

import tunekit
from tunekit import Dataset, Preference

ANSWERS = Path(__file__).resolve().parent / "data" / "better_answers.csv"
COLUMNS = {"options": ["option_a", "option_b", "option_c"]}
QUESTION = "Someone stole my bike last night, what do I have to send you?"
PREPARED = [
    "The report of the police, the receipt of the bicycle and its frame number.",
    "What a new one of the same kind costs today, up to the sum in your contract.",
    "It is, round the clock, as long as it was locked to something that is fixed.",
]


def main() -> None:
    """Read, hold rows out, tune, choose; then compare with what costs nothing."""
    data = Dataset.read(ANSWERS, Preference("choose"), columns=COLUMNS)
    train, test = data.split(test=0.25, seed=7, group="matter")
    model = tunekit.tune(train)
    print(model)

    chosen = model.predict(QUESTION, options=PREPARED)
    print(f"\n{QUESTION}")
    for index, option in enumerate(PREPARED):
        share = f" ({chosen.probabilities[index]:.2f})" if chosen.probabilities else ""
        print(f"  {'->' if index == chosen.index else '  '} {option}{share}")

    rule = tunekit.baseline(train, backend="trivial")  # reads the options, never the question
    print(f"\n{tunekit.compare(test, {'tuned': model, 'rule': rule})}")


if __name__ == "__main__":
    main()
