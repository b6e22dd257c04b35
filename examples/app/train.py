"""Tune the model that the application serves: on the backend of ``tunekit.toml``, into ``models/``.

Run it in its own folder, where that file is: ``python train.py``.
"""

from __future__ import annotations

from pathlib import Path

import tunekit
from tunekit import Classification, Dataset

MESSAGES = Path(__file__).resolve().parents[1] / "data" / "insurer_messages.csv"


def main() -> None:
    """Read, hold rows out, tune, see how good it is, keep it."""
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(), columns=columns)
    train, test = data.split(test=0.25, seed=7)
    model = tunekit.tune(train)
    print(model.evaluate(test))
    print(f"saved: {model.save(Path('models') / 'triage')}")


if __name__ == "__main__":
    main()
