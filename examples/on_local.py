"""Local: a real encoder is tuned on this machine, saved, and found again by its job's id.

It needs the extra ``local`` and no GPU. The first call fetches the base model (91 MB); after that
nothing is asked of the network.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import tunekit
from tunekit import Classification, Dataset

LETTERS = Path(__file__).resolve().parent / "data" / "kundenpost.csv"


def main() -> None:
    """Ask what it takes, tune the quick way, look at the probabilities, take the model along."""
    data = Dataset.read(LETTERS, Classification())
    train, test = data.split(test=0.3, seed=0)
    plan = tunekit.plan(train, backend="local", method="head")
    print(plan)  # tokens, memory, time, and that the base model was made for English

    job = tunekit.submit(plan)
    model = job.wait()
    print(f"\n{model}, {job.status} in {job.folder.name}")
    answer = model.predict("Vielen Dank, das ging schnell und war sehr freundlich.")
    for label, probability in answer.probabilities.items():
        print(f"  {label:<8} {probability:.2f}")
    figures = model.evaluate(test).to_dict()
    print(f"  right: {figures['accuracy']['value']:.2f}")
    print(f"  calibration error: {figures['ece']['value']:.3f}")

    with tempfile.TemporaryDirectory() as folder:
        saved = model.save(Path(folder) / "letters")
        for path in sorted(saved.rglob("*")):
            if path.is_file():
                print(f"  {path.relative_to(saved)}  {path.stat().st_size:,} bytes")
        again = tunekit.load(saved)
        assert again.predict("Ich bin enttäuscht.") == model.predict("Ich bin enttäuscht.")


if __name__ == "__main__":
    main()
