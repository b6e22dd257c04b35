"""The training loop: batches in, trained weights out. It knows no shape and no model.

A step is one batch. A batch that is too large for the memory is computed in parts, and what each
part adds to the gradient is divided by what the *whole* batch amounts to: so the parts make no
difference, and neither do several processes, each of which computes a share of every batch. What is
random in a step depends on the seed and the number of the step (and of the process) alone, and so
does the order of the rows: a training that is taken up again goes on as if nothing had happened.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import torch

from ..errors import TunekitError
from .batches import epoch
from .checkpoints import Checkpoint, Checkpoints
from .course import Course
from .ending import Cancelled, put_off
from .keeping import Kept
from .memory import Budget, no_memory
from .parallel import agreed, any_and_first, count, leads, number, summed
from .spreading import Part, Spread
from .states import load_moments, load_weights, moments, weights, whole
from .step_log import StepLog
from .trackers import accelerator

__all__ = ["Diverged", "Group", "Outcome", "Stage", "Trainee", "train"]

#: Steps in a row without a finite gradient after which there is no hope.
HOPELESS = 5
#: A step is random by seed and number: far enough apart that two seeds share no step.
SEEDS_APART = 1_000_003
#: And so are two processes, the first of which is as random as if it were alone.
PROCESSES_APART = 2**40
#: The most a checkpoint may cost of the time, as a part of one.
CHECKPOINT_COST = 0.02


class Group(NamedTuple):
    """Parameters that learn alike."""

    parameters: Sequence[torch.nn.Parameter]
    learning_rate: float
    weight_decay: float


class Trainee(Protocol):
    """What is trained. Examples are named by their places, from 0."""

    @property
    def module(self) -> torch.nn.Module:
        """All that is trained, on its device; what asks for no gradient stays as it is."""
        ...

    @property
    def lengths(self) -> Sequence[int]:
        """The tokens of each example."""
        ...

    def groups(self) -> Sequence[Group]:
        """All parameters that are trained."""
        ...

    def loss(self, module: torch.nn.Module, places: Sequence[int]) -> torch.Tensor:
        """The *sum* of the losses of these examples, by way of ``module``."""
        ...

    def amount(self, places: Sequence[int]) -> float:
        """What the summed loss of a batch is divided by: examples, or tokens, or weights."""
        ...

    def judge(self) -> torch.Tensor | None:
        """The losses of rows that aren't trained on, (rows,); ``None`` where there are none."""
        ...


class Stage(NamedTuple):
    """Where a training stands in its run: what it is called, where it can be taken up again, what
    is measured and who is told.

    ``checkpoint_seconds`` pass at least between two checkpoints. ``trackers`` are those of
    accelerate, by name; they write into ``folder``. ``sharding`` is how several processes have the
    weights (see :mod:`tunekit.training.spreading`).
    """

    name: str
    folder: Path
    checkpoints: Checkpoints
    log: StepLog
    note: Callable[[str, str, Mapping[str, Any]], None]
    progress: Callable[[int], None]
    checkpoint_seconds: float = 60.0
    trackers: tuple[str, ...] = ()
    sharding: Literal["none", "full"] = "none"


class Outcome(NamedTuple):
    """What came of a training; its weights are in the trainee's module.

    ``steps`` were done, ``kept`` is the step whose weights were kept. ``judged`` are the losses of
    those on the rows that aren't trained on.
    """

    steps: int
    kept: int
    judged: torch.Tensor | None
    skipped: int


def train(trainee: Trainee, course: Course, stage: Stage) -> Outcome:
    """Train, going on from the newest checkpoint, and leave the best weights in the module.

    After each epoch the rows that aren't trained on are judged; training ends early when that
    brings nothing any more (see :mod:`tunekit.training.judging`).

    Raises:
        Cancelled: the worker was told to end; a checkpoint was written before.
        ConfigError: a tracker that isn't there.
        Diverged: the weights or held-out losses that it ends with aren't finite.
        TunekitError: the gradients aren't finite, or a single example doesn't fit into memory.
        StoreError: the disk refused.
    """
    return _Training(trainee, course, stage).run()


class Diverged(TunekitError):
    """A training that left weights or held-out losses which aren't finite."""


