"""A job: a run folder with a backend that works, or worked, on it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from .backends.abilities import Pauses
from .backends.base import Backend, Event, ModelRef, State, Status, Trains, trains_weights
from .backends.registry import build_backend
from .errors import (
    BackendError,
    JobCancelled,
    JobError,
    JobFailed,
    TunekitError,
    UnsupportedTask,
    WaitTimeout,
)
from .model import Model
from .model_file import stored_task
from .patience import patiently, pause_after
from .planning import Work
from .progress import progress
from .store import Kept, Record, Run, Runs

__all__ = ["Job"]

log = logging.getLogger("tunekit")

#: How often in one wait an interrupted job is set going again before that counts as a failure.
RESTARTS = 3


class Job:
    """Work that outlives the process. Made by :func:`tunekit.submit` and :func:`tunekit.attach`.

    Everything about it is in its run folder, so another process can go on with it at any time.

    Example:
        >>> import tunekit
        >>> from tunekit import Classification, Dataset
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in ("yes", "no") for n in "123"]
        >>> job = tunekit.submit(Dataset.from_rows(rows, Classification()), backend="fake")
        >>> model = job.wait(timeout=60)
        >>> print(job.status, tunekit.attach(job.id).result().predict("yes 1").label)
        succeeded yes
    """

    def __init__(self, run: Run, home: Path, backend: Backend | None = None) -> None:
        self._run = run
        self._home = home
        self._record = run.read()
        self._given = backend
        #: Whether this call found an unfinished run of the same data and settings and joined it.
        self.reattached = False

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run.run_id

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._run.folder

    @property
    def status(self) -> State:
        """The state as last seen; :meth:`refresh` looks again."""
        return self._record.last.state

    @property
    def seen_to_its_end(self) -> bool:
        """Whether it is over, and its model, if it has one, was taken: a client may be killed
        between the two."""
        taken = self.status is not State.SUCCEEDED or self._record.trained is not None
        return self.status.terminal and taken

    @property
    def record(self) -> Record:
        """All that is known of the job."""
        return self._record

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.status} on {self._record.spec.name}>"

    # --- life -----------------------------------------------------------------------------------

    def refresh(self) -> Job:
        """Ask the backend how it stands, and note it.

        Raises:
            BackendError: it couldn't be asked; the state stays as it was last seen.
        """
        self._record = self._run.read()
        if self.status.terminal:
            return self
        ref = self._record.ref or self._find()
        if ref is not None:
            self._note(self._trains.poll(ref))
        return self

    @cached_property
    def _backend(self) -> Backend:
        # Built when it is needed: a list of jobs needs none, whatever became of their backends.
        return self._given or build_backend(self._record.spec, home=self._home)

    def start(self) -> Job:
        """Bring it to the backend if it isn't there, or set an interrupted one going again.

        Callers hold the run's key lock, or are the only ones that know of the run.

        Raises:
            BackendError: it was refused, or couldn't be asked.
        """
        self.refresh()
        if self.status is State.CANCELLING and self._record.ref is None:
            self._note(Status(State.CANCELLED, "never sent"))
        elif self.status is State.INTERRUPTED or (
            self._record.ref is None and not self.status.terminal
        ):
            try:
                ref = self._trains.submit(self._work, self._run)
            except BackendError as error:
                if not error.retryable:
                    self._note(Status(State.FAILED, "refused", str(error)))
                    with suppress(BackendError):  # the refusal is what the caller has to see
                        self._trains.clean(self._run)
                raise
            self._set_ref(ref)
            if self.status is State.CANCELLING:  # asked for while it was being sent
                self._trains.cancel(ref)
            self._note(self._trains.poll(ref))
        return self

    def abandon(self) -> None:
        """Remove a run that never began. One that the backend knows of stays."""
        with suppress(TunekitError):
            if self._trains.find(self.id) is None:
                self._run.discard()

    def cancel(self) -> Job:
        """Stop it. What was already done stays in the run folder; ``resume=True`` goes on.

        Raises:
            BackendError: the backend couldn't be told.
        """
        self.refresh()
        if self.status.terminal:
            return self
        if self._record.ref is None:
            with Runs(self._home).key_lock_if_free(self._record.key) as free:
                if free and self.refresh()._record.ref is None:
                    self._note(Status(State.CANCELLED, "never sent"))
                    return self
                if not free:
                    # Somebody is sending it right now, and will see this when that is done.
                    self._note(Status(State.CANCELLING, "cancel asked for while it was sent"))
                    return self
        if self._record.ref is not None:
            self._trains.cancel(self._record.ref)
            self._note(Status(State.CANCELLING, "cancel asked for"))
        return self.refresh()

    def pause(self) -> Job:
        """Let it rest, where the backend can do that; :meth:`resume` goes on.

        Raises:
            UnsupportedTask: the backend can't.
            JobError: it isn't running there.
        """
        return self._told(lambda backend, ref: backend.pause(ref))

    def resume(self) -> Job:
        """Let a paused job go on; raises what :meth:`pause` does.

        A failed one is tried again by the same call of ``tune`` with ``resume=True``.
        """
        return self._told(lambda backend, ref: backend.resume(ref))

    def _told(self, tell: Callable[[Pauses, str], None]) -> Job:
        ref = self.refresh()._record.ref
        if not isinstance(self._backend, Pauses):
            raise UnsupportedTask(
                f"backend {self._record.spec.name!r} can't pause a job. cancel() stops it, and the "
                "same call with resume=True goes on."
            )
        if ref is None or self.status.terminal:
            raise JobError(
                f"job {self.id} is {self.status} already, so nothing can be paused or resumed. See "
                "job.events().",
                job_id=self.id,
            )
        tell(self._backend, ref)
        return self.refresh()

    def events(self) -> Iterator[Event]:
        """What happened so far, oldest first: the backend's events, and states that only we saw.

        Each has ``at`` (ISO 8601, UTC), ``kind``, ``message`` and ``data``.

        Raises:
            BackendError: the backend couldn't be asked.
        """
        self._record = self._run.read()
        ref = self._record.ref
        told = list(self._trains.events(ref)) if ref is not None else []
        known = {event.message for event in told if event.kind == "state"}
        seen = [
            Event(passed.at, "state", str(passed.state), {"raw": passed.raw})
            for passed in self._record.states
            if passed.raw not in known
        ]
        yield from sorted([*seen, *told], key=lambda event: event.at)

    def wait(self, timeout: float | None = None) -> Model:
        """Wait for the end, with a progress bar where there is a terminal.

        An interrupted job (its process was killed, the machine went down) is set going again. An
        interrupt of this call leaves the job running.

        Args:
            timeout: seconds, or ``None`` for as long as it takes.

        Returns:
            The model.

        Raises:
            WaitTimeout: the time is over; the job goes on.
            JobFailed: it ended without a model.
            JobCancelled: it was cancelled.
            BackendError: the backend couldn't be asked.
        """
        begun = time.monotonic()
        deadline = None if timeout is None else begun + timeout
        restarts = 0
        with progress(self.id) as show:
            while True:
                try:
                    patiently(self.refresh, deadline)
                    if self.status.terminal:
                        break
                    if self._stands_still():
                        if restarts == RESTARTS:
                            self._give_up(restarts)
                            break
                        restarts += patiently(self._start_again, deadline)
                except BackendError as error:
                    if deadline is not None and error.retryable and time.monotonic() >= deadline:
                        raise self._time_is_over(timeout) from error
                    raise
                if show is not None:
                    show(self.status, self._progress())
                waited = time.monotonic() - begun
                pause = pause_after(waited)
                left = pause if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise self._time_is_over(timeout)
                time.sleep(min(pause, left))
        return patiently(self.result, None)

    def result(self) -> Model:
        """The model of a job that has ended.

        Raises:
            JobFailed: it ended without a model, or hasn't ended.
            JobCancelled: it was cancelled.
        """
        last = self._record.last
        if last.state is State.CANCELLED:
            raise JobCancelled(
                f"job {self.id} was cancelled. The same call with resume=True goes on with it.",
                job_id=self.id,
            )
        if last.state is not State.SUCCEEDED or self._record.ref is None:
            why = last.error or f"it is {last.state}"
            raise JobFailed(
                f"job {self.id} on {self._record.spec.name!r} has no model: {why} "
                f"The log is in {self.folder}; resume=True tries again.",
                job_id=self.id,
            )
        kept = self._kept(self._record.ref)
        record, work = self._record, self._work
        return Model(
            task=work.task,
            kind="tuned" if trains_weights(self._backend) else "prompted",
            ref=ModelRef(*kept.ref),
            prompt=work.prompt,
            shape=work.route.shape,
            base=work.model,
            spec=record.spec,
            backend=self._backend,
            temperature=kept.temperature,
            provenance=record.provenance,
        )

    @property
    def trained_on(self) -> tuple[Path, str]:
        """The rendered training rows of this run: the file, and the format it is in."""
        return self.folder / "data" / "train.jsonl", self._work.route.format

    # --- inside ---------------------------------------------------------------------------------

    @property
    def _trains(self) -> Trains:
        if not isinstance(self._backend, Trains):
            raise UnsupportedTask(
                f"backend {self._record.spec.name!r} doesn't train. Take another: "
                "tunekit.list_backends() has all."
            )
        return self._backend

    @property
    def _work(self) -> Work:
        record = self._record
        return Work(
            task=stored_task(record.task),
            prompt=record.prompt,
            route=record.way,
            model=record.model,
            hyperparameters=record.hyperparameters,
        )

    def _find(self) -> str | None:
        """A job that was created while nobody lived to note it."""
        ref = self._trains.find(self.id)
        if ref is None:
            return None
        # Of an earlier attempt, unless the backend calls all attempts the same.
        if ref in self._record.past_refs and self._trains.poll(ref).state.terminal:
            return None
        # Noted as whoever created it would have done, so that nobody takes it for unseen later.
        if not any(step.name == "created" and step.facts["id"] == ref for step in self._run.steps):
            self._run.note("created", id=ref)
        self._set_ref(ref)
        return ref

    def _set_ref(self, ref: str) -> None:
        self._record = self._run.change(
            lambda record: record if record.ref == ref else record.model_copy(update={"ref": ref})
        )

    def _note(self, status: Status) -> None:
        self._record = self._run.change(lambda record: record.seen(status))

    def _stands_still(self) -> bool:
        """Whether nobody works on it, and nobody will unless it is started again."""
        unsent = self._record.ref is None and self.status in (State.CREATED, State.CANCELLING)
        return unsent or self.status is State.INTERRUPTED

    def _start_again(self) -> bool:
        """Start it, unless somebody else is about to; gives whether it was us."""
        with Runs(self._home).key_lock_if_free(self._record.key) as free:
            if free:
                self.start()
            return free

    def _time_is_over(self, timeout: float | None) -> WaitTimeout:
        return WaitTimeout(
            f"job {self.id} is {self.status} after {timeout:g} s and goes on. "
            f"tunekit.attach({self.id!r}).wait() waits again.",
            job_id=self.id,
        )

    def _give_up(self, restarts: int) -> None:
        error = f"its process ended without a result, {restarts} times after a restart."
        self._note(Status(State.FAILED, "kept dying", error))

    def _progress(self) -> Event | None:
        """The newest progress event, for the bar; a bar is worth no error."""
        latest = None
        with suppress(BackendError):
            for event in self._trains.events(self._record.ref) if self._record.ref else ():
                if event.kind == "progress":
                    latest = event
        return latest

    def _kept(self, ref: str) -> Kept:
        """The result; asked for once, then kept in the record."""
        kept = self._record.trained
        if kept is None:
            kept = Kept.of(self._trains.result(ref))
            self._record = self._run.change(
                lambda record: record.model_copy(update={"trained": kept})
            )
        return kept
