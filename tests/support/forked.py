"""Workers of the local backend as forks of one process that has loaded torch already.

A test that trains a tiny model spends most of its time on loading torch and transformers anew. Here
each process of the test run has a server (:mod:`multiprocessing`'s own) that loads them once; each
worker is a fork of it, with the folder and environment that a process of its own would be given,
and does what ``python -m tunekit.training`` does. A test of workers as processes says
``own_process`` and gets real ones; so do clients that are processes of their own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from typing import Any

from tunekit.training.threads import PATIENT

__all__ = ["Workers"]

#: What is loaded before the first fork, and nothing computed: no thread may be alive by then.
LOADED = (
    "accelerate",
    "peft",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
    "transformers.models.t5.modeling_t5",
    "tunekit.training.labelled",
    "tunekit.training.language.answers",
    "tunekit.training.language.pairs",
    "tunekit.training.language.rewriting",
    "tunekit.training.ranked",
    "tunekit.training.spanned",
)
WORKER = [sys.executable, "-P", "-m", "tunekit.training"]
#: What a library reads once, when it is loaded: a worker that asks for another value isn't a fork.
READ_ONCE = ("CUDA_", "GOMP_", "KMP_", "LD_", "MKL_", "OMP_", "OPENBLAS_", "TORCH")


class Workers:
    """Starts workers as :class:`subprocess.Popen` would."""

    def __init__(self) -> None:
        self._given = _read_once(os.environ)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(LOADED))
        before = dict(os.environ)
        os.environ.update({**PATIENT, "HF_HUB_OFFLINE": "1"})
        try:
            forkserver.ensure_running()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def popen(self, told: Sequence[str], **options: Any) -> Any:
        """A fork where it is one worker by itself, else the process that was asked for."""
        worker = len(told) == 5 and list(told[:4]) == WORKER
        if not worker or _read_once(options["env"]) != self._given:
            return subprocess.Popen(told, **options)
        given = (told[4], options["stdout"].name, dict(options["env"]))
        process = self._context.Process(target=_work, args=given, daemon=True)
        process.start()
        return _Worker(process)


class _Worker:
    """What is asked of a process that was started."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        status: int | None = self._process.exitcode
        return status

    def wait(self) -> int | None:
        self._process.join()
        return self.returncode

    def kill(self) -> None:
        self._process.kill()


def _read_once(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: one for name, one in environment.items() if name.startswith(READ_ONCE)}


def _work(folder: str, log: str, environment: Mapping[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with open(log, "ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    from tunekit.training.__main__ import main

    status = main([folder])
    with contextlib.suppress(Exception):  # what was run here counts, where that is watched
        import coverage

        watching = coverage.Coverage.current()
        if watching is not None:
            watching.stop()
            watching.save()
    sys.stdout.flush()
    sys.exit(status)
