"""Predictions as a job at the provider: later, cheaper, and for any number of inputs.

::

    TUNEKIT_HOME/predictions/ID/
      bulk.json            how many inputs, in how many parts
      model/               the saved model that answers
      asked.jsonl          what is asked, in order
      parts/N/data/        the requests of one batch at the provider
      parts/N/steps.json   the remote steps that were taken for it
      parts/N/answers.jsonl

The folder is there as a whole before anything is sent, so another process can go on at any time.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from .backends.base import Batches, State, Status, Step
from .durable import disk_errors, locked, new_folder, write_file
from .errors import BackendError, JobNotFound, ModelError, StoreError, WaitTimeout
from .formats.base import Header, Undecoded
from .formats.examples import Examples, encode_input
from .patience import patiently, pause_after
from .shapes import Asked, Failure, Input, Outcome, Passage, Question
from .unanswered import raise_failures

__all__ = ["Answering", "PredictionJob", "find_bulk", "new_bulk"]


log = logging.getLogger("tunekit")


class Answering(Protocol):
    """What a model does for it."""

    @property
    def batches(self) -> Batches:
        """The backend that takes them."""
        ...

    @property
    def ref_id(self) -> str:
        """The model, as the backend knows it."""
        ...

    def as_input(self, asked: Asked) -> Input:
        """What is asked, rendered as in training."""
        ...

    def read(self, asked: Asked, outcome: Outcome) -> Any:
        """An answer as a prediction, or a Failure."""
        ...

    def save(self, path: Path) -> Path:
        """Save the model to a new folder."""
        ...


class _Facts(BaseModel):
    """``bulk.json``."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    id: str
    created: str
    inputs: int
    parts: int


