"""Preference, to answer: a language model learns which of two answers people like better (DPO).

``TUNEKIT_BACKEND`` or ``tunekit.toml`` says where it trains. Without either that is this machine: a
small language model learns for some minutes. To see it run at once::

    TUNEKIT_BACKEND=fake python examples/preference_answer.py
"""

from __future__ import annotations

from pathlib import Path

import tunekit
from tunekit import Dataset, Failure, Preference

ANSWERS = Path(__file__).resolve().parent / "data" / "better_answers.csv"
COLUMNS = {"options": ["option_a", "option_b", "option_c"]}
INSTRUCTION = "You answer for an insurer: in one or two sentences, to the point, and kindly."
QUESTIONS = ("Where is my refund?", "May I choose the garage?")


def main() -> None:
    """Read, hold rows out to judge by, tune, answer."""
    data = Dataset.read(ANSWERS, Preference("answer", INSTRUCTION), columns=COLUMNS)
    train, held_out = data.split(test=0.2, seed=7, group="matter")
    plan = tunekit.plan(train, validation=held_out, epochs=1)
    print(f"{plan}\n")  # what it will take, before anything starts

    model = tunekit.submit(plan).wait()
    for question, answer in zip(
        QUESTIONS, model.predict(list(QUESTIONS), errors="return"), strict=True
    ):
        said = f"no answer: {answer.detail}" if isinstance(answer, Failure) else answer
        print(f"{question}\n  {said}")

    # An answer that is free can't be right or wrong; what can be told is how the lead of the better
    # one grew on pairs that weren't learnt. One pass over so few rows teaches next to nothing, and
    # the interval says so. Not every backend tells it.
    metrics = model.provenance.get("metrics", {})
    for name in ("held_out_margin", "held_out_better"):
        if name in metrics:
            print(f"{name}: {metrics[name]}")


if __name__ == "__main__":
    main()
