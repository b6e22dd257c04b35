"""The training loop: batches in, trained weights out. It knows no shape and no model.

A step is one batch. A batch that is too large for the memory is computed in parts, and what each
part adds to the gradient is divided by what the *whole* batch amounts to: so the parts make no
difference. What is random in a step depends on the seed and the number of the step alone, and so
does the order of the rows: a training that is taken up again goes on as if nothing had happened.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from ..errors import TunekitError
from .batches import epoch
from .checkpoints import Checkpoint, Checkpoints
from .course import Course
from .ending import Cancelled, put_off
from .keeping import Kept
from .memory import Budget, no_memory
from .step_log import StepLog
from .trackers import accelerator

__all__ = ["Diverged", "Group", "Outcome", "Stage", "Trainee", "train"]

#: Steps in a row without a finite gradient after which there is no hope.
HOPELESS = 5
#: A step is random by seed and number: far enough apart that two seeds share no step.
SEEDS_APART = 1_000_003
#: The most a checkpoint may cost of the time, as a part of one.
CHECKPOINT_COST = 0.02

Tensors = dict[str, torch.Tensor]


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
    accelerate, by name; they write into ``folder``.
    """

    name: str
    folder: Path
    checkpoints: Checkpoints
    log: StepLog
    note: Callable[[str, str, Mapping[str, Any]], None]
    progress: Callable[[int], None]
    checkpoint_seconds: float = 60.0
    trackers: tuple[str, ...] = ()


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
        groups = trainee.groups()
        self._rates = [group.learning_rate for group in groups]
        fused = self._device.type in ("cpu", "cuda")
        optimizer = torch.optim.AdamW(
            [
                {"params": list(group.parameters), "lr": 0.0, "weight_decay": group.weight_decay}
                for group in groups
            ],
            fused=fused,
        )
        self._module, self._optimizer = self._accelerator.prepare(trainee.module, optimizer)
        self._parameters = [one for group in groups for one in group.parameters]
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
                if told_to_end():
                    self._checkpoint()
                    raise Cancelled
                if self._checkpoint_due():
                    self._checkpoint()
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
        _load(self._trainee.module, kept.weights)
        self._trainee.module.eval()
        self._require_sense()
        self._accelerator.end_training()
        step = self._step if kept.step is None else kept.step
        return Outcome(self._step, step, kept.losses, self._skipped)

    def _require_sense(self) -> None:
        """Raise Diverged where nothing that is finite was learnt."""
        losses = self._kept.losses
        finite = all(bool(one.isfinite().all()) for one in self._parameters)
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
        norm = float(clipped)
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
        self._stage.log.add(self._step, **measured)
        if self._stage.trackers:
            self._accelerator.log(
                {"loss": loss, "learning_rate": measured["learning_rate"]}, self._step
            )
        self._stage.progress(1)

    def _gradients(self, batch: Sequence[int]) -> float:
        """Leave the gradient of the batch's mean loss in the parameters; return that loss."""
        while True:
            try:
                return self._in_parts(self._budget.parts(batch))
            except (MemoryError, RuntimeError) as error:
                why = no_memory(error)
                if why is None:
                    raise
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

    def _in_parts(self, parts: Sequence[Sequence[int]]) -> float:
        torch.manual_seed((self._course.seed * SEEDS_APART + self._step) % 2**63)
        self._module.train()
        whole = self._trainee.amount([place for part in parts for place in part])
        total = 0.0
        for number, part in enumerate(parts, 1):
            last = number == len(parts)
            with nullcontext() if last else self._accelerator.no_sync(self._module):
                loss = self._trainee.loss(self._module, part) / whole
                self._accelerator.backward(loss)
            total += float(loss.detach())
        return total

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
        losses = self._trainee.judge()
        if losses is None:
            return
        losses = losses.detach().float().cpu()
        last = self._step == self._course.steps
        self._kept.judge(self._step, losses, lambda: {} if last else _weights(module))
        facts = {
            "stage": self._stage.name,
            "step": self._step,
            "loss": float(losses.mean()),
            "kept": self._kept.step,
        }
        if self._stage.trackers:
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
        tensors: dict[str, Tensors] = {
            "weights": _weights(self._trainee.module),
            "moments": {
                f"{number}.{name}": value
                for number, state in self._optimizer.state_dict()["state"].items()
                for name, value in state.items()
            },
            **self._kept.tensors,
        }
        facts = {
            **self._kept.facts,
            "skipped": self._skipped,
            "hopeless": self._hopeless,
            "tokens": self._budget.tokens,
        }
        self._stage.checkpoints.write(Checkpoint(self._step, tensors, facts))
        self._written, self._written_step = time.monotonic(), self._step
        self._write_seconds = self._written - began

    def _take_up(self) -> None:
        found = self._stage.checkpoints.newest()
        self._step = found.step if found else 0
        self._stage.log.keep(self._step)
        self._stage.progress(self._step)
        if found is not None:
            _load(self._trainee.module, found.tensors["weights"])
            states: dict[int, Tensors] = {}
            for name, value in found.tensors["moments"].items():
                number, _, key = name.partition(".")
                states.setdefault(int(number), {})[key] = value
            self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": states})
            self._kept.take_up(found.tensors, found.facts)
            self._skipped, self._hopeless = found.facts["skipped"], found.facts["hopeless"]
            self._budget.tokens = found.facts["tokens"]
            self._written_step = found.step
            self._stage.note("log", f"Going on after step {self._step}.", {"step": self._step})
        if self._stage.trackers:
            self._accelerator.init_trackers(self._stage.name, config=self._course._asdict())


def _weights(module: torch.nn.Module) -> Tensors:
    """A copy of what is trained, in main memory."""
    return {
        name: one.detach().to("cpu", copy=True)
        for name, one in module.named_parameters()
        if one.requires_grad
    }


def _load(module: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, one in module.named_parameters():
            if name in weights:
                one.copy_(weights[name])
