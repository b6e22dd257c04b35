"""``runner="space"``: AutoTrain in a Space of its own, by huggingface_hub alone.

What is made, in this order, each with the run's id in its name::

    a private data set       the rows, with their card, in one commit
    a private Space          with all its secrets; nothing runs in it yet
    its files                in one commit; from here on it is a job

A Space whose files aren't there yet is half made: it is gone on with. All of it is removed when the
training is over; the trained model is a repository of its own, which AutoTrain makes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...durable import disk_errors
from ...errors import BackendError, Conflict, MissingExtra, NotFound
from ...planning import Work
from ..base import Journal, Ref, State, Status
from ..huggingface.hub import Hub
from ..once import find_started, submit_once
from .bases import Base, fetch_base, hub_id
from .homecoming import fetch_model
from .project import Names, parse, secrets, space_files, told
from .rows import PARTS, Rows, card, write_rows
from .runner import Hardware, attempt_of, parameters_of, rows_of
from .telling import Seen, status_of

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

__all__ = [
    "TAKEN", "SpaceRunner", "has_weights", "refuse_taken", "remove", "send_data", "taken",
    "write_parts",
]  # fmt: skip

STARTED_BY = "Dockerfile"
#: Noted of a Space that was there before, and is somebody else's.
TAKEN = "space-taken"
#: A read of a log that nobody writes to ends with it.
LOG_SECONDS = 5.0


class SpaceRunner:
    """Spaces of one user.

    Args:
        hub: to ask.
        username: whose they are; ``None`` for the one whose token it is.
        hardware: of the Space.
        image: that AutoTrain is installed into.
        settle: seconds in which a Space may still appear whose creation nobody saw the answer of.
        keep: whether Space and rows stay when the training is over.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        username: str | None,
        hardware: Hardware,
        image: str,
        settle: float,
        keep: bool,
    ) -> None:
        self.hub = hub
        self.hardware = hardware
        self.image = image
        self._username = username
        self._settle = settle
        self._keep = keep

    @cached_property
    def user(self) -> str:
        """Whose Spaces they are."""
        return self._username or self.hub.namespace()

    def submit(self, work: Work, journal: Journal) -> Ref:
        attempt = _Attempt(self, work, journal)
        settle, timeout = self._settle, self.hub.timeout
        started = find_started(attempt, journal, settle=settle, timeout=timeout)
        if started is not None:
            return started
        attempt.prepare()
        return submit_once(attempt, journal, settle=settle, timeout=timeout)

    def find(self, run_id: str, attempt: int) -> Ref | None:
        names = Names(self.user, run_id, attempt)
        return names.space if self.started(names) else None

    def started(self, names: Names) -> bool:
        """Whether the Space is there, whole."""
        try:
            files = self.hub.read(
                f"looking for Space {names.space}",
                lambda api: api.list_repo_files(names.space, repo_type="space"),
            )
        except NotFound:
            return False
        return STARTED_BY in files

    def look(self, names: Names) -> Status:
        hub, space = self.hub, names.space
        stage: str | None
        titles: tuple[str, ...] = ()
        try:
            runtime = hub.read(
                f"looking at Space {space}", lambda api: api.get_space_runtime(space)
            )
            stage = str(getattr(runtime.stage, "value", runtime.stage))
            titles = tuple(
                hub.read(
                    f"reading the discussions of Space {space}",
                    lambda api: [
                        one.title for one in api.get_repo_discussions(space, repo_type="space")
                    ],
                )
            )
        except NotFound:
            if self._there(names):
                raise
            stage = None
        seen = Seen(stage, titles, has_weights(hub, names.model))
        return status_of(seen, names.model, lambda: self.lines(names))

    def _there(self, names: Names) -> bool:
        """Whether the Space is there, as far as this token may see."""
        space = names.space
        return self.hub.read(
            f"looking for Space {space}", lambda api: api.repo_exists(space, repo_type="space")
        )

    def lines(self, names: Names) -> list[str]:
        def read(build: bool) -> list[str]:
            hub = self.hub
            whole = Hub(hub.backend, hub.key.variable, hub.endpoint, min(hub.timeout, LOG_SECONDS))
            return whole.read(
                f"reading the log of Space {names.space}",
                lambda api: list(api.fetch_space_logs(names.space, build=build)),
            )

        try:
            said = read(False) or read(True)
        except BackendError:
            return []  # it tells something of a training, and decides nothing
        key = self.hub.key
        return [line if not key.shown_in(line) else key.hide(line) for line in said]

    def stop(self, names: Names) -> None:
        try:
            self.hub.read(f"pausing Space {names.space}", lambda api: api.pause_space(names.space))
        except NotFound:
            return  # it is gone

    def bring(self, names: Names, target: Path) -> None:
        fetch_model(self.hub, names.model, target)

    def clean(self, names: Names) -> None:
        if self._keep:
            return
        remove(self.hub, names.space, "space")
        remove(self.hub, names.data, "dataset")


