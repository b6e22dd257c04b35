"""The processes of one training, and how each of them ended. No torch here.

All of them run the same command. The first holds the worker's lock and writes what there is to
write (see :mod:`tunekit.training.folder`). Each of the others leaves two files, whose names have
the launch they belong to::

    others/LAUNCH-NUMBER.lock      held as long as it lives
    others/LAUNCH-NUMBER.json      how it ended; written last

So the first can tell one that was killed from one that failed, and say why it can't go on itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson
from filelock import FileLock, Timeout

from ..durable import disk_errors, sweep, write_file
from .folder import LOOK_SECONDS, LOOKS, PATIENCE_SECONDS, RunFolder

__all__ = ["Ending", "OtherFolder", "Process", "forget_others", "others_ended", "watched"]

WATCH_SECONDS = 0.5
#: So long after another one has failed this one may take to end by itself. It can be stuck in
#: waiting for it, where not even a signal reaches it.
STUCK_SECONDS = 10.0
#: What a launcher tells each process; without all of them there is only one.
TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class Process(NamedTuple):
    """One of ``in_all`` processes, numbered from 0; ``here`` is its number on this machine, and
    ``launch`` names what started them."""

    number: int
    in_all: int
    here: int
    launch: str

    @property
    def leads(self) -> bool:
        """Whether this is the first one."""
        return self.number == 0

    @classmethod
    def this(cls) -> Process:
        """This process, by what ``torchrun`` (or whoever speaks its language) told it."""
        if not all(os.environ.get(name) for name in TOLD):
            return cls(0, 1, 0, "")
        number, in_all, here = (int(os.environ[name]) for name in TOLD[:3])
        launch = os.environ.get("TORCHELASTIC_RUN_ID", "")
        return cls(number, in_all, here, "".join(filter(str.isalnum, launch)) or "launch")


class Ending(NamedTuple):
    """How another process ended: ``failed``, ``cancelled`` or ``killed``."""

    number: int
    status: Literal["failed", "cancelled", "killed"]
    error: Mapping[str, str]


class OtherFolder(RunFolder):
    """The run folder of all processes but the first: they write nothing but how they ended."""

    def __init__(self, path: Path, process: Process) -> None:
        super().__init__(path)
        self._lock, self._words = _files(path, process, process.number)

    @contextmanager
    def held(self, patience: float = PATIENCE_SECONDS) -> Iterator[bool]:
        with disk_errors(f"writing {self._lock}"):
            self._lock.parent.mkdir(exist_ok=True)
            lock = FileLock(self._lock)
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=patience, poll_interval=LOOK_SECONDS)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def tidy(self) -> None:
        """That is the first one's."""

    def note_worker(self) -> None:
        """That is the first one's."""

    def note_event(self, kind: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """What happens here happens there, too."""

    def write_result(self, status: str, **facts: Any) -> None:
        words = {"at": time.time(), "status": status, "error": facts.get("error") or {}}
        write_file(self._words, orjson.dumps(words))


def forget_others(run: RunFolder, process: Process) -> None:
    """Remove what the others of earlier launches left. For the first process, when it begins."""
    folder = _files(run.path, process, 0)[0].parent
    sweep(folder, ".*.tmp")
    for left in folder.glob("*"):
        # Those of this launch may have begun before the first one came to this.
        of_this = left.suffix == ".lock" and left.name.startswith(f"{process.launch}-")
        if not (of_this and _locked(left)):
            with contextlib.suppress(OSError):  # it is in nobody's way
                left.unlink()


def others_ended(run: RunFolder, process: Process) -> list[Ending]:
    """The others that ended without having done their work: killed ones first, then in the order
    in which they ended, as one that fails takes the others with it."""
    found: list[tuple[float, Ending]] = []
    for number in range(1, process.in_all):
        lock, words = _files(run.path, process, number)
        begun = lock.exists()
        alive = begun and _locked(lock)
        said = _read(words)  # after the lock: it is written before that is let go
        if said is None:
            if begun and not alive:
                found.append((0.0, Ending(number, "killed", {})))
        elif said["status"] != "succeeded":
            found.append((said["at"], Ending(number, said["status"], said["error"])))
    return [ending for _, ending in sorted(found)]


@contextmanager
def watched(run: RunFolder, process: Process, give_up: Callable[[], None]) -> Iterator[None]:
    """Let this process not outlive the others: it ends at once when its launcher is gone, and
    after ``give_up`` when another one has failed and it is stuck."""
    if process.in_all == 1:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        launcher, since = os.getppid(), 0.0
        while not over.wait(WATCH_SECONDS):
            if os.getppid() != launcher:
                os._exit(1)
            if process.number or not others_ended(run, process):
                continue
            since = since or time.monotonic()
            if time.monotonic() - since > STUCK_SECONDS:
                give_up()
                os._exit(1)

    threading.Thread(target=watch, name="tunekit-watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _files(path: Path, process: Process, number: int) -> tuple[Path, Path]:
    name = f"{process.launch}-{number}"
    return path / "others" / f"{name}.lock", path / "others" / f"{name}.json"


def _locked(path: Path) -> bool:
    for look in range(LOOKS):
        lock = FileLock(path)
        with disk_errors(f"reading {path}"):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return True
        lock.release()
        if look < LOOKS - 1:  # it may be about to be taken
            time.sleep(LOOK_SECONDS)
    return False


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(orjson.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None
