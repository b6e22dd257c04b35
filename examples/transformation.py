"""Transformation: dictated notes, with amounts and dates as they are written.

``TUNEKIT_BACKEND`` or ``tunekit.toml`` says where it trains. Without either that is this machine: a
small language model learns for some minutes. To see it run at once::

    TUNEKIT_BACKEND=fake python examples/transformation.py
"""

from __future__ import annotations

import re
from pathlib import Path

import tunekit
from tunekit import Dataset, Failure, Transformation

NOTES = Path(__file__).resolve().parent / "data" / "spoken_amounts.csv"
INSTRUCTION = "Write amounts, percentages, dates and numbers in figures. Change nothing else."
DICTATED = (
    "the plumber charged us two hundred and twelve euros and fifty cents",
    "the flat burned on the ninth of October twenty twenty four",
    "my share of the bill is fifteen percent",
)
AMOUNT = re.compile(r"(\d+\.\d\d) €")


def main() -> None:
    """Read, hold rows out, tune, write; a program that books amounts reads them strictly."""
    columns = {"input": "spoken", "output": "written"}
    data = Dataset.read(NOTES, Transformation(INSTRUCTION), columns=columns)
    train, test = data.split(test=0.2, seed=7)
    model = tunekit.tune(train)
    print(model)

    for spoken, written in zip(
        DICTATED, model.predict(list(DICTATED), errors="return"), strict=True
    ):
        print(f"\n{spoken}")
        if isinstance(written, Failure):  # one note without an answer costs no other
            print(f"  no answer: {written.detail}")
            continue
        print(f"  {written}")
        # It has the form of an amount, and may be another one than was said: somebody compares.
        if found := AMOUNT.search(written):
            print(f"  to book, once it was compared: {float(found[1]):.2f}")

    print(f"\n{model.evaluate(test)}")


if __name__ == "__main__":
    main()
