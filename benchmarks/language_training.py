"""Training of a language model against TRL: CPU-seconds a step, and the same losses.

    .venv-peers/bin/python benchmarks/language_training.py [--shared ../shared] [--rounds 2]
        [--steps 6] [--quick]

SmolLM2-135M with an adapter (LoRA of rank 8, alpha 16, on all linear layers) in one process on one
thread, in turns, every other round backwards. Everybody begins with the same adapter, is given the
same token ids in the same batches, and has the same optimizer, learning rate and clipping; loading
and tokenising are outside the clock. A step has 8 rows of NeMo's inverse text normalisation for
``SFTTrainer``, and for ``DPOTrainer`` 4 pairs of answers, the shortest of Orca's. TRL runs at its
defaults (bf16, gradient checkpointing), and set up better: without checkpointing, and for pairs
with the reference's probabilities computed beforehand. What the reference takes counts on both
sides. In fp32 the losses of every step must be the same.

All compute in the same precision. Where the CPU has no bf16, ours takes fp32 and TRL is told to:
left at its default it would emulate bf16, fifty times as slowly, and the ratio would say something
about the chip and nothing about trainers. What is claimed is claimed for bf16, so ratios in fp32
are reported and no limit is judged.

TRL is a peer: it is installed in an environment of its own, by ``make bench``. ``--quick`` takes
one round of two steps, which says nothing but that it works, so no ratio counts.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

# Threads that wait must not be counted as work; read when torch is loaded. Nobody is asked.
os.environ.update(
    OMP_NUM_THREADS="1",
    OMP_WAIT_POLICY="PASSIVE",
    TOKENIZERS_PARALLELISM="false",
    HF_HUB_OFFLINE="1",
    TQDM_DISABLE="1",
)

import datasets
import torch
import transformers
from accelerate.state import AcceleratorState
from language_bases import MODEL, base_of, found
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from reporting import machine, tell
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from tunekit import Dataset, Preference, Transformation
from tunekit.shapes import Shape
from tunekit.training.base_model import choose_precision
from tunekit.training.batches import epoch
from tunekit.training.checkpoints import Checkpoints
from tunekit.training.habits import PAIRED, SPOKEN
from tunekit.training.language.answer_trainee import AnswerTrainee
from tunekit.training.language.completion import Completion
from tunekit.training.language.course import Plan, plan_of
from tunekit.training.language.language_model import LanguageModel
from tunekit.training.language.pair_trainee import Known, Pair, PairTrainee, leads_of
from tunekit.training.language.sequences import Spoken, spoken
from tunekit.training.language.speech import Speech
from tunekit.training.loop import Stage, train
from tunekit.training.recipe import Precision, Recipe, Settings
from tunekit.training.step_log import StepLog

ROWS, PAIRS = 8, 4
RANK, ALPHA, BETA = 8, 16, 0.1
ROW_RATE, PAIR_RATE = 1e-3, 2e-4
INSTRUCTION = "Write spoken numbers, dates and amounts the way they are written."
#: How far a loss may be from TRL's.
APART = 1e-3


class Setup(NamedTuple):
    """What all have in common. ``rows`` are in the order in which they are learnt."""

    folder: Path
    recipe: Recipe
    rows: Sequence[Any]
    steps: int
    half: bool


class Turn(NamedTuple):
    """One training: its CPU-seconds, and the loss of each step."""

    seconds: float
    losses: list[float]


# --- ours -----------------------------------------------------------------------------------------


def begun(setup: Setup, precision: Precision) -> tuple[LanguageModel, Plan]:
    """Our model and its plan, before the first step."""
    recipe = setup.recipe.model_copy(update={"precision": precision})
    model = LanguageModel.of(recipe, narrow=True)
    habit = SPOKEN if recipe.shape is Shape.CHAT else PAIRED
    plan = plan_of(recipe, model, "lora", len(setup.rows), habit, ROW_RATE)
    return model, plan


def ours(setup: Setup, precision: Precision = "auto") -> Turn:
    """The trainer of tunekit."""
    model, plan = begun(setup, precision)
    module = Completion(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage = Stage(
            name="benchmark",
            folder=folder,
            checkpoints=Checkpoints(folder / "checkpoints", "benchmark"),
            log=StepLog(folder / "metrics.jsonl", "benchmark"),
            note=lambda kind, message, facts: None,
            progress=lambda more: None,
            checkpoint_seconds=1e9,
        )
        tokens = plan.course.tokens
        begin = time.process_time()
        if setup.recipe.shape is Shape.CHAT:
            trainee: Any = AnswerTrainee(module, plan.groups, setup.rows, [], tokens)
        else:
            module.eval()
            with model.module.disable_adapter():
                known = Known(setup.rows, leads_of(module, setup.rows, tokens))
            none = Known([], torch.empty(0))
            trainee = PairTrainee(module, plan.groups, known, none, BETA, tokens)
        train(trainee, plan.course, stage)
        seconds = time.process_time() - begin
        lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return Turn(seconds, [json.loads(line)["loss"] for line in lines])


# --- TRL ------------------------------------------------------------------------------------------


class GivenIds(DPOTrainer):
    """Takes tokens as they are, and says how long the reference takes beforehand."""

    before = 0.0

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, *given: Any, **more: Any) -> Any:
        begin = time.process_time()
        done = super()._precompute_ref_logps(*given, **more)
        self.before += time.process_time() - begin
        return done


def batches(setup: Setup, size: int) -> list[Any]:
    """The rows one after the other, as our batches have them."""
    lengths = [row.tokens if isinstance(row, Pair) else len(row.ids) for row in setup.rows]
    chance = random.Random(f"{setup.recipe.settings.seed} 0")
    order = epoch(lengths, range(len(lengths)), size, chance)
    return [setup.rows[place] for batch in order for place in batch]


def as_masked(row: Spoken) -> dict[str, Any]:
    """A row of ``SFTTrainer``."""
    mask = [int(place >= row.start) for place in range(len(row.ids))]
    return {"input_ids": row.ids, "completion_mask": mask}


def as_pair(pair: Pair) -> dict[str, Any]:
    """A row of ``DPOTrainer``."""
    (better, start), (worse, _) = pair.chosen, pair.rejected
    return {
        "prompt_ids": better[:start],
        "chosen_ids": better[start:],
        "rejected_ids": worse[start:],
    }


def trl(setup: Setup, *, exact: bool = False, **settings: Any) -> Turn:
    """TRL's trainer, at its defaults but for ``settings``, and for bf16 where there is none."""
    paired = setup.recipe.shape is Shape.PAIR
    size = PAIRS if paired else ROWS
    if exact:
        settings |= {"gradient_checkpointing": False}
    if exact or not setup.half:
        settings |= {"bf16": False}
    with tempfile.TemporaryDirectory() as name:
        given = (DPOConfig if paired else SFTConfig)(
            output_dir=name,
            per_device_train_batch_size=size,
            num_train_epochs=1,
            learning_rate=setup.recipe.settings.learning_rate,
            train_sampling_strategy="sequential",
            logging_steps=1 if exact else 10,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            dataloader_pin_memory=False,  # only for GPUs, and it warns without one
            seed=0,
            **({"beta": BETA} if paired else {"completion_only_loss": True}),
            **settings,
        )
        made = (GivenIds if paired else SFTTrainer)(
            model=str(setup.folder),
            args=given,
            train_dataset=datasets.Dataset.from_list(
                [as_pair(row) if paired else as_masked(row) for row in batches(setup, size)]
            ),
            processing_class=transformers.AutoTokenizer.from_pretrained(setup.folder),
            peft_config=LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear"),
        )
        made.remove_callback(transformers.PrinterCallback)
        set_peft_model_state_dict(made.model, first_adapter(setup))
        begin = time.process_time()
        made.train()
        seconds = time.process_time() - begin + getattr(made, "before", 0.0)
    said = made.state.log_history
    return Turn(seconds, [line["loss"] for line in said if "loss" in line])


