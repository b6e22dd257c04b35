"""``runner="server"``: our client for an AutoTrain server of somebody's own.

What its routes give (0.8.36):

- ``POST /api/create_project`` tells every Space not to push its model, whatever is asked, so that
  the weights vanish with the Space. It is never used here.
- ``POST /ui/create_project`` with ``hardware=local-ui`` trains on the server itself, one job at a
  time. The model is in the server's working folder, and goes to the Hub where it is told to.

So a model comes back by one of two ways: from the server's folder, where that is on a disk of this
machine (``server_folder``), or from the Hub. There is no list of jobs, and none says how it ended:
its log, and weights, do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import orjson

from ...errors import BackendError, Conflict, NotFound, StoreError
from ...planning import Work
from ..base import Journal, Ref, State, Status
from ..http import HttpClient, expect
from ..huggingface.hub import Hub
from ..once import find_started, submit_once
from .bases import Base, fetch_base, hub_id, local_base
from .homecoming import copy_model, fetch_model
from .methods import task_of
from .project import Names, parse, told
from .rows import COLUMNS, card
from .runner import Hardware, attempt_of, parameters_of, rows_of
from .space import has_weights, refuse_taken, remove, send_data, taken, write_parts
from .telling import reason_of

__all__ = ["ServerRunner"]

#: It trains on whatever devices it has, and we can't ask which: a step is counted on one.
HARDWARE = Hardware("local-ui")
#: What the form calls the columns that a training is told of.
FORM: Mapping[str, str] = {
    "text_column": "text",
    "target_column": "label",
    "tokens_column": "tokens",
    "tags_column": "tags",
    "prompt_text_column": "prompt",
    "rejected_text_column": "rejected_text",
}
#: What the server says of itself, beside what is trained.
NOISE = re.compile(r"^(INFO:\s+(127\.|\d+\.)|Device \d|-{5,})")


class ServerRunner:
    """One server.

    Args:
        client: to ask.
        folder: its working folder, where that is on a disk of this machine.
        hub: where models and rows go otherwise.
        username: whose they are there; ``None`` for the one whose token it is.
        settle: seconds in which a job may still appear whose creation nobody saw the answer of.
        keep: whether the rows stay when the training is over.
    """

    hardware = HARDWARE

    def __init__(
        self,
        client: HttpClient,
        *,
        folder: Path | None,
        hub: Hub,
        username: str | None,
        settle: float,
        keep: bool,
    ) -> None:
        self.client = client
        self.folder = folder
        self.hub = hub
        self._username = username
        self._settle = settle
        self._keep = keep

    @cached_property
    def user(self) -> str:
        """Whose models they are. One that goes nowhere needs nobody."""
        if self.folder is not None:
            return self._username or "tunekit"
        return self._username or self.hub.namespace()

    def names(self, run_id: str, attempt: int) -> Names:
        """What an attempt is called."""
        return Names(self.user, run_id, attempt)

    def submit(self, work: Work, journal: Journal) -> Ref:
        attempt = _Attempt(self, work, journal)
        settle, timeout = self._settle, self.client.timeout
        started = find_started(attempt, journal, settle=settle, timeout=timeout)
        if started is not None:
            return started
        attempt.prepare()
        return submit_once(attempt, journal, settle=settle, timeout=timeout)

    def find(self, run_id: str, attempt: int) -> Ref | None:
        names = self.names(run_id, attempt)
        return names.project if self.started(names) else None

    def started(self, names: Names) -> bool:
        """Whether the server was told to train this: its log names every training."""
        if self.folder is not None and (self.folder / names.project).is_dir():
            return True
        return bool(self.lines(names))

    def look(self, names: Names) -> Status:
        names = names._replace(user=self.user)
        answer = self.client.get("/ui/is_model_training")
        busy = expect(answer, "model_training", bool, backend=self.client.backend)
        lines = self.lines(names)
        # It trains one thing at a time: whatever came behind this one found it ended.
        if busy and not _another_since(lines, names.project):
            return Status(State.RUNNING, "training")
        if self._weights(names):
            return Status(State.SUCCEEDED, "ended")
        why = reason_of(lines)
        if why is not None:
            said = f"AutoTrain says that the training has failed: {why}."
            return Status(State.FAILED, "ended, failed", said)
        if any("Finished training, saving model" in line for line in lines):
            where = self._where(names)
            said = f"AutoTrain says that the training has finished, and {where} has no weights."
            return Status(State.FAILED, "ended, no weights", said)
        if not lines and not self.started(names):
            raise NotFound(
                f"the server knows nothing of {names.project}: it was started again, or is "
                "another one. Check endpoint, or submit again.",
                backend=self.client.backend,
            )
        return Status(State.CANCELLED, "ended, no weights")

    def _weights(self, names: Names) -> bool:
        if self.folder is None:
            return has_weights(self.hub, names.model)
        return any((self.folder / names.project).glob("model*.safetensors"))

    def _where(self, names: Names) -> str:
        return names.model if self.folder is None else str(self.folder / names.project)

    def lines(self, names: Names) -> list[str]:
        """What the server's log has from this training on: it has one log for all."""
        answer = self.client.get("/ui/logs")
        newest_first = expect(answer, "logs", list, backend=self.client.backend)
        lines = [self.hub.key.hide(str(one)) for one in reversed(newest_first)]
        said = re.compile(rf"(?<![\w-]){re.escape(names.project)}(?![\w-])")
        first = next((place for place, line in enumerate(lines) if said.search(line)), None)
        if first is None:
            return []
        return [line for line in lines[first:] if line.strip() and not NOISE.match(line)]

    def stop(self, names: Names) -> None:
        """Tell it to stop. AutoTrain ends the process that started the trainer, and the trainer
        itself goes on to its end: nobody takes its model, and the server takes new jobs."""
        if self.look(names).state is State.RUNNING:
            self.client.repeat("GET", "/ui/stop_training")

    def bring(self, names: Names, target: Path) -> None:
        names = names._replace(user=self.user)
        if self.folder is None:
            fetch_model(self.hub, names.model, target)
            return
        copy_model(self.folder / names.project, target, self.client.backend)

    def clean(self, names: Names) -> None:
        if self._keep or self.folder is not None:
            return
        remove(self.hub, names._replace(user=self.user).data, "dataset")


