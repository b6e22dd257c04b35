"""Our training loop against transformers.Trainer and against a bare loop: examples per CPU-second.

    python benchmarks/training_loop.py [--shared ../shared] [--rounds 3] [--quick]

MiniLM with a head for the 77 labels of banking77, all weights trained; everybody has the same
model, rows, batch size, epochs, learning rate, warm-up, decay and clipping, ids made beforehand,
and writes no checkpoint. One process, one thread, in short turns, every other round backwards. The
Trainer runs at its defaults with dynamic padding (DataCollatorWithPadding), and as well as it can
be set up (group_by_length, bf16). The bare loop has our batches, precision and optimizer, and no
log. Loading is outside the clock. Accuracy is that on 1,000 test rows after a longer training.
"""

from __future__ import annotations

import argparse
import copy
import importlib.metadata
import json
import math
import os
import platform
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Threads that wait must not be counted as work; read when torch is loaded.
os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", TOKENIZERS_PARALLELISM="false")

import torch
import transformers
from accelerate.state import AcceleratorState
from reporting import report
from torch.nn.functional import cross_entropy

from tunekit.training.base_model import choose_precision
from tunekit.training.batches import epoch, within
from tunekit.training.checkpoints import Checkpoints
from tunekit.training.course import Course
from tunekit.training.loop import Group, Stage, train
from tunekit.training.padding import pad
from tunekit.training.step_log import StepLog
from tunekit.weights import locate

BATCH, RATE, DECAY, WARMUP, CLIP, TOKENS = 32, 3e-4, 0.01, 0.1, 1.0, 4_096
JUDGED = 1_000
CPU = torch.device("cpu")
WITHIN = 1.96


class Rows(NamedTuple):
    """Token ids and the class of each text."""

    ids: list[list[int]]
    truth: list[int]


class Setup(NamedTuple):
    """What all have in common."""

    model: torch.nn.Module
    rows: Rows
    epochs: int
    half: bool
    tokenizer: Any
    folder: Path

    @property
    def course(self) -> Course:
        """As our loop has it."""
        return Course(
            len(self.rows.ids), self.epochs, BATCH, TOKENS, warmup=WARMUP, clip=CLIP, patience=99
        )


class Trainee:
    """The model for our loop."""

    def __init__(self, setup: Setup) -> None:
        self.module, self._rows, self._half = setup.model, setup.rows, setup.half
        self.lengths = [len(ids) for ids in setup.rows.ids]

    def groups(self) -> list[Group]:
        return [Group(list(self.module.parameters()), RATE, DECAY)]

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        logits = logits_of(module, [self._rows.ids[one] for one in places], self._half)
        truth = torch.tensor([self._rows.truth[one] for one in places])
        return cross_entropy(logits, truth, reduction="sum")

    def amount(self, places: Sequence[int]) -> float:
        return float(len(places))

    def judge(self) -> None:
        return None


def logits_of(module: torch.nn.Module, ids: Sequence[Sequence[int]], half: bool) -> torch.Tensor:
    """(texts, classes), in fp32."""
    batch = pad(ids, CPU)
    mask = None if bool(batch.mask.all()) else batch.mask
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        return module(input_ids=batch.ids, attention_mask=mask).logits.float()


# --- the contestants ------------------------------------------------------------------------------


def ours(setup: Setup) -> None:
    """The training loop of tunekit."""
    stage = Stage(
        name="benchmark",
        folder=setup.folder,
        checkpoints=Checkpoints(setup.folder / "checkpoints", "benchmark"),
        log=StepLog(setup.folder / "metrics.jsonl", "benchmark"),
        note=lambda kind, message, facts: None,
        progress=lambda more: None,
        checkpoint_seconds=1e9,
    )
    train(Trainee(setup), setup.course, stage)


