"""The hf-jobs backend: our worker on rented machines, its models answered for here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...data.dataset import Dataset
from ...durable import locked, write_file
from ...errors import BackendError, Conflict, TunekitError
from ...planning import Estimate, Setup, Work
from ...training.folder import RunFolder
from ...training.recipe import Precision, Sharding, Writing
from ..abilities import Called
from ..base import Event, Journal, Ref, State, Status, Trained
from ..huggingface.answering import ServedBackend
from ..huggingface.hub import TOKEN_ENV, Hub
from ..once import find_started, submit_once
from ..trainer.recipes import Machine
from . import jobs
from .bundle import Bundle, bundle, python_version, requirements
from .flavors import DEFAULT, FLAVORS, Bill, bill, check_live
from .homecoming import Ending, read_ending, take_home
from .job import MARK
from .settings import USUAL, check

__all__ = ["HfJobsBackend"]

#: Lines of a job's log that are shown with a failure.
SHOWN_LINES = 10


class HfJobsBackend(ServedBackend):
    """Trains on machines of Hugging Face Jobs; the model comes home and answers on this machine.

    Args:
        name: its name in config.
        home: the folder that runs and fetched weights live under.
        model: the base model that is taken where none is named.
        flavor: the machine, such as ``"t4-small"``; one with several GPUs trains on all of them.
        namespace: whose jobs and repositories they are, who pays for them: a user or an
            organisation. ``None`` is the token's own.
        token_env: names the environment variable that holds the token. It has to be one that may
            write repositories and run jobs; the job gets it as a secret.
        endpoint: the Hub's address; ``None`` is ``HF_ENDPOINT``, or the public one.
        timeout: seconds after which the job is stopped; ``None`` comes from the estimate.
        max_cost: dollars that a job must not exceed: it is stopped in time, or refused where even
            its start would cost more.
        price_per_minute: dollars, where they aren't those that this version knows.
        python: the job's version of Python; ``None`` is that of this machine.
        image: the job's container image, with uv in it; ``None`` is huggingface_hub's own choice.
        keep_repo: whether the private repository of a run stays once its model is here. It holds
            the training rows, and the base weights where those aren't from the Hub.
        answers_url: where the model is served, an Inference Endpoint or TGI, to be asked there
            instead of on this machine.
        answers_token_env: names the variable with the token for that; ``None`` sends none.
        call_timeout: seconds that each wait for the Hub may take.
        retries: how often a call that only reads is repeated.
        settle: seconds in which a job may still appear whose creation nobody saw the answer of.
        device: that models answer on here: ``"auto"`` (a GPU where there is one) or a torch device.
        threads: of torch on the CPU here; ``None`` is torch's own choice.
        precision: of training and answers, see :class:`~tunekit.backends.local.LocalBackend`.
        tokens_at_once: tokens that go through the model at once while it is trained.
        save_memory: whether a language model computes anew what it needs on the way back.
        max_tokens: that an answer of a language model may have.
        temperature: at which a language model draws the tokens of an answer; 0 takes the likeliest.
        top_p: it draws among the likeliest tokens that together have this probability.
        sampling_seed: of what is drawn.
        sharding: of several GPUs: ``"none"``: each has all weights. ``"full"``: each has a part.

    Raises:
        ConfigError: a value that can't be one; the message says which.
    """

    type = "hf-jobs"

    def __init__(
        self,
        name: str = "hf-jobs",
        *,
        home: Path,
        model: str | None = None,
        flavor: str = DEFAULT,
        namespace: str | None = None,
        token_env: str = TOKEN_ENV,
        endpoint: str | None = None,
        timeout: float | None = None,
        max_cost: float | None = None,
        price_per_minute: float | None = None,
        python: str | None = None,
        image: str | None = None,
        keep_repo: bool = True,
        answers_url: str | None = None,
        answers_token_env: str | None = None,
        call_timeout: float = 30.0,
        retries: int = 3,
        settle: float = 60.0,
        device: str = "auto",
        threads: int | None = None,
        precision: Precision = "auto",
        tokens_at_once: int | None = None,
        save_memory: bool = False,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        top_p: float = 1.0,
        sampling_seed: int = 0,
        sharding: Sharding = "none",
    ) -> None:
        given = dict(locals())
        self._options = {one: given[one] for one, usual in USUAL.items() if given[one] != usual}
        # Nothing is kept of embeddings: they are made in the job, and gone with it.
        machine = Machine(
            device,
            threads,
            precision,
            None,
            tokens_at_once,
            save_memory=save_memory,
            writing=Writing(temperature, top_p, sampling_seed, max_tokens),
        )
        super().__init__(name, home, model, machine)
        check(name, given)
        if answers_url is not None:
            self.serve(answers_url, answers_token_env, timeout=call_timeout, retries=retries)
        self._flavor = flavor
        self._namespace = namespace
        self._timeout = timeout
        self._max_cost = max_cost
        self._price = price_per_minute
        self._python = python
        self._image = image
        self._keep_repo = keep_repo
        self._settle = settle
        self._sharding = sharding
        self._hub = Hub(name, token_env, endpoint, call_timeout, attempts=retries + 1)

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that differ from their defaults."""
        return dict(self._options)

    def calls(self) -> Sequence[Called]:
        return (self._hub.called, *super().calls())

    # --- before it is paid for ------------------------------------------------------------------

    def prepare(self, setup: Setup) -> Estimate:
        told = super().prepare(setup)
        billed = self._bill(told.seconds)
        known = FLAVORS.get(self._flavor)
        if known is not None and not known.gpus:
            whose = "the job's time is told as if its processor were this machine's"
        else:
            whose = "no GPU's pace is known; the job's time is told from this machine, and may be"
            whose += " much less"
        return dataclasses.replace(
            told,
            cost=billed.text,
            seconds=billed.seconds,
            note="; ".join(filter(None, [told.note, f"{whose}, with 5 min for its start"])),
        )

    def _bill(self, seconds: float | None) -> Bill:
        return bill(
            self.name,
            self._flavor,
            seconds,
            per_minute=self._price,
            timeout=self._timeout,
            max_cost=self._max_cost,
        )

    def _expected(self, work: Work, run: RunFolder) -> float | None:
        """The seconds that a plan told of this run, from the rows in its folder: the data set that
        it was made from may be gone."""
        setup = {field.name: getattr(work, field.name) for field in dataclasses.fields(work)}
        try:
            parts = [
                Dataset.read(path, work.task, format=work.route.format) if path.exists() else None
                for path in (run.train, run.validation)
            ]
            if parts[0] is None:
                return None
            told = Setup(
                data=parts[0], validation=parts[1], today=datetime.now(UTC).date(), **setup
            )
            return super().prepare(told).seconds
        except TunekitError:
            return None  # then it has the time that is given where nobody knows

    # --- training -------------------------------------------------------------------------------

    def submit(self, work: Work, journal: Journal) -> Ref:
        run, hub, namespace = RunFolder(journal.folder), self._hub, self._whose()
        waits: dict[str, Any] = {"settle": self._settle, "timeout": hub.timeout}
        started = find_started(jobs.Attempt(hub, namespace, journal, self.poll), journal, **waits)
        if started is not None:
            return started
        recipe, weights = self.told(work)
        recipe = recipe.model_copy(update={"sharding": self._sharding})
        billed = self._bill(self._expected(work, run))
        listed = hub.read("asking what machines cost", lambda api: api.list_jobs_hardware())
        capped = self._max_cost is not None
        gpus = check_live(self.name, self._flavor, billed.per_minute, listed, capped=capped)
        write_file(run.recipe, recipe.model_dump_json(indent=1).encode())
        sent = bundle(recipe, weights, run.path)
        revision = self._brought(sent, jobs.repo_of(namespace, journal.run_id), journal)
        order = jobs.Order(
            self._flavor,
            billed.timeout,
            requirements(recipe.method),
            self._python or python_version(),
            self._image,
            max(1, gpus),
        )
        attempt = jobs.Attempt(hub, namespace, journal, self.poll, order, revision)
        return submit_once(attempt, journal, **waits)

    def _whose(self) -> str:
        return self._namespace or self._hub.namespace()

    def _brought(self, sent: Bundle, repo: str, journal: Journal) -> str:
        """The commit of the run's repository that has all of this; made where there is none."""
        for step in reversed(journal.steps):
            if step.name == "deleted-repo":
                break
            if step.name == "uploaded" and step.facts.get("digest") == sent.digest:
                return str(step.facts["revision"])
        journal.note("creating-repo", repo=repo)
        self._make_repo(repo)
        revision = self._hub.commit(repo, sent.additions(), "What is to be trained")
        journal.note("uploaded", repo=repo, revision=revision, digest=sent.digest)
        return revision

    def _make_repo(self, repo: str) -> None:
        try:
            self._hub.once(f"creating {repo}", lambda api: api.create_repo(repo, private=True))
        except Conflict:
            # Of an earlier try whose answer was lost; its name is that of this run alone.
            if not self._hub.read(f"looking for {repo}", lambda api: api.repo_exists(repo)):
                raise

    def find(self, run_id: str) -> Ref | None:
        namespace = self._whose()
        found = jobs.jobs_of_run(self._hub, namespace, run_id)
        return f"{namespace}/{found[-1].id}" if found else None

    def poll(self, ref: Ref) -> Status:
        one = jobs.job(self._hub, ref)
        stage = jobs.stage_of(one)
        state = jobs.STATES.get(stage, State.UNKNOWN)
        if state not in (State.SUCCEEDED, State.FAILED):
            return Status(state, stage)
        run, _, _ = jobs.place_of(one, ref.partition("/")[0], self.name)
        if self._came_home(run) is not None:
            return Status(State.SUCCEEDED, stage)
        ending = self._ending(ref, one)
        if ending is not None and ending.succeeded:
            return Status(State.SUCCEEDED, stage)
        return Status(State.FAILED, stage, self._why(ref, one.status.message, ending))

    def _ending(self, ref: Ref, one: Any) -> Ending | None:
        _, repo, place = jobs.place_of(one, ref.partition("/")[0], self.name)
        return read_ending(self._hub, repo, place)

    def _came_home(self, run_id: str) -> Mapping[str, Any] | None:
        """The result of a run whose model is here; resuming moves an older one aside."""
        folder = self._home / "runs" / Path(run_id).name
        result = RunFolder(folder).result() if folder.is_dir() else None
        return result if result is not None and result.get("status") == "succeeded" else None

    def _why(self, ref: Ref, message: str | None, ending: Ending | None) -> str:
        """Why a job has no model, as far as anybody says."""
        said = [message] if message else []
        if ending is not None and ending.wrong:
            said.append(ending.wrong)
            return self._hub.key.hide("; ".join(said)) + "."
        error = ending.result.get("error") if ending is not None else None
        if isinstance(error, dict) and error.get("message"):
            said.append(str(error["message"]))
        elif ending is not None:
            said.append(f"its result is {ending.result.get('status')!r}, and no model is there")
        else:
            said.append("it brought no result back")
            with suppress(BackendError):
                lines = [
                    line
                    for line in jobs.lines_of(self._hub, ref, tail=2 * SHOWN_LINES)
                    if MARK not in line
                ]
                said += ["its log ends with: " + " / ".join(lines[-SHOWN_LINES:])] if lines else []
        return self._hub.key.hide("; ".join(one.rstrip(".") for one in said)) + "."

    def events(self, ref: Ref) -> Iterator[Event]:
        one = jobs.job(self._hub, ref)
        run, _, _ = jobs.place_of(one, ref.partition("/")[0], self.name)
        if self._came_home(run) is not None:
            return self.events_of(self.run_of(run))
        told = jobs.events_of(jobs.lines_of(self._hub, ref))
        return iter([event._replace(message=self._hub.key.hide(event.message)) for event in told])

    def cancel(self, ref: Ref) -> None:
        jobs.cancel(self._hub, ref)

    def result(self, ref: Ref) -> Trained:
        one = jobs.job(self._hub, ref)
        run_id, repo, place = jobs.place_of(one, ref.partition("/")[0], self.name)
        run = self.run_of(run_id)
        with locked(run.path / "home.lock"):
            if self._came_home(run_id) is None:
                ending = self._ending(ref, one)
                if ending is None or not ending.succeeded:
                    raise BackendError(
                        f"job {ref} has no model: {self._why(ref, one.status.message, ending)} See "
                        "job.events().",
                        backend=self.name,
                    )
                take_home(self._hub, repo, place, ending, run)
        if not self._keep_repo:
            self._remove(repo)
        result = self._came_home(run_id) or {}
        trained = self.trained_of(run_id, result)
        facts = {"job": ref, "repo": repo} if self._keep_repo else {"job": ref}
        return trained._replace(artifact=facts)

    def clean(self, journal: Journal) -> None:
        made = [step.facts["repo"] for step in journal.steps if step.name == "creating-repo"]
        if made:
            self._remove(str(made[-1]))
            journal.note("deleted-repo", repo=made[-1])

    def _remove(self, repo: str) -> None:
        self._hub.read(f"deleting {repo}", lambda api: api.delete_repo(repo, missing_ok=True))