class _Part:
    """One batch at the provider: the journal of its steps, and what came of it."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.folder = folder
        self.run_id = run_id
        self._steps = folder / "steps.json"

    @property
    def steps(self) -> Sequence[Step]:
        with disk_errors(f"reading {self._steps}"):
            text = self._steps.read_bytes() if self._steps.exists() else b"[]"
        return [Step(*one) for one in orjson.loads(text)]

    def note(self, name: str, **facts: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        write_file(
            self._steps, orjson.dumps([tuple(one) for one in (*self.steps, Step(at, name, facts))])
        )

    @property
    def ref(self) -> str | None:
        """The batch at the provider, once it was created."""
        created = [str(step.facts["id"]) for step in self.steps if step.name == "created"]
        return created[-1] if created else None

    @property
    def answers(self) -> Path:
        return self.folder / "answers.jsonl"

    @property
    def ended(self) -> Status | None:
        """How it ended, once its answers were fetched: the provider may forget it from then on."""
        for step in self.steps:
            if step.name == "ended":
                return Status(State(step.facts["state"]), step.facts["raw"], step.facts["error"])
        return None


class PredictionJob:
    """Predictions that outlive the process. Made by :meth:`Model.submit_predictions` and
    :func:`tunekit.attach_predictions`.

    Example:
        >>> import tunekit
        >>> from tunekit.testing.openai import OpenAIServer
        >>> rows = [{"text": f"{word} {n}", "label": word} for word in "yn" for n in range(5)]
        >>> data = tunekit.Dataset.from_rows(rows, tunekit.Classification())
        >>> with OpenAIServer() as server:  # a provider on this machine
        ...     backend = tunekit.backend("openai", base_url=server.url, api_key_env="")
        ...     job = tunekit.tune(data, backend=backend).submit_predictions(data)
        ...     answers = job.wait(timeout=60)
        >>> len(job), answers[0].label, job.results(errors="return")[0].label
        (10, 'y', 'y')
    """

    def __init__(self, folder: Path, model: Answering) -> None:
        self._folder = folder
        self._model = model
        self._facts = _read_facts(folder)
        self._parts = [
            _Part(folder / "parts" / str(number), f"{self._facts.id}-{number}")
            for number in range(self._facts.parts)
        ]
        self._statuses = [part.ended or Status(State.CREATED, "created") for part in self._parts]

    @property
    def id(self) -> str:
        """What :func:`tunekit.attach_predictions` takes."""
        return self._facts.id

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self._folder

    def __len__(self) -> int:
        return self._facts.inputs

    def __repr__(self) -> str:
        return f"<PredictionJob {self.id}: {len(self)} inputs, {self.status}>"

    @property
    def status(self) -> State:
        """How it stands, as last seen: that of the batch which is furthest behind, and once all are
        over, the worst that became of one."""
        states = {status.state for status in self._statuses}
        under_way = [state for state in states if not state.terminal]
        if under_way:
            return min(under_way, key=list(State).index)
        return next(
            (one for one in (State.FAILED, State.CANCELLED) if one in states), State.SUCCEEDED
        )

    def start(self) -> PredictionJob:
        """Bring to the provider what isn't there yet.

        Raises:
            BackendError: it was refused, or couldn't be asked.
        """
        with locked(self._folder / "bulk.lock"):  # nobody else sends the same part meanwhile
            for part in self._parts:
                if part.ref is None and part.ended is None:
                    self._model.batches.submit_batch(part)
        return self.refresh()

    def refresh(self) -> PredictionJob:
        """Ask the provider how it stands, and fetch answers that are there.

        Raises:
            BackendError: it couldn't be asked.
        """
        for place, part in enumerate(self._parts):
            ended, ref = part.ended, part.ref
            if ended is not None:  # maybe seen by another process
                self._statuses[place] = ended
            if ref is None or self._statuses[place].state.terminal:
                continue
            status = self._model.batches.poll_batch(ref)
            if status.state.terminal:
                # Kept here as they came: the provider deletes its own copy some day.
                write_file(part.answers, self._model.batches.batch_lines(ref))
                part.note("ended", state=str(status.state), raw=status.raw, error=status.error)
            self._statuses[place] = status
        return self

    def cancel(self) -> PredictionJob:
        """Stop it. Answers that are there already are kept.

        Raises:
            BackendError: the provider couldn't be told.
        """
        with locked(self._folder / "bulk.lock"):
            for part in self._parts:
                if part.ended is not None:
                    continue
                # One whose creation nobody saw the answer of is looked for.
                ref = part.ref or self._model.batches.find_batch(part)
                if ref is None:
                    part.note("ended", state=str(State.CANCELLED), raw="never sent", error=None)
                else:
                    self._model.batches.cancel_batch(ref)
        return self.refresh()

    def wait(
        self, timeout: float | None = None, *, errors: Literal["raise", "return"] = "raise"
    ) -> list[Any]:
        """Wait for the end; gives the predictions in order.

        Args:
            timeout: seconds, or ``None`` for as long as it takes (a day, at most providers).
            errors: as for :meth:`Model.predict`.

        Returns:
            The predictions, and with ``errors="return"`` a Failure in the place of each other one.

        Raises:
            WaitTimeout: the time is over; the job goes on.
            PredictionError: inputs without an answer; ``outcomes`` has all others.
        """
        begun = time.monotonic()
        deadline = None if timeout is None else begun + timeout
        try:
            self._see_to_the_end(begun, deadline)
        except BackendError as error:
            if deadline is None or not error.retryable or time.monotonic() < deadline:
                raise
        if not all(status.state.terminal for status in self._statuses):
            raise WaitTimeout(
                f"predictions {self.id} are {self.status} after {timeout:g} s and go on. "
                f"tunekit.attach_predictions({self.id!r}).wait() waits again.",
                job_id=self.id,
            )
        return self.results(errors=errors)

    def _see_to_the_end(self, begun: float, deadline: float | None) -> None:
        """Look until all is over, or the time is."""
        patiently(self.start, deadline)
        while not all(status.state.terminal for status in self._statuses):
            pause = pause_after(time.monotonic() - begun)
            left = pause if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(pause, left))
            patiently(self.refresh, deadline)

    def results(self, *, errors: Literal["raise", "return"] = "raise") -> list[Any]:
        """The predictions that are there, in order, and a Failure in the place of each other one.

        Args:
            errors: as for :meth:`Model.predict`.

        Raises:
            PredictionError: some have none, unless ``errors="return"``.
        """
        outcomes: dict[int, Outcome] = {}
        for part in self._parts:
            if part.answers.exists():
                with disk_errors(f"reading {part.answers}"), part.answers.open("rb") as lines:
                    outcomes.update(self._model.batches.batch_outcomes(lines, self._inputs))
        answers = [
            self._model.read(asked, outcomes.get(place, self._missing()))
            for place, asked in enumerate(self._asked())
        ]
        if errors == "raise":
            raise_failures(f"predictions {self.id}", answers)
        return answers

    # --- inside ---------------------------------------------------------------------------------

    def _missing(self) -> Failure:
        said = ", ".join(
            sorted({f"{one.raw}: {one.error}" if one.error else one.raw for one in self._statuses})
        )
        return Failure("no-answer", f"the provider has no answer to it (its batches: {said})")

    @cached_property
    def _inputs(self) -> list[Input]:
        return [self._model.as_input(asked) for asked in self._asked()]

    def _asked(self) -> Iterator[Asked]:
        path = self._folder / "asked.jsonl"
        with disk_errors(f"reading {path}"), path.open("rb") as lines:
            for line in lines:
                record = {"input": json.loads(line), "target": {"text": ""}}
                read = Examples().decode(record, Header())
                if isinstance(read, Undecoded) or not isinstance(read.input, Passage | Question):
                    raise StoreError(f"{path} is damaged. Ask again.")
                yield read.input


def new_bulk(home: Path, model: Answering, asked: Iterable[Asked]) -> PredictionJob:
    """Write everything that will be asked, and start it."""
    moment = datetime.now(UTC)
    id = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
    folder = home / "predictions" / id
    with new_folder(folder) as building:
        model.save(building / "model")
        count = 0

        def inputs() -> Iterator[tuple[int, Input]]:
            nonlocal count
            with (building / "asked.jsonl").open("wb") as kept:
                for one in asked:
                    # Not by orjson: half a character is no reason to lose a row's place.
                    kept.write(json.dumps(encode_input(one)).encode() + b"\n")
                    yield count, model.as_input(one)
                    count += 1

        parts = 0
        for lines in model.batches.batch_requests(model.ref_id, inputs()):
            data = building / "parts" / str(parts) / "data"
            data.mkdir(parents=True)
            write_file(data / "requests.jsonl", lines)
            parts += 1
        facts = _Facts(id=id, created=moment.isoformat(), inputs=count, parts=parts)
        write_file(building / "bulk.json", facts.model_dump_json(indent=1).encode())
    job = PredictionJob(folder, model)
    try:
        return job.start()
    except BackendError as error:
        if not error.retryable:
            raise
        # It is on disk, and may be at the provider: to ask again would be to pay again.
        log.warning("%s; predictions %s go on with wait()", error, job.id)
        return job


def find_bulk(home: Path, id: str) -> Path:
    """The folder of predictions that were submitted.

    Raises:
        JobNotFound: there are none of that id.
    """
    folder = home / "predictions" / Path(id).name
    if not (folder / "bulk.json").is_file():
        raise JobNotFound(
            f"no predictions {id!r} in {folder.parent}. Check the id, and that TUNEKIT_HOME is "
            "what it was.",
            job_id=id,
        )
    return folder


def _read_facts(folder: Path) -> _Facts:
    path = folder / "bulk.json"
    with disk_errors(f"reading {path}"):
        text = path.read_bytes()
    try:
        return _Facts.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(
            f"{path} is damaged or of another version of tunekit. Ask again."
        ) from error
