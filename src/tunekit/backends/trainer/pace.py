"""How fast this machine is: by what earlier runs on it took, else by a glance at its arithmetic."""

from __future__ import annotations

import math
import os
import re
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import StoreError
from ...training.costs import (
    Depth,
    Fitting,
    Pace,
    Reading,
    head_memory,
    head_seconds,
)
from ...training.folder import RunFolder
from ...training.language_costs import Body, Speaking, speaking_memory, speaking_seconds
from ...training.timings import machine_name
from ...training.tuning_costs import Tuning, tuning_memory, tuning_seconds
from .recipes import Machine

__all__ = ["Basis", "basis", "expected_device", "likely_precision", "nvidia_driver"]

#: Earlier runs that are looked at, and those of them that count, the newest first.
LOOKED_AT, COUNTED = 40, 5
#: Phases shorter than this (in seconds) say nothing about a machine's pace.
TOO_SHORT = 0.5
#: The glance: products of matrices so small that one core computes them (more than these, OpenBLAS
#: spreads over the cores, which takes forever where others are busy on them), and what a core of
#: the reference does (operations a second).
SIDE, GLANCES, TIMES = 64, 40, 8
REFERENCE_RATE, REFERENCE_THREADS = 90e9, 2
#: A machine is taken as one of a ladder of such steps, since a glance is no measurement.
STEP = 1.5
#: Small batches gain nothing from more threads.
MOST_THREADS = 8


class Basis(NamedTuple):
    """What an estimate stands on: the pace, the chip's precision, and in words, where from.

    ``cache`` is the file of embeddings that a run with these settings will look into, as far as
    that is known.
    """

    pace: Pace
    precision: str
    words: str
    gpu: bool = False
    cache: Path | None = None


def basis(
    home: Path, machine: Machine, *, model: str, max_length: int, writes: bool = False
) -> Basis | None:
    """How fast this machine trains.

    Args:
        home: whose runs are looked at.
        machine: how it is to be used.
        model: the base model's name.
        max_length: tokens of a text that are read.
        writes: whether the base model is a language model: what an encoder took says nothing of it.

    Returns:
        The pace, or ``None`` where nothing can be known: on a GPU before its first run.
    """
    device = expected_device(machine.device)
    before = [
        one for one in _earlier(home) if one.writes == writes and _alike(one, machine, device)
    ]
    same = [one for one in before if one.base == model]
    if counted := (same or before)[:COUNTED]:
        runs = f"{len(counted)} earlier runs" if len(counted) > 1 else "an earlier run"
        file = next((one.cache for one in same if one.max_length == max_length), None)
        return Basis(
            pace=_glanced(machine)._replace(**_measured(counted)),
            precision=counted[0].precision,
            words=f"measured on this machine, in {runs}",
            gpu=device != "cpu",
            cache=machine.cache / Path(str(file)).name if machine.cache and file else None,
        )
    if device != "cpu":
        return None
    precision = machine.precision if machine.precision != "auto" else likely_precision()
    return Basis(_glanced(machine), precision, "no run on this machine yet: rough")


def expected_device(wanted: str) -> str:
    """The kind of device that a worker will take; without torch that can only be guessed."""
    if wanted != "auto":
        return wanted.partition(":")[0]
    try:
        build = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return "cpu"
    return "cuda" if nvidia_driver() and not build.endswith("+cpu") else "cpu"