def first_adapter(setup: Setup) -> dict[str, torch.Tensor]:
    """What the adapter of ours begins with."""
    model, _ = begun(setup, "fp32")
    return {name: one.clone() for name, one in get_peft_model_state_dict(model.module).items()}


# --- turn by turn -------------------------------------------------------------------------------

OURS = "ours"
DEFAULT = "TRL at its defaults"
PLAIN = "TRL without checkpointing"
AHEAD = "TRL, reference beforehand"


class Race(NamedTuple):
    """What is trained, by whom, and what ours must be of the others."""

    name: str
    against: dict[str, Callable[[Setup], Turn]]
    limits: dict[str, float]


RACES = {
    Shape.CHAT: Race(
        "SFT, 8 rows a step",
        {DEFAULT: trl, PLAIN: partial(trl, gradient_checkpointing=False)},
        {DEFAULT: 2.0, PLAIN: 1.5},
    ),
    Shape.PAIR: Race(
        "DPO, 4 pairs a step",
        {DEFAULT: trl, AHEAD: partial(trl, precompute_ref_log_probs=True)},
        {DEFAULT: 1.6, AHEAD: 1.1},
    ),
}


def turn(contestant: Callable[[Setup], Turn], setup: Setup) -> Turn:
    """One training by itself."""
    AcceleratorState._reset_state(reset_partial_state=True)  # one precision a process
    torch.manual_seed(0)
    gc.collect()
    return contestant(setup)


