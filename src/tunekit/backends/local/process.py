"""Starting and ending a worker process."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import shlex
import signal
import subprocess
import sys
import threading
import time

from ...durable import disk_errors
from ...errors import BackendError
from ...training.folder import RunFolder
from ..trainer.environment import environment
from ..trainer.launch import ALONE, Crew, command, of_several

__all__ = ["Crew", "command", "start", "stop"]

START_SECONDS = 120.0
END_SECONDS = 15.0
LOOK_SECONDS = 0.02
SHOWN_OF_LOG = 2_000
#: What the worker says when another one is at work on the folder (see tunekit.training.__main__).
TAKEN = 3
#: How a worker is started.
popen = subprocess.Popen


def start(run: RunFolder, *, backend: str, crew: Crew = ALONE) -> int | None:
    """Start a worker that outlives this process, and wait until it is at work (or has ended).

    Where it needs other nodes, an event says what has to be run there, and this waits for them as
    long as their launcher does.

    Returns:
        Its process id, or ``None`` where another worker was quicker.

    Raises:
        StoreError: the log can't be written.
        BackendError: it ended at once without a result; the message has the end of its log.
    """
    before = run.worker()
    told = command(run, crew)
    if crew.nodes > 1:
        there = shlex.join(["python", *told])
        run.note_event("log", f"Waiting for {crew.nodes} nodes. Run on each other one: {there}")
    with disk_errors(f"writing {run.log}"), run.log.open("ab") as log:
        process = popen(  # our own module, no shell
            [sys.executable, *told],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**environment(), **(of_several(crew) if crew.several else {})},
            start_new_session=True,  # Ctrl-C here doesn't reach it
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    # Its exit status has to be collected as long as this process lives.
    threading.Thread(target=process.wait, name="tunekit-reaper", daemon=True).start()
    deadline = time.monotonic() + (START_SECONDS if crew.nodes == 1 else math.inf)
    while run.worker() in (None, before) and process.returncode is None:
        if time.monotonic() > deadline:
            process.kill()
            raise _never_worked(run, backend, f"didn't begin within {START_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
    if process.returncode == TAKEN:
        return None
    if process.returncode and run.result() is None and not run.worked_on():
        raise _never_worked(run, backend, f"ended at once (exit status {process.returncode})")
    # A launcher doesn't pass on that another worker was quicker.
    return None if crew.several and process.returncode and run.result() is None else process.pid


def stop(run: RunFolder) -> bool:
    """End the worker of a run, if there is one. Returns whether none is left."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        worker = _at_work(run)
        if worker is None:
            break
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(worker, number)
        deadline = time.monotonic() + END_SECONDS
        while run.worked_on() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    return not run.worked_on()


def _at_work(run: RunFolder) -> int | None:
    """The number of the process here that holds the lock; ``None`` where none does, or says so."""
    deadline = time.monotonic() + END_SECONDS
    while run.worked_on() and time.monotonic() < deadline:
        worker = run.worker()
        # Looked at again: who noted this still holds the lock, so the number is its own.
        if worker is not None and run.worked_on() and run.worker() == worker:
            # On another node the number is a stranger's.
            here = worker.get("host") in (None, platform.node())
            return int(worker["pid"]) if here else None
        time.sleep(LOOK_SECONDS)
    return None


def _never_worked(run: RunFolder, backend: str, what: str) -> BackendError:
    with contextlib.suppress(OSError):
        lines = run.log.read_bytes()[-SHOWN_OF_LOG:].decode("utf-8", "replace").strip()
        return BackendError(
            f"the worker {what}. See {run.log}, which ends with:\n{lines}", backend=backend
        )
    return BackendError(f"the worker {what}. See {run.log}.", backend=backend)
