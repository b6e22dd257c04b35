"""The backend of AutoTrain: it trains in a Space of its own on the Hub, or on a server."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import orjson

from ...durable import disk_errors, locked, new_folder, sweep, write_file
from ...errors import BackendError, NotFound
from ...planning import Estimate, Route, Setup, Work
from ...shapes import Shape
from ...tasks.base import Task
from ...training.folder import RunFolder
from ...weights import known_family
from ..abilities import Called
from ..base import Event, Journal, ModelRef, Ref, State, Status, Trained
from ..http import HttpClient
from ..huggingface.answering import ServedBackend
from ..huggingface.hub import TOKEN_ENV, Hub
from ..trainer.methods import default_base
from ..trainer.models import require_extra
from ..trainer.recipes import Machine
from ..trainer.stock import adopt, without_template
from .bases import read_base
from .estimates import FREE, Money, estimate
from .homecoming import measured, read_parameters, scrub
from .methods import ROUTES
from .options import USUAL, check_options
from .parameters import checked, portable
from .project import IMAGE, SPACES, Names, parse
from .runner import Hardware, Runner, attempt_of
from .server import HARDWARE, ServerRunner, check_folder
from .space import TAKEN, SpaceRunner, remove
from .telling import events_of

__all__ = ["AutoTrainBackend"]

log = logging.getLogger("tunekit")

#: In a run folder: the trained model, and AutoTrain's log of it once it is over.
MODEL, LOG = "model", "autotrain.log"
#: In a run folder: the attempt of which nothing is left at the Hub.
TIDIED = "tidied"
ENDINGS = {
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}


class AutoTrainBackend(ServedBackend):
    """Trains through AutoTrain, and answers on this machine with what it trained.

    AutoTrain has been left as it is since January 2025; the backend pins its last version.

    Args:
        name: its name in config.
        home: the folder that runs and fetched weights live under.
        model: the base model that is taken where none is named: its name on the Hub.
        runner: ``"space"`` trains in a private Space that is made for it; ``"server"`` on a server
            of yours.
        endpoint: the address of that server.
        server_folder: the folder that the server was started in, where that is on a disk of this
            machine: then models are taken from there. Otherwise they go over the Hub, with the
            server's own token.
        token_env: the environment variable with the Hub's token, which has to write.
        hub_endpoint: the Hub's address; ``HF_ENDPOINT`` or the usual one without it.
        username: whose Spaces and models they are: a user or an organisation; the one whose token
            it is without it.
        hardware: of the Space, as AutoTrain names it, such as ``"spaces-t4-small"``.
        image: the Docker image that AutoTrain is installed into.
        keep_space: whether Space and rows stay on the Hub when a job is over.
        keep_model: whether the trained model stays on the Hub when it has come home.
        price_per_minute: dollars for a minute of the hardware, for the plan and for ``max_cost``.
        max_cost: dollars after which a job is stopped, by whoever looks at it next.
        settle: seconds in which a job may still appear whose creation nobody saw the answer of.
        timeout: seconds that one call may take.
        attempts: how often a call that only reads is made.
        answers_url: where the model is served, an Inference Endpoint or TGI, to be asked there
            instead of on this machine.
        answers_token_env: names the variable with the token for that; ``None`` sends none.
        device: that answers, as for the backend ``local``.

    Raises:
        ConfigError: a value that can't be one; the message says which.
    """

    type = "autotrain"

    def __init__(
        self,
        name: str = "autotrain",
        *,
        home: Path,
        model: str | None = None,
        runner: Literal["space", "server"] = "space",
        endpoint: str | None = None,
        server_folder: str | None = None,
        token_env: str = TOKEN_ENV,
        hub_endpoint: str | None = None,
        username: str | None = None,
        hardware: str = FREE,
        image: str = IMAGE,
        keep_space: bool = False,
        keep_model: bool = True,
        price_per_minute: float | None = None,
        max_cost: float | None = None,
        settle: float = 30.0,
        timeout: float = 60.0,
        attempts: int = 4,
        answers_url: str | None = None,
        answers_token_env: str | None = None,
        device: str = "auto",
    ) -> None:
        given = dict(locals())
        self._options = {one: given[one] for one in USUAL if given[one] != USUAL[one]}
        check_options(name, given)
        super().__init__(name, home, model, Machine(device, None, "auto", None))
        if answers_url is not None:
            self.serve(answers_url, answers_token_env, timeout=timeout, retries=attempts - 1)
        self._hub = Hub(name, token_env, hub_endpoint, timeout, attempts=attempts)
        self._server = endpoint if runner == "server" else None
        self._server_folder = server_folder
        self._username = username
        self._hardware = Hardware(hardware, SPACES[hardware]) if runner == "space" else HARDWARE
        self._image = image
        self._keep_space, self._keep_model = keep_space, keep_model
        self._money = Money(price_per_minute, max_cost)
        self._settle, self._timeout, self._attempts = settle, timeout, attempts

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that differ from their defaults."""
        return dict(self._options)

    def calls(self) -> Sequence[Called]:
        server = () if self._server is None else (Called(self._server, None),)
        hub = () if self._server_folder else (self._hub.called,)
        return (*server, *hub, *super().calls())

    @cached_property
    def _runner(self) -> Runner:
        common: dict[str, Any] = {
            "username": self._username,
            "settle": self._settle,
            "keep": self._keep_space,
        }
        if self._server is None:
            return SpaceRunner(self._hub, hardware=self._hardware, image=self._image, **common)
        folder = Path(self._server_folder).expanduser() if self._server_folder else None
        if folder is not None:
            check_folder(self.name, folder)
        client = HttpClient(self.name, self._server, timeout=self._timeout, attempts=self._attempts)
        return ServerRunner(client, folder=folder, hub=self._hub, **common)

    # --- what it could train --------------------------------------------------------------------

    def model_for(self, task: Task) -> str:
        return self._model or default_base(task.offers)

    def routes(self, model: str) -> Sequence[Route]:
        return ROUTES[known_family(model, home=self._home)]

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return checked(self.name, route, given, self._hardware.devices)

    def prepare(self, setup: Setup) -> Estimate:
        return estimate(
            setup,
            home=self._home,
            hardware=self._hardware,
            money=self._money,
            server=self._server is not None,
        )

    # --- training -------------------------------------------------------------------------------

    def submit(self, work: Work, journal: Journal) -> Ref:
        require_extra(self.name)  # what comes of it answers here, which is seen before it is paid
        return self._runner.submit(work, journal)

    def find(self, run_id: str) -> Ref | None:
        folder = self._home / "runs" / run_id
        return self._runner.find(run_id, attempt_of(folder)) if folder.is_dir() else None

    def poll(self, ref: Ref) -> Status:
        names = parse(ref)
        run = self.run_of(names.run_id)
        ended = _ending(run, names)
        if ended is not None:
            self._tidy(run, names)
            return ended
        status = self._runner.look(names)
        if not status.state.terminal:
            status = self._within_means(run, names, status)
        if status.state.terminal and status.state is not State.SUCCEEDED:
            self._end(run, names, status)
        return status

    def events(self, ref: Ref) -> Iterator[Event]:
        names = parse(ref)
        run = self.run_of(names.run_id)
        kept = run.path / LOG
        over = _ending(run, names) is not None and kept.is_file()
        with disk_errors(f"reading {kept}"):
            lines = orjson.loads(kept.read_bytes()) if over else self._runner.lines(names)
        return events_of(lines, _begun(run))

    def cancel(self, ref: Ref) -> None:
        names = parse(ref)
        run = self.run_of(names.run_id)
        if _ending(run, names) is not None:
            return
        self._runner.stop(names)
        status = self._runner.look(names)
        if status.state is State.SUCCEEDED:
            return  # it was done before
        # What the Hub says of it may be a moment old: it was told to stop.
        self._end(run, names, Status(State.CANCELLED, status.raw))

    def result(self, ref: Ref) -> Trained:
        names = parse(ref)
        run = self.run_of(names.run_id)
        with locked(run.path / "home.lock"):
            result = run.result()
            if result is None:
                status = self._runner.look(names)
                if status.state is not State.SUCCEEDED:
                    raise BackendError(
                        f"{ref} has no model: it is {status.state}. See job.events().",
                        backend=self.name,
                    )
                self._bring_home(run, names)
                result = run.result() or {}
            if result.get("status") != "succeeded":
                raise BackendError(
                    f"{ref} has no model: it is {result.get('status')}. See job.events().",
                    backend=self.name,
                )
            self._tidy(run, names)
        return Trained(
            ModelRef(self.name, f"run:{names.run_id}"),
            None,
            result.get("applied", {}),
            result.get("metrics", {}),
            result.get("artifact", {}),
        )

    def clean(self, journal: Journal) -> None:
        attempt = attempt_of(journal.folder)
        done = [step.name for step in journal.steps]
        if TAKEN not in done and {"uploading", "creating"}.intersection(done):
            self._runner.clean(Names(self._user(), journal.run_id, attempt))

    # --- inside ---------------------------------------------------------------------------------

    def _user(self) -> str:
        return str(getattr(self._runner, "user", ""))

    def _within_means(self, run: RunFolder, names: Names, status: Status) -> Status:
        """The status, or that of a job which was stopped since it costs too much."""
        minute, most = self._money
        if minute is None or most is None:
            return status
        begun = datetime.fromisoformat(_begun(run, names.attempt))
        cost = (datetime.now(UTC) - begun).total_seconds() / 60 * minute
        if cost <= most:
            return status
        self._runner.stop(names)
        return Status(
            State.FAILED,
            "stopped",
            f"it was stopped at ${cost:.2f}, since max_cost is ${most:g}. Raise it, or train less.",
        )

    def _end(self, run: RunFolder, names: Names, status: Status) -> None:
        """Note how it ended without a model, keep its log, and take the rest back."""
        self._keep_log(run, names)
        error = {"message": status.error} if status.error else None
        run.write_result(str(status.state), raw=status.raw, error=error)
        self._tidy(run, names)

    def _keep_log(self, run: RunFolder, names: Names) -> list[str]:
        lines = self._runner.lines(names)
        write_file(run.path / LOG, orjson.dumps(lines, option=orjson.OPT_INDENT_2))
        return lines

    def _tidy(self, run: RunFolder, names: Names) -> None:
        """Take back what an attempt that is over has left at the Hub. Whoever did it notes that: a
        client may be killed between the end of a job and this."""
        mark = run.path / TIDIED
        if names.attempt != attempt_of(run.path):
            return  # the rows are those of a later attempt as well
        if mark.is_file() and mark.read_text("utf-8") == str(names.attempt):
            return
        names = names if names.user else names._replace(user=self._user())
        result = run.result() or {}
        try:
            self._runner.clean(names)
            if result.get("status") == "succeeded" and not self._keep_model and not self._at_hand:
                remove(self._hub, names.model, "model")
        except BackendError as error:
            # What became of the job is known; a Space that is left over is paused.
            log.warning("%s; remove %s by hand", error, names.space)
            return
        write_file(mark, str(names.attempt).encode())

    @property
    def _at_hand(self) -> bool:
        """Whether models are taken from a folder of this machine."""
        return self._server_folder is not None

    def _bring_home(self, run: RunFolder, names: Names) -> None:
        """Fetch the model, make it one that answers here, and take the rest back."""
        names = names if names.user else names._replace(user=self._user())
        lines = self._keep_log(run, names)
        target = run.path / MODEL
        sweep(run.path, f".{MODEL}.*.tmp")
        if not target.is_dir():
            with new_folder(target) as temporary:
                self._runner.bring(names, temporary)
                scrub(temporary, self._hub.key)
        record = orjson.loads((run.path / "job.json").read_bytes())
        method = record["route"][0]
        told = read_parameters(target)
        self._adopt(run, names, record, told)
        run.write_result(
            "succeeded",
            applied=portable(method, told, self._hardware.devices),
            metrics=measured(events_of(lines, _begun(run))),
            artifact={} if self._at_hand else {"repo": names.model},
        )

    def _adopt(
        self, run: RunFolder, names: Names, record: Mapping[str, Any], told: Mapping[str, Any]
    ) -> None:
        """Make the files that came home a model that answers here."""
        method, shape = record["route"][0], Shape(record["route"][1])
        folder = run.path / MODEL
        base = run.path / "base"
        if method in ("sft", "dpo", "orpo"):
            brought = read_base(record["model"], base if base.is_dir() else Path(record["model"]))
            if not brought.has_template:
                # AutoTrain gives one of its own to a model that has none, and none was used.
                without_template(folder)
        reads = told.get("max_seq_length") or told.get("block_size")
        cut = shape in (Shape.LABELLED, Shape.SPANNED, Shape.RANKED)
        adopt(
            folder,
            run.path,
            shape=shape,
            name=names.project if self._at_hand else names.model,
            labels=record["task"].get("labels") or (),
            max_length=int(reads) if cut and reads else None,
        )


def _ending(run: RunFolder, names: Names) -> Status | None:
    """How an attempt ended, where that is known on this disk."""
    now = attempt_of(run.path)
    if names.attempt == now:
        result = run.result()
    else:
        earlier = sorted(run.path.glob("result.*.json"))
        if names.attempt > len(earlier):
            return None
        with disk_errors(f"reading {run.path}"):
            result = orjson.loads(earlier[names.attempt - 1].read_bytes())
    if result is None:
        return None
    error = result.get("error")
    state = ENDINGS.get(str(result.get("status")), State.UNKNOWN)
    return Status(state, str(result.get("raw", result.get("status"))), error and error["message"])


def _begun(run: RunFolder, attempt: int = 1) -> str:
    """When an attempt was sent, as the run's record says."""
    try:
        record = orjson.loads((run.path / "job.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise NotFound(
            f"no record of run {run.path.name} ({error}). Submit again.", backend="autotrain"
        ) from error
    sent = [str(step["at"]) for step in record.get("steps", ()) if step["name"] == "created"]
    return sent[min(attempt, len(sent)) - 1] if sent else str(record["created"])
