"""Who trains: what the backend asks of a Space, or of a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ...durable import disk_errors
from ...planning import Work
from ..base import Journal, Ref, Status
from .bases import Base
from .parameters import parameters
from .project import Names
from .rows import PARTS, Rows

__all__ = ["Hardware", "Runner", "attempt_of", "parameters_of", "rows_of"]

#: What is read of a text where neither the base model nor anybody else says it.
USUAL_LENGTH, LONGEST_BLOCK, LEAST_BLOCK = 128, 1_024, 32
#: AutoTrain's own, where neither model nor tokenizer says what it takes.
USUAL_LIMIT = 2_048
#: The blocks that there are to be.
LEAST_BLOCKS = 8


class Hardware(NamedTuple):
    """Where it trains: AutoTrain's word for it, and the devices that share a step."""

    name: str
    devices: int = 1


class Runner(Protocol):
    """A place that trains. Each call may be made by another process than the last one."""

    def submit(self, work: Work, journal: Journal) -> Ref:
        """Start a training, or find the one that was started."""
        ...

    def find(self, run_id: str, attempt: int) -> Ref | None:
        """The training that was started for this attempt, where one was."""
        ...

    def look(self, names: Names) -> Status:
        """How it stands. Changes nothing."""
        ...

    def lines(self, names: Names) -> list[str]:
        """Its log so far, oldest first; empty where there is none any more."""
        ...

    def stop(self, names: Names) -> None:
        """Have it end; done twice it does no harm."""
        ...

    def bring(self, names: Names, target: Path) -> None:
        """The files of the trained model, into this folder."""
        ...

    def clean(self, names: Names) -> None:
        """Take back all that isn't the trained model."""
        ...


def attempt_of(folder: Path) -> int:
    """Which attempt of a run this is, from 1: how the earlier ones ended is still there."""
    with disk_errors(f"reading {folder}"):
        return 1 + len(list(folder.glob("result.*.json")))


def rows_of(work: Work, base: Base) -> Rows:
    """How the Examples of a training become rows.

    Raises:
        WeightsError: the base model's tokenizer or template can't be read.
    """
    labels = tuple(getattr(work.task, "labels", None) or ())
    speaks = work.route.method in ("sft", "dpo", "orpo")
    return Rows(work.route.method, labels, base.spoken() if speaks else None)


def parameters_of(backend: str, work: Work, base: Base, data: Path, devices: int) -> dict[str, Any]:
    """Settings of a training as AutoTrain takes them.

    Args:
        backend: its name, for messages.
        work: what is to be trained.
        base: the base model.
        data: the folder with the rows as AutoTrain reads them.
        devices: that share the rows of a step.
    """
    return parameters(
        backend,
        work.route.method,
        work.hyperparameters,
        devices=devices,
        length=_length(work.route.method, base, data),
        limit=base.limit or USUAL_LIMIT,
    )


def _length(method: str, base: Base, data: Path) -> int:
    """The tokens that are read where nobody says it."""
    limit = base.limit or LONGEST_BLOCK
    if method == "sft":
        return min(limit, _block(data / f"{PARTS['train.jsonl']}.jsonl"))
    if method in ("dpo", "orpo", "reward"):
        return min(limit, LONGEST_BLOCK)
    # AutoTrain's own, which is too long for some small models and isn't seen to be.
    return min(limit, USUAL_LENGTH)


def _block(train: Path) -> int:
    """AutoTrain puts the rows one behind the other and cuts them into blocks, and drops what is
    left: of few rows a long block would leave nothing. Tokens are told from bytes."""
    with disk_errors(f"reading {train}"):
        tokens = train.stat().st_size // 4
    block = LONGEST_BLOCK
    while block > LEAST_BLOCK and tokens < LEAST_BLOCKS * block:
        block //= 2
    return block