class _Training:
    def __init__(self, trainee: Trainee, course: Course, stage: Stage) -> None:
        self._trainee, self._course, self._stage = trainee, course, stage
        self._budget = Budget(trainee.lengths, course.tokens)
        self._kept = Kept()
        self._step = self._skipped = self._hopeless = 0
        self._batches: tuple[int, list[list[int]]] = (-1, [])
        self._device = next(trainee.module.parameters()).device
        self._accelerator = accelerator(self._device, stage.trackers, stage.folder)
        self._trackers = bool(stage.trackers) and leads()
        groups = trainee.groups()
        self._rates = [group.learning_rate for group in groups]
        self._own = [one for group in groups for one in group.parameters]
        self._spread = Spread(trainee.module, sharded=stage.sharding == "full")
        trained = [self._spread.trained(group.parameters) for group in groups]
        self._parameters = [one for part in trained for one in part]
        fused = self._device.type in ("cpu", "cuda")
        optimizer = torch.optim.AdamW(
            [
                {"params": part, "lr": 0.0, "weight_decay": group.weight_decay}
                for group, part in zip(groups, trained, strict=True)
            ],
            fused=fused,
        )
        self._module, self._optimizer = self._spread.prepare(self._accelerator, optimizer)
        self._written_step = -1
        self._written = time.monotonic()
        self._write_seconds = 0.0

    # --- from the first step to the last --------------------------------------------------------

    def run(self) -> Outcome:
        course = self._course
        self._take_up()
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices), put_off() as told_to_end:
            while self._step < course.steps and self._kept.without_progress < course.patience:
                self._one_step(self._batch())
                if self._step % course.steps_per_epoch == 0:
                    self._judge()
                # One process that is told ends all; one clock says when a checkpoint is due.
                ending, due = any_and_first(told_to_end(), self._checkpoint_due())
                if ending or due:
                    self._checkpoint()
                if ending:
                    raise Cancelled
        return self._end()

    def _batch(self) -> list[int]:
        """The examples of the step that comes, whatever was done before in this process."""
        course = self._course
        number, place = divmod(self._step, course.steps_per_epoch)
        if number != self._batches[0]:
            chance = random.Random(f"{course.seed} {number}")  # noqa: S311 - no secret
            rows = range(course.rows)
            batches = epoch(self._trainee.lengths, rows, course.batch_size, chance)
            self._batches = (number, batches)
        return self._batches[1][place]

    def _end(self) -> Outcome:
        kept = self._kept
        load_weights(self._trainee.module, kept.weights)
        del self._module, self._optimizer, self._parameters  # their memory may be needed
        self._spread.undo(self._accelerator)
        self._trainee.module.eval()
        self._require_sense()
        for tracker in self._accelerator.trackers:
            tracker.finish()
        step = self._step if kept.step is None else kept.step
        return Outcome(self._step, step, kept.losses, self._skipped)

    def _require_sense(self) -> None:
        """Raise Diverged where nothing that is finite was learnt."""
        losses = self._kept.losses
        finite = all(bool(one.isfinite().all()) for one in self._own)
        judged = losses is None or bool(losses.isfinite().all())
        if not finite or not judged or 0 < self._skipped == self._step:
            raise Diverged(
                "the training diverged: its weights or its held-out losses aren't finite. Lower "
                "learning_rate, or set precision='fp32' for the backend."
            )

    # --- one step -------------------------------------------------------------------------------

    def _one_step(self, batch: Sequence[int]) -> None:
        began = time.perf_counter()
        rate = self._course.rate(self._step)
        for group, full in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = full * rate
        loss = self._gradients(batch)
        clipped: Any = self._accelerator.clip_grad_norm_(self._parameters, self._course.clip)
        norm = float(whole(clipped))
        if math.isfinite(norm) and math.isfinite(loss):
            self._optimizer.step()
            self._hopeless = 0
        else:
            self._skip(batch)
        self._optimizer.zero_grad(set_to_none=True)
        self._step += 1
        measured = {
            "epoch": round(self._step / self._course.steps_per_epoch, 4),
            "loss": loss,
            "gradient_norm": norm,
            "learning_rate": self._rates[0] * rate,
            "examples": len(batch),
            "seconds": round(time.perf_counter() - began, 4),
        }
        if leads():
            self._stage.log.add(self._step, **measured)
        if self._trackers:
            self._accelerator.log(
                {"loss": loss, "learning_rate": measured["learning_rate"]}, self._step
            )
        self._stage.progress(1)

    def _gradients(self, batch: Sequence[int]) -> float:
        """Leave the gradient of the batch's mean loss in the parameters; return that loss."""
        trainee = self._trainee
        # In the order of the parts of one process, whose sum rounds as it always did.
        amount = trainee.amount(sorted(batch, key=lambda place: -trainee.lengths[place]))
        while True:
            try:
                parts = self._spread.parts(self._budget, trainee.lengths, batch)
                return self._in_parts(parts, amount)
            except (MemoryError, RuntimeError) as error:
                why = no_memory(error)
                if why is None:
                    raise
            if count() > 1:  # the others are in the middle of this step
                raise TunekitError(
                    f"out of memory in step {self._step + 1} ({why}). Of several processes none "
                    "can take less by itself: set tokens_at_once for the backend to less than "
                    f"{self._budget.tokens}."
                )
            # Only here, where nothing holds the error and what it holds, can memory come back.
            self._optimizer.zero_grad(set_to_none=True)
            self._budget.lower(batch, why)
            tokens = self._budget.tokens
            self._stage.note(
                "log",
                f"Out of memory in step {self._step + 1}: from here on {tokens} tokens at once. "
                "What is learnt stays the same, more slowly.",
                {"step": self._step + 1, "tokens": tokens},
            )

    def _in_parts(self, parts: Sequence[Part], amount: float) -> float:
        seed = self._course.seed * SEEDS_APART + self._step + number() * PROCESSES_APART
        torch.manual_seed(seed % 2**63)
        self._module.train()
        total = 0.0
        for place, part in enumerate(parts, 1):
            last = place == len(parts)
            with nullcontext() if last else self._accelerator.no_sync(self._module):
                loss = self._trainee.loss(self._module, part.places) / amount
                # The gradients of several processes are averaged, and are to be summed.
                self._accelerator.backward(loss * (count() if part.counts else 0))
            total += float(loss.detach()) if part.counts else 0.0
        return summed(total)

    def _skip(self, batch: Sequence[int]) -> None:
        self._skipped += 1
        self._hopeless += 1
        self._stage.note(
            "log",
            f"Step {self._step + 1} was left out: its gradient isn't finite.",
            {"step": self._step + 1, "rows": sorted(batch)},
        )
        if self._hopeless == HOPELESS:
            raise TunekitError(
                f"the gradients of steps {self._step + 2 - HOPELESS} to {self._step + 1} aren't "
                f"finite, the last with rows {', '.join(map(str, sorted(batch)[:10]))}. Lower "
                "learning_rate, or set precision='fp32' for the backend."
            )

    # --- judging --------------------------------------------------------------------------------

    def _judge(self) -> None:
        module = self._trainee.module
        module.eval()
        losses = self._spread.judge(self._trainee.judge)
        if losses is None:
            return
        last = self._step == self._course.steps
        self._kept.judge(self._step, losses, lambda: {} if last else weights(module))
        facts = {
            "stage": self._stage.name,
            "step": self._step,
            "loss": float(losses.mean()),
            "kept": self._kept.step,
        }
        if self._trackers:
            self._accelerator.log({"held_out_loss": facts["loss"]}, self._step)
        self._stage.note("metric", f"held-out loss {facts['loss']:.4f}", facts)

    # --- stopping and going on ------------------------------------------------------------------

    def _checkpoint_due(self) -> bool:
        pause = max(self._stage.checkpoint_seconds, self._write_seconds / CHECKPOINT_COST)
        return time.monotonic() - self._written >= pause

    def _checkpoint(self) -> None:
        if self._written_step == self._step:
            return
        began = time.monotonic()
        tensors = {
            "weights": weights(self._trainee.module, keep=leads()),
            "moments": moments(self._optimizer, keep=leads()),
            **self._kept.tensors,
        }
        facts = {
            **self._kept.facts,
            "skipped": self._skipped,
            "hopeless": self._hopeless,
            "tokens": self._budget.tokens,
        }
        if leads():
            self._stage.checkpoints.write(Checkpoint(self._step, tensors, facts))
        self._written, self._written_step = time.monotonic(), self._step
        self._write_seconds = self._written - began

    def _take_up(self) -> None:
        found = self._newest()
        self._step = found.step if found else 0
        if leads():
            self._stage.log.keep(self._step)
        self._stage.progress(self._step)
        if found is not None:
            load_weights(self._trainee.module, found.tensors["weights"])
            load_moments(self._optimizer, found.tensors["moments"])
            self._kept.take_up(found.tensors, found.facts)
            self._skipped, self._hopeless = found.facts["skipped"], found.facts["hopeless"]
            self._budget.tokens = found.facts["tokens"]
            self._written_step = found.step
            self._stage.note("log", f"Going on after step {self._step}.", {"step": self._step})
        if self._trackers:
            self._accelerator.init_trackers(self._stage.name, config=self._course._asdict())

    def _newest(self) -> Checkpoint | None:
        """The checkpoint to go on from: the first process chooses it, and all read it."""
        checkpoints = self._stage.checkpoints
        found = checkpoints.newest() if leads() else None
        step = agreed(found.step if found else None)
        return checkpoints.read(step) if step is not None and found is None else found
