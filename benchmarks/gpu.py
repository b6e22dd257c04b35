"""What a GPU makes of the base models that are meant for one: a table for whoever has a card.

    python benchmarks/gpu.py [--models minilm,modernbert,...] [--shared ../shared] [--rows 2000]

Each base model is fetched from the Hub (or found where it was fetched before) and tuned on
rows of banking77 (Classification), restaurant8k (Extraction) and TruthfulQA (Preference).
Printed are rows a second, the card's peak memory, and quality on test rows. A model that can't be
fetched or doesn't fit is a line that says so. Without a CUDA device nothing is run, which is said.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

TASKS = (
    ("cls_banking77", "Classification", "accuracy"),
    ("ext_restaurant8k", "Extraction", "span F1"),
    ("pref_truthfulqa", "Preference", "accuracy"),
)
TEST_ROWS = 1_000


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument(
        "--models", help="short names, with commas; all encoders that are known by default"
    )
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    import torch

    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("No CUDA device here: not run.")
        return
    from tunekit.weights.hosted import HOSTED

    models = (
        given.models.split(",")
        if given.models
        else [
            "minilm",
            *(name for name, model in HOSTED.items() if model.family == "encoder"),
        ]
    )
    card = torch.cuda.get_device_name() if given.device.startswith("cuda") else given.device
    print(f"{card}, Python {platform.python_version()}, torch {torch.__version__}")
    heading = f"{'model':<16}{'task':<16}{'method':<12}{'rows/s':>8}{'GB':>7}  quality"
    print(heading)
    failed = False
    with tempfile.TemporaryDirectory(prefix="tunekit-gpu-") as home:
        os.environ.setdefault("TUNEKIT_HOME", home)
        for model in models:
            for folder, task, measure in TASKS:
                line, good = measured(given, model, given.shared / "data" / folder, task, measure)
                failed |= not good
                print(f"{model:<16}{task:<16}{line}", flush=True)
    sys.exit(1 if failed else 0)


def measured(
    given: argparse.Namespace, model: str, data: Path, kind: str, measure: str
) -> tuple[str, bool]:
    """One line of the table, and whether it could be had."""
    import tunekit
    from tunekit.backends.local import LocalBackend
    from tunekit.errors import TunekitError

    task = getattr(tunekit, kind)()
    home = Path(os.environ["TUNEKIT_HOME"])
    try:
        train = tunekit.Dataset.read(data / "train.jsonl", task)
        test = tunekit.Dataset.read(data / "test.jsonl", train.task)
        train = train.sample(min(given.rows, len(train)))
        test = test.sample(min(TEST_ROWS, len(test)))
        backend = LocalBackend(home=home, device=given.device, cache=False)
        begin = time.perf_counter()
        tuned = tunekit.tune(train, backend=backend, model=model)
        seconds = time.perf_counter() - begin
        found = tuned.evaluate(test).to_dict()
    except TunekitError as error:
        return str(error).splitlines()[0][:80], False
    metrics = tuned.provenance["metrics"]
    memory = metrics.get("device_memory")
    held = f"{memory / 1e9:>7.1f}" if memory else f"{'':>7}"
    method = tuned.provenance["hyperparameters"].get("method", "")
    quality = found["accuracy" if "accuracy" in found else "span_f1"]["value"]
    return f"{method:<12}{len(train) / seconds:>8.0f}{held}  {measure} {quality:.3f}", True


if __name__ == "__main__":
    main()