class _Attempt:
    """One attempt of a run, as :mod:`tunekit.backends.once` asks of it."""

    def __init__(self, runner: SpaceRunner, work: Work, journal: Journal) -> None:
        self._runner = runner
        self._hub = runner.hub
        self._work = work
        self._journal = journal

    @cached_property
    def names(self) -> Names:
        attempt = attempt_of(self._journal.folder)
        return Names(self._runner.user, self._journal.run_id, attempt)

    @cached_property
    def _base(self) -> Base:
        model = hub_id(self._hub.backend, self._work.model)
        return fetch_base(self._hub, model, self._journal.folder / "base")

    def prepare(self) -> None:
        """Find out what would be in the way, and write the rows, before anything is made."""
        self._base.require(self._work.route.method)
        _ = self._files

    @cached_property
    def _rows(self) -> Rows:
        return rows_of(self._work, self._base)

    @cached_property
    def _files(self) -> Mapping[str, Path]:
        """The rows as AutoTrain reads them, by part."""
        return write_parts(self._rows, self._journal.folder)

    # --- the rows -------------------------------------------------------------------------------

    def stored(self, path: Path, sha256: str) -> str | None:
        data, name = self.names.data, f"{PARTS[path.name]}.jsonl"
        try:
            files = self._hub.read(
                f"looking for data set {data}",
                lambda api: api.list_repo_files(data, repo_type="dataset"),
            )
        except NotFound:
            return None
        return f"{data}/{name}" if name in files else None

    def store(self, path: Path, sha256: str) -> str:
        send_data(self._hub, self.names.data, self._rows, self._files)
        return f"{self.names.data}/{PARTS[path.name]}.jsonl"

    # --- the Space ------------------------------------------------------------------------------

    def begin(self, files: Mapping[str, str]) -> Ref:
        hub, names, runner = self._hub, self.names, self._runner
        refuse_taken(hub, names.model)
        data = self._journal.folder / "rows"
        devices = runner.hardware.devices
        facts = told(
            self._work,
            names,
            parameters_of(hub.backend, self._work, self._base, data, devices),
            model=self._base.model,
            data=names.data,
            validation="validation" in self._files,
            push=True,
        )
        token = hub.key.value() or ""
        hardware: Any = runner.hardware.name.removeprefix("spaces-")
        try:
            hub.once(
                f"creating Space {names.space}",
                lambda api: api.create_repo(
                    names.space,
                    repo_type="space",
                    space_sdk="docker",
                    space_hardware=hardware,
                    space_secrets=secrets(self._work, facts, token),
                    private=True,
                ),
            )
        except Conflict as error:
            if not self._asked_before():
                self._journal.note(TAKEN, id=names.space)
                raise taken(hub.backend, "Space", names.space) from error
        hub.commit(
            names.space,
            _additions(hub.backend, space_files(names, runner.image)),
            f"Train for {names.run_id}",
            repo_type="space",
        )
        return names.space

    def _asked_before(self) -> bool:
        """Whether an earlier call may have made this attempt's Space."""
        asked = 0
        for step in self._journal.steps:
            if step.name == "creating":
                asked += 1
            elif step.name == "created":
                asked = 0
        return asked > 1

    def begun(self, journal: Journal) -> Sequence[Ref]:
        return [self.names.space] if self._runner.started(self.names) else []

    def over(self, ref: Ref) -> bool:
        if parse(ref).attempt < self.names.attempt:
            return True
        return self._runner.look(parse(ref)).state in (State.FAILED, State.CANCELLED)


# --- what a server's client does as well --------------------------------------------------------


def write_parts(rows: Rows, folder: Path) -> Mapping[str, Path]:
    """The rows of a run as AutoTrain reads them, by part.

    Raises:
        DataError: rows that can't be.
        StoreError: the disk refused.
    """
    target = folder / "rows"
    written: dict[str, Path] = {}
    with disk_errors(f"writing {target}"):
        target.mkdir(exist_ok=True)
        for source, part in PARTS.items():
            if (folder / "data" / source).is_file():
                written[part] = target / f"{part}.jsonl"
                with tempfile.NamedTemporaryFile(dir=target, delete=False) as scratch:
                    pass
                try:
                    write_rows(rows, folder / "data" / source, Path(scratch.name))
                    Path(scratch.name).replace(written[part])
                finally:
                    Path(scratch.name).unlink(missing_ok=True)
    return written


def send_data(hub: Hub, repo: str, rows: Rows, files: Mapping[str, Path]) -> None:
    """The rows of a run, into a private data set, in one commit. Done twice it does no harm."""
    hub.once(
        f"creating data set {repo}",
        lambda api: api.create_repo(repo, repo_type="dataset", private=True, exist_ok=True),
    )
    contents: dict[str, bytes | Path] = {f"{part}.jsonl": path for part, path in files.items()}
    contents["README.md"] = card(hub.backend, rows, files)
    hub.commit(repo, _additions(hub.backend, contents), "Rows to train on", repo_type="dataset")


def _additions(backend: str, files: Mapping[str, bytes | Path]) -> list[CommitOperationAdd]:
    try:
        from huggingface_hub import CommitOperationAdd
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise MissingExtra(f"{backend} needs huggingface_hub.", extra="hf") from error
    return [CommitOperationAdd(name, content) for name, content in files.items()]


def has_weights(hub: Hub, model: str) -> bool:
    """Whether the repository of a trained model has its weights: AutoTrain makes it long before."""
    try:
        files: list[str] = hub.read(
            f"looking for model {model}", lambda api: api.list_repo_files(model)
        )
    except NotFound:
        return False
    return any(
        name.startswith("model") and name.endswith(".safetensors") and "/" not in name
        for name in files
    )


def refuse_taken(hub: Hub, model: str) -> None:
    """Refuse a name that a model has already: AutoTrain would train, and fail when it pushes.

    Raises:
        Conflict: it has.
    """
    if hub.read(f"looking for model {model}", lambda api: api.repo_exists(model)):
        raise taken(hub.backend, "model", model)


def taken(backend: str, what: str, name: str) -> Conflict:
    """The error that a name isn't free."""
    return Conflict(
        f"there is a {what} {name} already, which isn't of this run. Remove or rename it, and "
        "submit again.",
        backend=backend,
        status=409,
        retryable=False,
    )


def remove(hub: Hub, repo: str, kind: str) -> None:
    """Delete a repository, if it is there."""
    hub.read(
        f"deleting {kind} {repo}",
        lambda api: api.delete_repo(repo, repo_type=kind, missing_ok=True),
    )
