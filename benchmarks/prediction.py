"""Prediction of 2,000 texts of mixed length against `transformers.pipeline` at its defaults.

    python benchmarks/prediction.py [--shared ../shared] [--rounds 2]

A head on MiniLM is trained on banking77's 16 rows a class. The same weights are then put into a
model of transformers (mean of the token vectors, length 1, a linear layer) and that into
`pipeline("text-classification")`, which reads one text after the other in fp32. Both answer the
same texts in turns, in one process on one thread; what counts is CPU time. A quarter of the texts
are several questions in one, so that lengths are mixed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import importlib.metadata
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reporting import report

TEXTS = 2_000
#: How many questions a text has, and how often that is so.
JOINED = ((1, 0.75), (2, 0.1), (4, 0.1), (8, 0.05))
LIMIT = 3.0


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tunekit-prediction-"))
    os.environ["TUNEKIT_HOME"] = str(home)
    try:
        good = run(given.shared / "data" / "cls_banking77", home, given.rounds)
    finally:
        shutil.rmtree(home)
    sys.exit(0 if good else 1)


def run(data: Path, home: Path, rounds: int) -> bool:
    """The benchmark itself; returns whether the limit was reached."""
    import torch

    import tunekit
    from tunekit import Classification, Dataset
    from tunekit.weights import locate

    versions = ("torch", "transformers", "tokenizers")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    threads = torch.get_num_threads()
    print(
        f"Python {platform.python_version()}, {shown}, {threads} thread, {platform.machine()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    weights = locate("minilm", home=home).path
    rows = sorted((data / "16shot").glob("*.jsonl"))[0]
    train = Dataset.read(rows, Classification())
    model = tunekit.tune(train, backend="local", method="head")
    texts = mixed([row.text for row in Dataset.read(data / "test.jsonl", train.task)])
    pipeline = pipeline_of(model, weights, home)
    # The first texts warm both up.
    pipeline(texts[:50])
    model.predict(texts[:300])

    ours, theirs = [], []
    labels: dict[str, list[str]] = {}
    for _ in range(rounds):
        theirs.append(cpu(lambda: labels.update(pipeline=[o["label"] for o in pipeline(texts)])))
        ours.append(cpu(lambda: labels.update(ours=[one.label for one in model.predict(texts)])))
    one = cpu(lambda: [model.predict(text) for text in texts[:200]]) / 200
    same = sum(a == b for a, b in zip(labels["ours"], labels["pipeline"], strict=True))
    ratio = min(theirs) / min(ours)
    print(f"{len(texts):,} texts, {rounds} rounds, the best of each")
    print(f"pipeline at its defaults  {min(theirs):7.2f} CPU-s  {len(texts) / min(theirs):6.0f} /s")
    print(f"tunekit                   {min(ours):7.2f} CPU-s  {len(texts) / min(ours):6.0f} /s")
    print(f"tunekit, one by one                      {1 / one:6.0f} /s")
    good = ratio >= LIMIT and same == len(texts)
    report("prediction: pipeline takes, of ours", ratio, "x", least=LIMIT)
    report("prediction: labels that differ", len(texts) - same, most=0)
    print(f"same labels               {same:,} of {len(texts):,}")
    print(f"ratio                     {ratio:.2f} (limit {LIMIT})  {'ok' if good else 'FAILED'}")
    return good


def mixed(questions: list[str]) -> list[str]:
    """Texts of one question or several."""
    chance = random.Random(0)
    sizes = chance.choices([size for size, _ in JOINED], [often for _, often in JOINED], k=TEXTS)
    return [" ".join(chance.choices(questions, k=size)) for size in sizes]


def pipeline_of(model: Any, weights: Path, folder: Path) -> Any:
    """The same weights in transformers' own pipeline."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoTokenizer, BertModel, BertPreTrainedModel, pipeline
    from transformers.modeling_outputs import SequenceClassifierOutput
    from transformers.utils import logging

    logging.set_verbosity(logging.CRITICAL)  # an error would list all classes that it knows

    class MeanPooled(BertPreTrainedModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.bert = BertModel(config, add_pooling_layer=False)
            self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)

        def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> Any:
            hidden = self.bert(input_ids, attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1)
            mean = (hidden * mask).sum(1) / mask.sum(1)
            vectors = torch.nn.functional.normalize(mean, dim=-1)
            return SequenceClassifierOutput(logits=self.classifier(vectors))

    saved = model.save(folder / "saved")
    head = load_file(saved / "artifact" / "head.safetensors")
    labels = model.backend._models._runtime(model.ref.id).card.labels
    config = AutoConfig.from_pretrained(weights)
    config.num_labels = len(labels)
    config.id2label = dict(enumerate(labels))
    theirs = MeanPooled(config)
    base = load_file(weights / "model.safetensors")
    missing = theirs.bert.load_state_dict(base, strict=False).missing_keys
    assert not missing, missing
    with torch.no_grad():
        theirs.classifier.weight.copy_(head["weight"].T)
        theirs.classifier.bias.copy_(head["bias"])
    tokenizer = AutoTokenizer.from_pretrained(weights)
    return pipeline("text-classification", model=theirs.eval(), tokenizer=tokenizer)


def cpu(work: Callable[[], object]) -> float:
    """CPU-seconds of all threads of this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