def _another_since(lines: Sequence[str], project: str) -> bool:
    others = re.compile(r"--training_config\W+([\w-]+)/training_params\.json")
    return any(found[1] != project for line in lines for found in others.finditer(line))


class _Attempt:
    """One attempt of a run, as :mod:`tunekit.backends.once` asks of it."""

    def __init__(self, runner: ServerRunner, work: Work, journal: Journal) -> None:
        self._runner = runner
        self._work = work
        self._journal = journal
        self._backend = runner.client.backend

    @cached_property
    def names(self) -> Names:
        return self._runner.names(self._journal.run_id, attempt_of(self._journal.folder))

    @cached_property
    def _base(self) -> Base:
        model = self._work.model
        found = local_base(self._backend, model) if self._runner.folder is not None else None
        if found is not None:
            return found
        folder = self._journal.folder / "base"
        return fetch_base(self._runner.hub, hub_id(self._backend, model), folder)

    def prepare(self) -> None:
        """Find out what would be in the way, and write the rows, before anything is made."""
        self._base.require(self._work.route.method)
        _ = self._files

    @cached_property
    def _files(self) -> Mapping[str, Path]:
        return write_parts(rows_of(self._work, self._base), self._journal.folder)

    def begin(self, files: Mapping[str, str]) -> Ref:
        names, runner, journal = self.names, self._runner, self._journal
        rows = rows_of(self._work, self._base)
        if runner.folder is None:
            refuse_taken(runner.hub, names.model)
            send_data(runner.hub, names.data, rows, self._files)
            data = names.data
        else:
            if (runner.folder / names.project).exists():
                raise taken(self._backend, "folder", str(runner.folder / names.project))
            folder = journal.folder / "rows"
            (folder / "README.md").write_bytes(card(self._backend, rows, self._files))
            data = str(folder.resolve())
        facts = told(
            self._work,
            names,
            parameters_of(self._backend, self._work, self._base, journal.folder / "rows", 1),
            model=self._base.model,
            data=data,
            validation="validation" in self._files,
            push=runner.folder is None,
        )
        try:
            answer = self._create(facts)
        except BackendError as error:
            raise _meant(error) from error
        expect(answer, "success", str, backend=self._backend)
        return names.project

    def _create(self, facts: Mapping[str, Any]) -> Any:
        columns = COLUMNS[self._work.route.method]
        fields = {
            "project_name": facts["project_name"],
            "task": task_of(self._work.route.method).name,
            "base_model": facts["model"],
            "hardware": HARDWARE.name,
            "params": orjson.dumps(_own(facts)).decode(),
            "autotrain_user": facts["username"],
            "column_mapping": orjson.dumps(
                {FORM[name]: column for name, column in columns.items()}
            ).decode(),
            "hub_dataset": facts["data_path"],
            "train_split": facts["train_split"],
            "valid_split": facts["valid_split"] or "",
        }
        # httpx2 writes the form; the client sends it once.
        form = httpx2.Request(
            "POST",
            self._runner.client.base_url,
            files={name: (None, value.encode()) for name, value in fields.items()},
        )
        return self._runner.client.create(
            "/ui/create_project",
            content=form.read(),
            headers={"content-type": form.headers["content-type"]},
        )

    def begun(self, journal: Journal) -> Sequence[Ref]:
        return [self.names.project] if self._runner.started(self.names) else []

    def over(self, ref: Ref) -> bool:
        if parse(ref).attempt < self.names.attempt:
            return True
        try:
            status = self._runner.look(parse(ref))
        except NotFound:
            return True
        return status.state in (State.FAILED, State.CANCELLED)


def _own(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Settings, without what has a field of its own in the form."""
    outside = {"project_name", "model", "username", "data_path", "train_split", "valid_split"}
    columns = {name for columns in COLUMNS.values() for name in columns}
    return {name: value for name, value in facts.items() if name not in outside | columns}


def _meant(error: BackendError) -> BackendError:
    """A server that is busy may be free later; a name that is taken stays so."""
    if isinstance(error, Conflict) and "already exists" in str(error):
        error.retryable = False
    return error


def check_folder(backend: str, folder: Path) -> None:
    """Raise StoreError where a server's folder can't be read."""
    if not folder.is_dir():
        raise StoreError(
            f"{backend}: server_folder={str(folder)!r} is no folder of this machine. Name the "
            "folder that the server was started in, or leave it out: then models go over the Hub."
        )