def bare(setup: Setup) -> None:
    """The fewest lines that train the same."""
    trainee, course = Trainee(setup), setup.course
    optimizer = torch.optim.AdamW(setup.model.parameters(), weight_decay=DECAY, fused=True)
    setup.model.train()
    step = 0
    for number in range(course.epochs):
        chance = random.Random(f"{course.seed} {number}")
        for batch in epoch(trainee.lengths, range(course.rows), BATCH, chance):
            optimizer.param_groups[0]["lr"] = RATE * course.rate(step)
            loss = trainee.loss(setup.model, batch) / len(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(setup.model.parameters(), CLIP)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1


def trainer(setup: Setup, **arguments: Any) -> None:
    """transformers.Trainer."""
    course = setup.course
    rows = [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": truth}
        for ids, truth in zip(*setup.rows, strict=True)
    ]
    given = transformers.TrainingArguments(
        output_dir=str(setup.folder),
        per_device_train_batch_size=BATCH,
        num_train_epochs=setup.epochs,
        learning_rate=RATE,
        weight_decay=DECAY,
        warmup_steps=round(WARMUP * course.steps),
        max_grad_norm=CLIP,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,  # only for GPUs, and it warns without one
        **arguments,
    )
    made = transformers.Trainer(
        model=setup.model,
        args=given,
        train_dataset=rows,
        data_collator=transformers.DataCollatorWithPadding(setup.tokenizer),
    )
    made.remove_callback(transformers.PrinterCallback)
    made.train()


def trainer_at_its_best(setup: Setup) -> None:
    """It has no faster settings for a CPU that are known to us."""
    trainer(setup, train_sampling_strategy="group_by_length", bf16=setup.half)


OURS, BARE, DEFAULT, BEST = "ours", "bare loop", "Trainer", "Trainer at its best"
CONTESTANTS: dict[str, Callable[[Setup], None]] = {
    OURS: ours,
    BARE: bare,
    DEFAULT: trainer,
    BEST: trainer_at_its_best,
}


# --- turn by turn -------------------------------------------------------------------------------


class Race(NamedTuple):
    """An epoch of so many rows, in so many turns a round; ``limits`` are what ours must be of the
    others."""

    rows: int
    turns: int
    limits: dict[str, float]


RACES = (
    Race(384, 2, {DEFAULT: 2.5, BEST: 1.2, BARE: 0.9}),
    Race(2_048, 1, {DEFAULT: 2.5, BEST: 0.95, BARE: 0.9}),
)
#: Rows and epochs after which accuracies are compared.
LEARNT, EPOCHS = 384, 8


def turn(name: str, start: Setup) -> tuple[float, torch.nn.Module]:
    """One training of a contestant: its CPU-seconds, and the model."""
    with tempfile.TemporaryDirectory() as folder:
        setup = start._replace(model=copy.deepcopy(start.model), folder=Path(folder))
        torch.manual_seed(0)
        AcceleratorState._reset_state(reset_partial_state=True)  # one precision a process
        begin = time.process_time()
        CONTESTANTS[name](setup)
        return time.process_time() - begin, setup.model


def raced(race: Race, rounds: int, start: Setup) -> list[tuple[str, bool]]:
    """What is claimed of examples per CPU-second, and whether it holds."""
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    names = list(CONTESTANTS)
    for number in range(rounds * race.turns):
        for name in names if number % 2 == 0 else names[::-1]:
            seconds[name].append(turn(name, start)[0])
    rate = {name: len(used) * race.rows / sum(used) for name, used in seconds.items()}
    print(f"\n{race.rows:,} rows, one epoch")
    print(f"{'':<22}{'examples/CPU-s':>15}{'ours is':>9}   CPU-seconds of each turn")
    for name, used in seconds.items():
        times = "" if name == OURS else f"{rate[OURS] / rate[name]:.2f} x"
        turns = " ".join(f"{one:.1f}" for one in used)
        print(f"{name:<22}{rate[name]:>15.1f}{times:>9}   {turns}", flush=True)
    ratios = {name: rate[OURS] / rate[name] for name in race.limits}
    for name, limit in race.limits.items():
        report(f"training loop, {race.rows:,} rows: of {name}", ratios[name], "x", least=limit)
    return [
        (f"{race.rows:,} rows: {ratios[name]:.2f} x {name} (>= {limit})", ratios[name] >= limit)
        for name, limit in race.limits.items()
    ]


def compared(start: Setup, test: Rows) -> list[tuple[str, bool]]:
    """Whether ours is as often right as the others, by more than chance would do."""
    right = {name: judged(turn(name, start)[1], test) for name in (OURS, DEFAULT, BEST)}
    print(f"\n{len(start.rows.ids):,} rows, {start.epochs} epochs: accuracy")
    for name, answers in right.items():
        print(f"{name:<22}{sum(answers) / len(answers):>15.3f}", flush=True)
    said = []
    for name in (DEFAULT, BEST):
        apart = [
            float(mine) - float(theirs)
            for mine, theirs in zip(right[OURS], right[name], strict=True)
        ]
        mean = sum(apart) / len(apart)
        spread = math.sqrt(sum((one - mean) ** 2 for one in apart)) / len(apart)
        report(f"training loop: accuracy, of {name}'s", mean, least=-WITHIN * spread)
        text = f"accuracy {mean:+.3f} of {name}'s, standard error {spread:.3f} (not clearly worse)"
        said.append((text, mean >= -WITHIN * spread))
    return said


def judged(module: torch.nn.Module, test: Rows) -> list[bool]:
    """Whether each test row is right, in fp32."""
    module.eval()
    right = [False] * len(test.ids)
    with torch.inference_mode():
        for places in within([len(ids) for ids in test.ids], range(len(test.ids)), TOKENS):
            said = logits_of(module, [test.ids[one] for one in places], False).argmax(1).tolist()
            for place, label in zip(places, said, strict=True):
                right[place] = label == test.truth[place]
    return right


def read(path: Path, labels: list[str], tokenizer: Any, count: int) -> Rows:
    """So many rows by chance; labels that are new get the next number."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    chosen = random.Random(0).sample(lines, count)
    ids = tokenizer([row["text"] for row in chosen], truncation=True, max_length=128)["input_ids"]
    labels.extend(sorted({row["label"] for row in lines} - set(labels)))
    return Rows(ids, [labels.index(row["label"]) for row in chosen])


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the first race, and nothing else")
    given = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    versions = ("torch", "transformers", "accelerate", "numpy")
    shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions)
    half = choose_precision("auto", CPU) == "bf16"
    print(
        f"Python {platform.python_version()}, {shown}, {os.cpu_count()} CPUs, "
        f"{platform.machine()}, {'bf16' if half else 'fp32: this CPU has no bf16'}"
    )
    place = Path(locate("minilm", home=checkout / ".cache" / "tunekit").path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    data, labels = given.shared / "data" / "cls_banking77", list[str]()
    test = read(data / "test.jsonl", labels, tokenizer, JUDGED)
    torch.manual_seed(0)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        place, num_labels=len(labels)
    )

    def setup(rows: int, epochs: int = 1) -> Setup:
        chosen = read(data / "train.jsonl", labels, tokenizer, rows)
        return Setup(model, chosen, epochs, half, tokenizer, Path())

    for name in CONTESTANTS:
        turn(name, setup(64))  # to warm up
    results: list[tuple[str, bool]] = []
    for race in RACES[: 1 if given.quick else None]:
        results += raced(race, given.rounds, setup(race.rows))
    if not given.quick:
        results += compared(setup(LEARNT, EPOCHS), test)
    print()
    for text, passed in results:
        print(f"{text}: {'ok' if passed else 'FAILED'}")
    return 0 if all(passed for _, passed in results) else 1


if __name__ == "__main__":
    sys.exit(main())
