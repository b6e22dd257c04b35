"""The same lines on another backend: what changes is one word, and it lives in configuration.

Runs offline on the fake backend. The environment wins over the file, so this one trains a real
model, without a change to any line::

    TUNEKIT_BACKEND=local python examples/swap_backend.py
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import tunekit
from tunekit import Classification, Dataset

MESSAGES = Path(__file__).resolve().parent / "data" / "insurer_messages.csv"

CONFIG = """
backend = "practice"        # which of the backends below, or one that needs no options

[backends.practice]
type = "fake"               # remembers its rows: no key, no network, milliseconds
timeout = 5.0
"""


def five_lines() -> None:
    """Read, split, tune, predict, evaluate. No backend is named here."""
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(), columns=columns)
    train, test = data.split(test=0.25, seed=7)
    model = tunekit.tune(train)
    print("answer:  ", model.predict("Please cancel my contract at the end of the year.").label)
    print("accuracy:", round(model.evaluate(test).to_dict()["accuracy"]["value"], 2))
    print("model:   ", model)


def main() -> None:
    """Run the lines in a folder with a ``tunekit.toml``."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("tunekit.toml").write_text(CONFIG, encoding="utf-8")
        five_lines()


if __name__ == "__main__":
    main()
