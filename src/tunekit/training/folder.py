"""The worker's side of a run folder. No torch here: clients read the same files.

::

    recipe.json                     what to do (written by the client)
    data/train.jsonl, validation.jsonl    Examples (written by the client)
    worker.lock                     held as long as a worker lives
    others/                         of several processes: who else lives, and how they ended
    worker.json                     the process that holds the lock, or died holding it
    events.jsonl                    what happened, appended to
    metrics.jsonl                   what every training step measured, appended to
    checkpoints/STAGE/              where a training can be taken up again; gone when it has ended
    artifact/                       the model
    result.json                     how it ended; written last
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from ..durable import disk_errors, sweep, write_file

__all__ = ["RunFolder"]

#: A look at the lock takes it for a moment; a worker that starts then tries for so long.
PATIENCE_SECONDS = 2.0
LOOKS = 3
LOOK_SECONDS = 0.01


class RunFolder:
    """The files of one training, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.json"
        self.train = path / "data" / "train.jsonl"
        self.validation = path / "data" / "validation.jsonl"
        self.artifact = path / "artifact"
        self.metrics = path / "metrics.jsonl"
        self.checkpoints = path / "checkpoints"
        self.log = path / "worker.log"
        self._result = path / "result.json"
        self._worker = path / "worker.json"
        self._events = path / "events.jsonl"

    # --- who works ------------------------------------------------------------------------------

    @contextmanager
    def held(self, patience: float = PATIENCE_SECONDS) -> Iterator[bool]:
        """Hold the worker's lock; gives whether that was possible. The kernel lets go of it when
        its holder dies."""
        lock = FileLock(self.path / "worker.lock")
        with disk_errors(f"locking {self.path}"), contextlib.suppress(Timeout):
            lock.acquire(timeout=patience, poll_interval=LOOK_SECONDS)
        if lock.is_locked:
            # Of an earlier holder, whose number may be a stranger's by now: nobody may signal it.
            with contextlib.suppress(OSError):
                self._worker.unlink(missing_ok=True)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def worked_on(self) -> bool:
        """Whether a worker holds the lock now."""
        for look in range(LOOKS):
            with self.held(patience=0) as free:
                if free:
                    return False
            if look < LOOKS - 1:  # it may have been another one who only looked
                time.sleep(LOOK_SECONDS)
        return True

    def tidy(self) -> None:
        """Remove what killed processes had half written. Only for who holds the lock."""
        with contextlib.suppress(OSError):  # they are in nobody's way
            for file in (self._result, self.recipe, self._worker):
                sweep(self.path, f".{file.name}.*.tmp")

    def note_worker(self) -> None:
        """Write down who holds the lock: this process."""
        facts = {"pid": os.getpid(), "host": platform.node(), "started": _now()}
        write_file(self._worker, orjson.dumps(facts))

    def worker(self) -> Mapping[str, Any] | None:
        """``pid``, ``host`` and ``started`` of the process that holds the lock, once noted.

        Means something only while the lock is held: see :meth:`worked_on`.
        """
        return _read_object(self._worker)

    # --- what happened --------------------------------------------------------------------------

    def note_event(self, kind: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Append an event, whole or (if this process dies meanwhile) as a line that is skipped."""
        event = {"at": _now(), "kind": kind, "message": message, "data": dict(data or {})}
        with disk_errors(f"writing {self._events}"), self._events.open("ab") as stream:
            torn = stream.tell() > 0 and not self._ends_with_newline()
            stream.write(b"\n" * torn + orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))

    def events(self) -> Iterator[dict[str, Any]]:
        """All whole events, oldest first."""
        try:
            with self._events.open("rb") as stream:
                for line in stream:
                    try:
                        event = orjson.loads(line)
                    except orjson.JSONDecodeError:
                        continue  # torn by a kill
                    if isinstance(event, dict):
                        yield event
        except FileNotFoundError:
            return

    def _ends_with_newline(self) -> bool:
        with self._events.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"

    # --- how it ended ---------------------------------------------------------------------------

    def result(self) -> dict[str, Any] | None:
        """The content of ``result.json``, or ``None`` as long as there is none."""
        return _read_object(self._result)

    def write_result(self, status: str, **facts: Any) -> None:
        """Say how it ended: ``succeeded``, ``failed`` or ``cancelled``.

        Raises:
            StoreError: the disk refused.
        """
        text = orjson.dumps({"status": status, **facts}, option=orjson.OPT_INDENT_2)
        write_file(self._result, text)


def _read_object(path: Path) -> dict[str, Any] | None:
    with disk_errors(f"reading {path}"):
        try:
            content = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except orjson.JSONDecodeError:
            return None  # written whole or not at all, so this isn't ours
    return content if isinstance(content, dict) else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
