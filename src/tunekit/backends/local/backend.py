"""The local backend: encoders and language models, trained and served on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...durable import write_file
from ...errors import BackendError
from ...planning import Estimate, Setup, Work
from ...training.folder import RunFolder
from ...training.recipe import Precision, Sharding, Writing
from ..base import Event, Journal, Ref, State, Status, Trained
from ..trainer.backend import TrainerBackend
from ..trainer.recipes import Machine
from .process import Crew, start, stop

__all__ = ["LocalBackend"]

STATES = {
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}


class LocalBackend(TrainerBackend):
    """Trains and serves on this machine.

    Args:
        name: its name in config.
        home: the folder that runs and fetched weights live under.
        model: the base model that is taken where none is named.
        device: ``"auto"`` (a GPU where there is one) or a torch device.
        threads: of torch on the CPU; ``None`` is torch's own choice.
        precision: ``"auto"`` trains in bf16 where the chip is good at it and gives the answers of
            fp32, so that they are the same on every machine; of many texts at once, those whose
            label is beyond doubt are computed in bf16, and their probabilities may differ in the
            second digit. ``"fp32"`` and ``"bf16"`` hold for training and answers.
        cache: whether embeddings are kept, so that no text is embedded twice in training.
        tokens_at_once: tokens that go through the model at once while it is trained, padding
            included; it bounds memory and changes no result. ``None`` is what the device takes
            well.
        checkpoint_seconds: at least so long between two checkpoints of a training.
        trackers: names of accelerate's experiment trackers that each step is told to, such as
            ``["tensorboard"]``; their packages have to be installed.
        save_memory: whether a language model computes anew what it needs on the way back
            (activation checkpointing): a third more time, and much less memory.
        max_tokens: that an answer of a language model may have; ``None`` is twice the longest that
            was learnt.
        temperature: at which a language model draws the tokens of an answer; 0 takes the likeliest.
        top_p: it draws among the likeliest tokens that together have this probability.
        sampling_seed: of what is drawn. The same prompt and seed give the same answer.
        processes: that train together on this machine, and on each of the nodes: as many as it has
            GPUs. What is learnt stays the same.
        nodes: machines that train together; they need the run folder on a disk that all of them
            see.
        rendezvous: where nodes meet, ``"host:port"``: one of them, and a free port there.
        sharding: ``"none"``: each process has all weights. ``"full"``: each has a part of every
            weight, of its gradient and of what the optimizer remembers.

    Raises:
        ConfigError: a value that can't be one; the message says which.
    """

    type = "local"

    def __init__(
        self,
        name: str = "local",
        *,
        home: Path,
        model: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        precision: Precision = "auto",
        cache: bool = True,
        tokens_at_once: int | None = None,
        checkpoint_seconds: float = 60.0,
        trackers: Sequence[str] = (),
        save_memory: bool = False,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        top_p: float = 1.0,
        sampling_seed: int = 0,
        processes: int = 1,
        nodes: int = 1,
        rendezvous: str | None = None,
        sharding: Sharding = "none",
    ) -> None:
        embeddings = Path(home) / "cache" / "embeddings"
        machine = Machine(
            device,
            threads,
            precision,
            embeddings if cache else None,
            tokens_at_once,
            checkpoint_seconds,
            tuple(trackers),
            save_memory=save_memory,
            writing=Writing(temperature, top_p, sampling_seed, max_tokens),
            processes=processes,
            nodes=nodes,
            rendezvous=rendezvous,
            sharding=sharding,
        )
        super().__init__(name, home, model, machine)

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that differ from their defaults."""
        given: dict[str, tuple[Any, Any]] = {
            "model": (self._model, None),
            "device": (self._machine.device, "auto"),
            "threads": (self._machine.threads, None),
            "precision": (self._machine.precision, "auto"),
            "cache": (self._machine.cache is not None, True),
            "tokens_at_once": (self._machine.tokens_at_once, None),
            "checkpoint_seconds": (self._machine.checkpoint_seconds, 60.0),
            "trackers": (list(self._machine.trackers), []),
            "save_memory": (self._machine.save_memory, False),
            "max_tokens": (self._machine.writing.max_tokens, None),
            "temperature": (self._machine.writing.temperature, 0.0),
            "top_p": (self._machine.writing.top_p, 1.0),
            "sampling_seed": (self._machine.writing.seed, 0),
            "processes": (self._machine.processes, 1),
            "nodes": (self._machine.nodes, 1),
            "rendezvous": (self._machine.rendezvous, None),
            "sharding": (self._machine.sharding, "none"),
        }
        return {name: value for name, (value, usual) in given.items() if value != usual}

    def prepare(self, setup: Setup) -> Estimate:
        estimate = super().prepare(setup)
        processes, nodes = self._machine.processes, self._machine.nodes
        if processes * nodes == 1:
            return estimate
        # Each process here holds what one alone would; those of other nodes need no memory here.
        memory = None if estimate.memory is None else estimate.memory * processes
        less = ", at most, since each has a part of the weights" * (
            self._machine.sharding != "none"
        )
        note = (
            f"{processes * nodes} processes train together: the time is that of one alone, the "
            f"memory that of the {processes} on one machine{less}"
        )
        return replace(estimate, memory=memory, note="; ".join(filter(None, [estimate.note, note])))

    # --- training -------------------------------------------------------------------------------

    def submit(self, work: Work, journal: Journal) -> Ref:
        run = RunFolder(journal.folder)
        if run.result() is not None or run.worked_on():
            return journal.run_id
        told, _ = self.told(work)
        write_file(run.recipe, told.model_dump_json(indent=1).encode())
        machine = self._machine
        crew = Crew(machine.processes, machine.nodes, machine.rendezvous, machine.threads)
        process = start(run, backend=self.name, crew=crew)
        if process is not None:
            journal.note("worker-started", pid=process)
        return journal.run_id

    def find(self, run_id: str) -> Ref | None:
        return run_id if (self._home / "runs" / run_id / "recipe.json").is_file() else None

    def poll(self, ref: Ref) -> Status:
        run = self.run_of(ref)
        alive = run.worked_on()
        # Asked for after the lock: a worker that ends meanwhile has written it before.
        result = run.result()
        if result is not None:
            status = str(result.get("status"))
            error = result.get("error")
            return Status(
                STATES.get(status, State.UNKNOWN), status, error["message"] if error else None
            )
        if alive:
            return Status(State.RUNNING, "running")
        return Status(State.INTERRUPTED, "worker-not-running")

    def events(self, ref: Ref) -> Iterator[Event]:
        return self.events_of(self.run_of(ref))

    def cancel(self, ref: Ref) -> None:
        run = self.run_of(ref)
        if run.result() is not None:
            return
        if not stop(run):
            raise BackendError(
                f"the worker of {ref} doesn't end, or isn't on this machine. End its process by "
                f"hand (its number and host are in {run.path / 'worker.json'}).",
                backend=self.name,
            )
        with run.held() as mine:
            if mine and run.result() is None:
                run.note_event("state", "cancelled")
                run.write_result("cancelled")

    def result(self, ref: Ref) -> Trained:
        run = self.run_of(ref)
        result = run.result()
        if result is None or result.get("status") != "succeeded":
            raise BackendError(
                f"run {ref} has no model: it is {self.poll(ref).state}. See job.events().",
                backend=self.name,
            )
        return self.trained_of(ref, result)

    def clean(self, journal: Journal) -> None:
        """There is nothing anywhere else to be taken back."""