def nvidia_driver() -> bool:
    """Whether there is a driver for a GPU, as far as that is seen without torch."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


# --- from earlier runs ----------------------------------------------------------------------------


class _Past(NamedTuple):
    """What a worker measured in an earlier run, and what was to be expected of it on the reference:
    the seconds of each phase, and the bytes of the part that holds most, by its kind of pace."""

    writes: bool
    machine: str
    base: str
    max_length: int
    device: str
    precision: str
    threads: int
    cache: str | None
    memory: int | None
    timings: Mapping[str, float]
    seconds: Mapping[str, float]
    held: tuple[str, int]


def _earlier(home: Path) -> Iterator[_Past]:
    """What the workers of finished runs measured, newest first."""
    try:
        names = sorted((one.name for one in os.scandir(home / "runs")), reverse=True)
    except OSError:
        return
    for name in [name for name in names if not name.startswith(".")][:LOOKED_AT]:
        # Runs that failed, or that another version wrote, say nothing.
        with suppress(StoreError, AttributeError, KeyError, TypeError, ValueError):
            yield _past(RunFolder(home / "runs" / name).result() or {})


def _past(result: Mapping[str, Any]) -> _Past:
    facts = dict(result["measured"])
    precision, writes = str(facts["precision"]), "speaking" in facts
    seconds, held = (_of_language_model if writes else _of_encoder)(facts, precision)
    return _Past(
        writes=writes,
        machine=facts["machine"],
        base=facts["base"],
        max_length=facts["max_length"],
        device=facts["device"],
        precision=precision,
        threads=facts["threads"],
        cache=facts.get("cache"),
        memory=facts["memory"],
        timings={phase: float(took) for phase, took in result["metrics"]["timings"].items()},
        seconds=seconds,
        held=held,
    )


def _of_encoder(
    facts: Mapping[str, Any], precision: str
) -> tuple[dict[str, float], tuple[str, int]]:
    reading, fitting = Reading(**_numbers(facts["reading"])), Fitting(**_numbers(facts["fitting"]))
    depth = Depth(**_numbers(facts["depth"]))
    seconds = head_seconds(reading, fitting, depth, precision)
    held = head_memory(reading, fitting, depth, precision)
    if facts.get("tuning") is None:
        return seconds, ("memory", held)
    sizes = (Tuning(**_numbers(facts["tuning"])), fitting.dimensions, depth, precision)
    seconds["tune"] = tuning_seconds(*sizes)
    return seconds, ("tuning_memory", max(held, tuning_memory(*sizes)))


def _of_language_model(
    facts: Mapping[str, Any], precision: str
) -> tuple[dict[str, float], tuple[str, int]]:
    speaking, body = Speaking(**_numbers(facts["speaking"])), Body(**_numbers(facts["body"]))
    full, anew = facts["method"] == "full", bool(facts["anew"])
    four_bits = facts["method"] == "qlora"
    held = speaking_memory(speaking, body, precision, full=full, four_bits=four_bits, anew=anew)
    return (
        speaking_seconds(speaking, body, precision, full=full, anew=anew),
        ("tuning_memory", held),
    )


def _numbers(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {field: int(value) for field, value in dict(stated).items()}


def _alike(run: _Past, machine: Machine, device: str) -> bool:
    return (
        (run.machine, run.device) == (machine_name(), device)
        and machine.precision in ("auto", run.precision)
        and machine.threads in (None, run.threads)
    )


def _measured(runs: Sequence[_Past]) -> dict[str, float]:
    """The median over these runs of what a phase took against what the reference takes."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for phase, seconds in run.seconds.items():
            if seconds >= TOO_SHORT:
                found.setdefault(phase, []).append(run.timings[phase] / seconds)
        if run.memory:
            kind, held = run.held
            found.setdefault(kind, []).append(run.memory / held)
    return {name: statistics.median(ratios) for name, ratios in found.items()}


# --- at a glance ----------------------------------------------------------------------------------


def _glanced(machine: Machine) -> Pace:
    slower = _glance()
    threads = min(_threads(machine), MOST_THREADS)
    embed = slower * math.sqrt(REFERENCE_THREADS / threads)
    return Pace(start=slower, load=slower, embed=embed, fit=slower, tune=embed)


@cache
def _glance() -> float:
    """How many times slower than a core of the reference this one multiplies matrices, about.

    Looked at once in a process, so that a plan made twice says the same.
    """
    import numpy as np

    one = np.ones((SIDE, SIDE), dtype=np.float32)
    product = np.empty_like(one)
    quickest = math.inf
    for _ in range(GLANCES):
        begin = time.perf_counter()
        for _ in range(TIMES):
            np.matmul(one, one, out=product)
        quickest = min(quickest, (time.perf_counter() - begin) / TIMES)
    rate = 2 * SIDE**3 / quickest
    return float(STEP ** round(math.log(REFERENCE_RATE / rate, STEP)))


def likely_precision() -> str:
    """What ``"auto"`` will be on this CPU: bf16 where it multiplies matrices in it."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "fp32"
    return "bf16" if re.search(r"\b(avx512_bf16|amx_bf16)\b", flags) else "fp32"


def _threads(machine: Machine) -> int:
    """The threads that torch will take on the CPU."""
    if machine.threads is not None:
        return machine.threads
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else os.cpu_count() or 1
