"""``python -m tunekit.training RUN_DIR``: train what the run folder says.

Under ``torchrun`` several processes do that together; the first of them writes down what there is
to say (see :mod:`tunekit.training.processes`).

Exit status: 0 when ``result.json`` says how it ended, 1 when it doesn't, 2 for wrong use, 3 when
another worker is at work on the folder, and of several processes 4 where it didn't end well, so
that their launcher ends the others.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from ..errors import StoreError
from .ending import Cancelled, on_request
from .failures import describe
from .folder import RunFolder
from .processes import OtherFolder, Process, forget_others, others_ended, watched
from .threads import patient_threads

#: oneDNN makes a kernel for each form of a batch and keeps 1,024 of them. To keep 64 left a
#: worker on banking77 with 0.4 GB less, and to make them anew cost no time that could be measured.
FEW_KERNELS = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
DONE, UNSAID, WRONG_USE, TAKEN, BROKEN_OFF = range(5)


def main(arguments: list[str]) -> int:
    """Run one worker; see the module."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tunekit.training RUN_DIR", file=sys.stderr)  # noqa: T201
        return WRONG_USE
    process, path = Process.this(), Path(arguments[0])
    run = RunFolder(path) if process.leads else OtherFolder(path, process)
    with run.held() as mine:
        if not mine:
            print(f"another worker is at work on {run.path}", file=sys.stderr)  # noqa: T201
            return TAKEN
        if run.result() is not None:
            return DONE
        return _work(run, process)


def _work(run: RunFolder, process: Process) -> int:
    try:
        on_request()
        run.tidy()
        if process.in_all > 1 and process.leads:
            forget_others(run, process)
        run.note_worker()
        run.note_event("state", "running", {"pid": os.getpid()})
        try:
            os.environ.setdefault(*FEW_KERNELS)
            with watched(run, process, lambda: _broken_off(run, process)), patient_threads():
                from .worker import train

                facts = train(run)
            _end(run, "succeeded", **facts)
        except BaseException as error:
            # From here on nothing may interrupt: the end is being written.
            on_request(signal.SIG_IGN)
            if not isinstance(error, Cancelled):
                traceback.print_exc()
            _broken_off(run, process, error)
            return DONE if process.in_all == 1 else BROKEN_OFF
    except Exception as error:  # the disk refuses even a line
        print(f"how it ended couldn't be written down: {error}", file=sys.stderr)  # noqa: T201
        return UNSAID
    return DONE


def _broken_off(run: RunFolder, process: Process, error: BaseException | None = None) -> None:
    """Say how it ended, of several processes by what the one says that ended first."""
    first = next(iter(others_ended(run, process) if process.leads else []), None)
    name = f"process {first.number} of {process.in_all}" if first else ""
    if first is not None and first.status == "killed":
        # As if this one had been killed itself: no result, so whoever waits goes on with it.
        run.note_event("log", f"{name} was killed, perhaps for want of memory: the others end.")
    elif first is not None and first.status == "failed":
        said = {**first.error, "message": f"{name}: {first.error.get('message')}"}
        _end(run, "failed", error=said)
    elif first is not None or error is None or isinstance(error, Cancelled):
        _end(run, "cancelled")
    else:
        code, message = describe(error)
        _end(run, "failed", error={"code": code, "message": message})


def _end(run: RunFolder, status: str, **facts: object) -> None:
    if threading.current_thread() is threading.main_thread():  # no other one may
        # From here on nothing may interrupt: the end is being written.
        on_request(signal.SIG_IGN)
    with contextlib.suppress(StoreError):  # the result is what counts
        run.note_event("state", status)
    run.write_result(status, **facts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