def raced(race: Race, setup: Setup, rounds: int, quick: bool) -> bool:
    """What is claimed of CPU-seconds a step; gives whether it holds."""
    everybody: dict[str, Callable[[Setup], Turn]] = {OURS: ours, **race.against}
    seconds: dict[str, list[float]] = {name: [] for name in everybody}
    for number in range(rounds):
        for name in list(everybody)[:: 1 if number % 2 == 0 else -1]:
            seconds[name].append(turn(everybody[name], setup).seconds / setup.steps)
    mean = {name: sum(used) / rounds for name, used in seconds.items()}
    precision = "bf16" if setup.half else "fp32"
    print(f"\n{race.name}, {precision}, {setup.steps} steps, {rounds} rounds: CPU-seconds a step")
    for name, used in seconds.items():
        turns = " ".join(f"{one:.2f}" for one in used)
        print(f"{name:<28}{mean[name]:>8.2f}{mean[name] / mean[OURS]:>8.2f} x   turns: {turns}")
    kept = [
        tell(
            f"{race.name}, {precision}: {name}, of ours",
            mean[name] / mean[OURS],
            "x",
            least=race.limits[name] if setup.half and not quick else None,
        )
        for name in race.against
    ]
    return all(kept)


def alike(race: Race, setup: Setup) -> bool:
    """Whether the losses in fp32 are TRL's."""
    mine = turn(partial(ours, precision="fp32"), setup).losses
    theirs = turn(partial(trl, exact=True), setup).losses
    print(f"\n{race.name}, fp32: losses of {len(mine)} steps")
    for name, losses in (("ours", mine), ("TRL", theirs)):
        print(f"{name:<8}" + " ".join(f"{one:.5f}" for one in losses))
    apart = max(abs(one - other) for one, other in zip(mine, theirs, strict=True))
    return tell(f"{race.name}: losses apart in fp32, at most", apart, most=APART)


# --- what is trained ----------------------------------------------------------------------------


def rows_of(folder: Path, speech: Speech, limit: int) -> list[Spoken]:
    """Texts and what they become."""
    data = Dataset.read(folder / "tra_nemo_itn" / "en" / "train.jsonl", Transformation(INSTRUCTION))
    examples = [one for row in data for one in lowered(data, row, Shape.CHAT)]
    random.Random(0).shuffle(examples)  # they stand by kind
    read = [spoken(speech, asked, target.text, limit) for asked, target in examples]
    return [row for row in read if not isinstance(row, str)]


def pairs_of(folder: Path, speech: Speech, limit: int) -> list[Pair]:
    """Questions with two answers each, the shortest first."""
    data = Dataset.read(folder / "pref_orca_dpo" / "train.jsonl", Preference(goal="answer"))
    examples = [one for row in data for one in lowered(data, row, Shape.PAIR)]
    read = [
        [spoken(speech, asked, said, limit) for said in (target.chosen, target.rejected)]
        for asked, target in examples
    ]
    pairs = [
        Pair(better, worse)
        for better, worse in read
        if not isinstance(better, str) and not isinstance(worse, str)
    ]
    return sorted(pairs, key=lambda pair: pair.tokens)


def lowered(data: Dataset, row: Any, shape: Shape) -> Any:
    """A row as examples that a language model learns from."""
    return data.task.lower(row, shape, data.task.prompt())


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkout = Path(__file__).resolve().parent.parent
    parser.add_argument("--shared", type=Path, default=checkout.parent / "shared")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--exact-steps", type=int, default=4, help="whose losses are compared")
    parser.add_argument("--quick", action="store_true", help="whether it works, and nothing else")
    given = parser.parse_args()
    rounds, steps, exact = given.rounds, given.steps, given.exact_steps
    if given.quick:
        rounds, steps, exact = 1, 2, 2
    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    torch.set_num_threads(1)
    print(machine("trl", "torch", "transformers", "peft", "accelerate", "datasets"))
    half = choose_precision("auto", torch.device("cpu")) == "bf16"
    if not half:
        print("This CPU has no bf16: all compute in fp32, and no limit of a ratio is judged.")
    weights = found(MODEL)
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights.path)
    speech = Speech(tokenizer, weights.name)
    data = given.shared / "data"
    rows: dict[Shape, tuple[list[Any], int, float]] = {
        Shape.CHAT: (rows_of(data, speech, weights.max_length), ROWS, ROW_RATE),
        Shape.PAIR: (pairs_of(data, speech, weights.max_length), PAIRS, PAIR_RATE),
    }
    kept = []
    for shape, race in RACES.items():
        all_of_them, size, rate = rows[shape]
        settings = Settings(
            epochs=1,
            batch_size=size,
            warmup=0,
            learning_rate=rate,
            lora_rank=RANK,
            lora_alpha=ALPHA,
        )
        recipe = Recipe(
            method="lora" if shape is Shape.CHAT else "dpo",
            shape=shape,
            base=base_of(weights),
            base_path=str(weights.path),
            settings=settings,
            device="cpu",
            threads=1,
        )

        def setup(steps: int, some: Sequence[Any] = all_of_them, size: int = size) -> Setup:
            return Setup(weights.path, recipe, some[: steps * size], steps, half)  # noqa: B023 - is called in this turn of the loop alone

        if not given.quick:
            for contestant in (ours, *race.against.values()):
                turn(contestant, setup(1))  # to warm up
        kept.append(raced(race, setup(steps), rounds, given.quick))
        kept.append(alike(race, setup(exact)))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
