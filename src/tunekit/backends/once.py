"""A job is brought to a provider once: no second paid job, no file sent twice, nothing lost.

Every remote step is noted in the run's journal before and after it is taken::

    uploading → uploaded      for each file
    creating → created        or refused, where the provider surely did nothing;
                              or unanswered, where nobody knows

A create whose answer nobody saw (a time-out, a killed process) may have been done. Then the
provider is searched for a job of this run, for a while, since a slow one may still be at it; only
when there is none is it asked again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..durable import disk_errors
from ..errors import BackendError, Conflict, MalformedAnswer, NotFound
from .base import Journal, Ref

__all__ = ["Remote", "Stores", "find_started", "remove_files", "submit_once"]

#: Seconds between two looks for a job that may just be starting.
LOOK_AGAIN = 0.5


@runtime_checkable
class Stores(Protocol):
    """A provider that is sent the data as files of their own, before the job. Each call is made
    once, whatever comes back, unless it only reads; all may raise BackendError."""

    def stored(self, path: Path, sha256: str) -> str | None:
        """The id of a file with these bytes that is there already."""
        ...

    def store(self, path: Path, sha256: str) -> str:
        """Send a file; gives its id."""
        ...


class Remote(Protocol):
    """What a provider does for one run; as with files, each call is made once. One that isn't sent
    files (see :class:`Stores`) reads the data where it begins the job."""

    def begin(self, files: Mapping[str, str]) -> Ref:
        """Create the job, on files by their names here."""
        ...

    def begun(self, journal: Journal) -> Sequence[Ref]:
        """All jobs of this run that are there, oldest first, those that ended included."""
        ...

    def over(self, ref: Ref) -> bool:
        """Whether a job ended without a model."""
        ...


def submit_once(
    remote: Remote,
    journal: Journal,
    *,
    settle: float = 0.0,
    timeout: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Ref:
    """Start the run's job, or find the one that was started.

    Args:
        remote: the provider.
        journal: of the run; what was done before is read from it.
        settle: seconds in which a job may still appear after a create was given up.
        timeout: seconds that a create may take. Who was killed meanwhile noted no end of it.
        sleep: how to wait for it.

    Raises:
        BackendError: the provider refused, or couldn't be asked.
    """
    started = find_started(remote, journal, settle=settle, timeout=timeout, sleep=sleep)
    if started is not None:
        return started
    created = _created(journal)
    files = _upload(remote, journal) if isinstance(remote, Stores) else {}
    journal.note("creating")
    try:
        ref = remote.begin(files)
    except MalformedAnswer:
        # It may have been done: look before this counts as a refusal.
        until = datetime.now(UTC).timestamp() + settle
        unseen = _appeared(remote, journal, created, until, sleep)
        if unseen is None:
            raise
        return unseen
    except BackendError as error:
        end = "refused" if _surely_not_done(error) else "unanswered"
        journal.note(end, status=error.status)
        raise
    journal.note("created", id=ref)
    return ref


def find_started(
    remote: Remote,
    journal: Journal,
    *,
    settle: float = 0.0,
    timeout: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Ref | None:
    """The run's job, where one was started and isn't over without a model. Starts none.

    Takes and raises what :func:`submit_once` does.
    """
    created = _created(journal)
    if created and not remote.over(created[-1]):
        return created[-1]
    asked = sum(step.name == "creating" for step in journal.steps)
    refused = sum(step.name == "refused" for step in journal.steps)
    if asked <= len(created) + refused:
        return None
    until = _given_up(journal, timeout) + settle
    return _appeared(remote, journal, created, until, sleep)


def _created(journal: Journal) -> list[Ref]:
    """The jobs of this run whose creation was noted, oldest first."""
    return [str(step.facts["id"]) for step in journal.steps if step.name == "created"]


def remove_files(remove: Callable[[str], object], journal: Journal) -> None:
    """Take back the files that this run sent and no other job uses.

    Args:
        remove: deletes a file by its id; raises Conflict where a job uses it.
        journal: of the run.
    """
    for file, reused in _noted_files(journal).items():
        if reused:
            continue
        try:
            remove(file)
        except NotFound:
            pass  # gone already
        except Conflict:
            continue  # another job uses it
        journal.note("deleted", id=file)


def _noted_files(journal: Journal) -> dict[str, bool]:
    """The files of this run that are at the provider, by id: whether they were there before it."""
    files: dict[str, bool] = {}
    for step in journal.steps:
        if step.name == "uploaded":
            files[step.facts["id"]] = step.facts["reused"]
        elif step.name == "deleted":
            files.pop(step.facts["id"], None)
    return files


def _surely_not_done(error: BackendError) -> bool:
    """Whether a create that ended so can't have been done: it was refused, or never sent."""
    if error.status is None:
        return not error.retryable
    return 400 <= error.status < 500 and error.status != 408


def _given_up(journal: Journal, timeout: float) -> float:
    """When the last create was given up, in seconds since 1970."""
    last = [step for step in journal.steps if step.name in ("creating", "unanswered")][-1]
    at = datetime.fromisoformat(last.at).timestamp()
    return at if last.name == "unanswered" else at + timeout


def _appeared(
    remote: Remote,
    journal: Journal,
    seen: Sequence[Ref],
    until: float,
    sleep: Callable[[float], None],
) -> Ref | None:
    """A job that nobody noted, looked for until that time."""
    while True:
        found = _unseen(remote, journal, seen)
        left = until - datetime.now(UTC).timestamp()
        if found is not None or left <= 0:
            return found
        sleep(min(LOOK_AGAIN, left))


def _unseen(remote: Remote, journal: Journal, seen: Sequence[Ref]) -> Ref | None:
    """A job of this run whose creation nobody noted; noted now. Where an attempt was noted, one
    that has ended is of an attempt before it."""
    for ref in remote.begun(journal):
        if ref not in seen and not (seen and remote.over(ref)):
            journal.note("created", id=ref)
            return ref
    return None


def _upload(remote: Stores, journal: Journal) -> dict[str, str]:
    """The ids of the data files at the provider, by their names here."""
    files: dict[str, str] = {}
    for path in sorted((journal.folder / "data").glob("*.jsonl")):
        with disk_errors(f"reading {path}"), path.open("rb") as data:
            sha256 = hashlib.file_digest(data, "sha256").hexdigest()
        sent = any(
            step.name == "uploading" and step.facts["sha256"] == sha256 for step in journal.steps
        )
        known = remote.stored(path, sha256)
        if known is None:
            journal.note("uploading", sha256=sha256)
            files[path.name] = remote.store(path, sha256)
        else:
            files[path.name] = known
        if files[path.name] not in _noted_files(journal):
            reused = known is not None and not sent
            journal.note("uploaded", id=files[path.name], sha256=sha256, reused=reused)
    return files
