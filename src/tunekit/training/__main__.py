"""``python -m tunekit.training RUN_DIR``: train what the run folder says.

Exit status: 0 when ``result.json`` says how it ended, 1 when not even that could be written, 2 for
wrong use, 3 when another worker is at work on the folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from pathlib import Path

from ..errors import StoreError
from .ending import Cancelled, on_request
from .failures import describe
from .folder import RunFolder
from .threads import patient_threads

#: oneDNN makes a kernel for each form of a batch and keeps 1,024 of them. To keep 64 left a
#: worker on banking77 with 0.4 GB less, and to make them anew cost no time that could be measured.
FEW_KERNELS = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
DONE, UNSAID, WRONG_USE, TAKEN = range(4)


def main(arguments: list[str]) -> int:
    """Run one worker; see the module."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tunekit.training RUN_DIR", file=sys.stderr)  # noqa: T201
        return WRONG_USE
    run = RunFolder(Path(arguments[0]))
    with run.held() as mine:
        if not mine:
            print(f"another worker is at work on {run.path}", file=sys.stderr)  # noqa: T201
            return TAKEN
        if run.result() is not None:
            return DONE
        return _work(run)


def _work(run: RunFolder) -> int:
    try:
        on_request()
        run.tidy()
        run.note_worker()
        run.note_event("state", "running", {"pid": os.getpid()})
        try:
            os.environ.setdefault(*FEW_KERNELS)
            with patient_threads():
                from .worker import train

            facts = train(run)
            _end(run, "succeeded", **facts)
        except Cancelled:
            _end(run, "cancelled")
        except BaseException as error:
            traceback.print_exc()
            code, message = describe(error)
            _end(run, "failed", error={"code": code, "message": message})
    except Exception as error:  # the disk refuses even a line
        print(f"how it ended couldn't be written down: {error}", file=sys.stderr)  # noqa: T201
        return UNSAID
    return DONE


def _end(run: RunFolder, status: str, **facts: object) -> None:
    # From here on nothing may interrupt: the end is being written.
    on_request(signal.SIG_IGN)
    with contextlib.suppress(StoreError):  # the result is what counts
        run.note_event("state", status)
    run.write_result(status, **facts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
