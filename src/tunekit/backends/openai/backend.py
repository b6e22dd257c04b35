"""The backend of OpenAI and of every server that speaks its API."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import httpx2

from ...errors import ConfigError, Conflict, NotFound, PermissionDenied, UnsupportedTask
from ...planning import Estimate, Route, Setup, Work
from ...shapes import Input, Outcome, Shape
from ...tasks.base import Task
from ..abilities import Called, Price, Source
from ..base import Event, Journal, ModelRef, Ref, Status, Trained
from ..choose import who_else_trains
from ..keys import Key
from ..once import find_started, remove_files, submit_once
from . import batches, decisions, jobs
from .asking import Asking, ask_all
from .estimates import answer_price, estimate
from .files import LARGEST, delete_file, fetch_file
from .hosts import OPENAI_URL, Host, host_of
from .methods import checked, routes_of
from .results import result
from .wire import Wire, field

__all__ = ["OpenAIBackend"]

log = logging.getLogger("tunekit")

#: Options as they are where nobody sets them; a job stores those that differ.
USUAL: Mapping[str, Any] = {
    "base_url": OPENAI_URL,
    "api_key_env": "OPENAI_API_KEY",
    "model": None,
    "organization": None,
    "project": None,
    "timeout": 60.0,
    "retries": 5,
    "concurrency": 64,
    "temperature": 0.0,
    "max_tokens": None,
    "logprobs": True,
    "deployment": None,
    "training_type": None,
    "endpoint": "chat",
    "price_per_million": None,
    "price_per_million_input": None,
    "price_per_million_output": None,
    "settle": 60.0,
    "largest_file": LARGEST,
}
#: The code with which OpenAI refuses customers who may no longer train.
CLOSED = "training_not_available"


class OpenAIBackend:
    """Trains and answers through OpenAI's API, wherever it is spoken.

    Args:
        name: the name in config.
        home: the folder that runs live under.
        base_url: the address of the API up to its version; ``OPENAI_BASE_URL`` or OpenAI's own
            without it.
        api_key_env: the environment variable with the key; ``""`` for a server that wants none.
        model: the base model to train where a call names none.
        organization, project: for whom calls are made, where the key belongs to several.
        timeout: seconds that one call may take.
        retries: how often a call that may be repeated is repeated.
        concurrency: predictions that may be under way at the same time.
        temperature: of predictions; ``None`` leaves the server's.
        max_tokens: of an answer; ``None`` leaves the server's limit.
        logprobs: whether probabilities of labels are asked for.
        deployment: the name under which Azure serves the tuned model.
        training_type: Azure's ``trainingType``, such as ``"GlobalStandard"``.
        endpoint: ``"chat"``, or ``"decisions"`` to have a pretrained model decide between labels,
            with probabilities (see :func:`tunekit.baseline`); tuned models aren't asked so.
        price_per_million: dollars for a million training tokens, for the plan.
        price_per_million_input, price_per_million_output: dollars for a million tokens that
            predictions read and write, for comparisons.
        settle: seconds in which a job may still appear whose creation nobody saw the answer of,
            before it is created again.
        largest_file: bytes of a file that is sent as a whole; larger ones go in parts.
        http_client, async_http_client: clients of httpx2 to use instead of our own, from code.

    Example:
        >>> import tunekit
        >>> backend = tunekit.backend("openai", base_url="http://127.0.0.1:8000/v1")
        >>> [route.method for route in backend.routes("gpt-4.1-mini-2025-04-14")]
        ['sft', 'dpo']
    """

    type = "openai"
    default_model = "gpt-4.1-mini-2025-04-14"

    def __init__(
        self,
        name: str = "openai",
        *,
        home: Path,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        model: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        timeout: float = 60.0,
        retries: int = 5,
        concurrency: int = 64,
        temperature: float | None = 0.0,
        max_tokens: int | None = None,
        logprobs: bool = True,
        deployment: str | None = None,
        training_type: str | None = None,
        endpoint: Literal["chat", "decisions"] = "chat",
        price_per_million: float | None = None,
        price_per_million_input: float | None = None,
        price_per_million_output: float | None = None,
        settle: float = 60.0,
        largest_file: int = LARGEST,
        http_client: httpx2.Client | None = None,
        async_http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        given = dict(locals())
        self.name = name
        self._home = home
        # Resolved now, so that a job goes where it went, whatever the environment says later.
        given["base_url"] = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
        if host_of(given["base_url"]) is Host.OPENAI:
            given["organization"] = organization or os.environ.get("OPENAI_ORG_ID") or None
            given["project"] = project or os.environ.get("OPENAI_PROJECT_ID") or None
        self._options = {
            one: given[one] for one in USUAL if given[one] != USUAL[one] or one == "base_url"
        }
        _check_whose(name, given)
        for least, option in (
            (1, "concurrency"),
            (0, "retries"),
            (1, "largest_file"),
            (0.001, "timeout"),
            (0, "settle"),
        ):
            if given[option] < least:
                raise ConfigError(f"{name}: {option}={given[option]}. Give {least} or more.")
        self.host = host_of(given["base_url"])
        self._concurrency = concurrency
        self._logprobs = logprobs
        self._deployment = deployment
        self._price = price_per_million
        self._prices = (price_per_million_input, price_per_million_output)
        self._decides = endpoint == "decisions"
        if self._decides:
            self.default_model = decisions.DEFAULT_MODEL
        self._settle = settle
        self._largest = largest_file
        settings = {"temperature": temperature, "max_tokens": max_tokens}
        self._settings = {one: value for one, value in settings.items() if value is not None}
        self._extra = {"trainingType": training_type} if training_type else {}
        self._wire = Wire(
            name,
            given["base_url"],
            Key(name, api_key_env or None),
            timeout=timeout,
            retries=retries,
            organization=given["organization"],
            project=given["project"],
            http_client=http_client,
            async_http_client=async_http_client,
        )

    def __repr__(self) -> str:
        return f"OpenAIBackend({self.name!r}, {self._wire.base_url!r})"

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self._options)

    def calls(self) -> Sequence[Called]:
        return (Called(self._wire.base_url, self._wire.key.variable),)

    def routes(self, model: str) -> Sequence[Route]:
        return routes_of(model)

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return checked(self.name, route, given)

    def prepare(self, setup: Setup) -> Estimate:
        return estimate(setup, self.host, self._price)

    # --- training -------------------------------------------------------------------------------

    def submit(self, work: Work, journal: Journal) -> Ref:
        attempt = jobs.Attempt(
            self._wire, self.host, work, journal.run_id, extra=self._extra, largest=self._largest
        )
        if self.host is Host.OPENAI:
            self._look_at_base(work.model, journal)
        try:
            return submit_once(attempt, journal, settle=self._settle, timeout=self._wire.timeout)
        except PermissionDenied as error:
            if error.code != CLOSED:
                raise
            others = who_else_trains(work.task, self.type, self._home)
            raise PermissionDenied(
                f"training isn't available to this account [{CLOSED}]: OpenAI ends self-serve "
                f"fine-tuning, and takes jobs only from customers who tuned lately. This task can "
                f"be trained today by {others}, or by a server that speaks the same API (set "
                "base_url). The data and the task stay as they are.",
                backend=self.name,
                status=error.status,
                code=error.code,
                request_id=error.request_id,
            ) from error

    def _look_at_base(self, model: str, journal: Journal) -> None:
        """Warn of a base model that ends soon, and refuse one that isn't there, before anything is
        sent."""
        if any(step.name == "base" for step in journal.steps):
            return
        what = f"looking at model {model}"
        try:
            with self._wire.errors(what), self._wire.client() as client:
                raw = client.models.with_raw_response.retrieve(model)
        except PermissionDenied as error:
            log.warning("%s; going on without knowing when it ends", error)  # training needs less
            return
        ends = self._wire.read(raw, what).get("shutdown_date")
        if ends:
            log.warning(
                "%s: %s and all models tuned from it answer until %s only", self.name, model, ends
            )
        journal.note("base", model=model, shutdown_date=ends)

    def find(self, run_id: str) -> Ref | None:
        # A job that ended without a model is an attempt that is over: a resumed run has another.
        alive = [
            one
            for one in jobs.jobs_of_run(self._wire, run_id)
            if one.get("status") not in ("failed", "cancelled")
        ]
        return str(alive[-1]["id"]) if alive else None

    def poll(self, ref: Ref) -> Status:
        return jobs.status_of(self._wire, jobs.job(self._wire, ref))

    def events(self, ref: Ref) -> Iterator[Event]:
        return iter(jobs.events(self._wire, ref))

    def cancel(self, ref: Ref) -> None:
        jobs.cancel(self._wire, ref)

    def pause(self, ref: Ref) -> None:
        jobs.pause(self._wire, ref)

    def resume(self, ref: Ref) -> None:
        jobs.resume(self._wire, ref)

    def result(self, ref: Ref) -> Trained:
        return result(self._wire, ref)

    def source_of(self, job: str, path: Path) -> Source:
        found = jobs.job(self._wire, job)
        file = field(found, "training_file", str, self._wire)
        fetch_file(self._wire, file, path)
        model = found.get("fine_tuned_model")
        return Source(path, None, model if isinstance(model, str) else None)

    def clean(self, journal: Journal) -> None:
        remove_files(self._delete, journal)

    def _delete(self, file: str) -> None:
        """Delete a file, unless a job that isn't over works on it: the API itself would let it."""
        if jobs.uses(self._wire, file):
            raise Conflict(f"a job uses {file}. Try again once it is over.", backend=self.name)
        delete_file(self._wire, file)

    # --- answers --------------------------------------------------------------------------------

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        try:
            return await ask_all(self._wire, self._asking(ref.id), inputs)
        except NotFound as error:
            if not self.host.deploys or self._deployment:
                raise
            raise NotFound(
                f"{ref.id} isn't deployed: Azure answers only through a deployment. Create one of "
                "this model in the portal or with `az cognitiveservices account deployment "
                f'create`, and name it in the config: deployment = "…" under '
                f"[backends.{self.name}].",
                backend=self.name,
                status=error.status,
                code=error.code,
                request_id=error.request_id,
            ) from error

    def zero_shot(self, task: Task, model: str) -> ModelRef:
        if Shape.CHAT not in task.offers:
            raise UnsupportedTask(
                f"{self.name} answers chats, and {task.kind} offers none here. Take another one."
            )
        return ModelRef(self.name, model)

    def price_of(self, ref: ModelRef, inputs: Sequence[Input], said: Sequence[str]) -> Price:
        own = None if self._prices == (None, None) else self._prices
        return answer_price(
            self.host, ref.id, inputs, said, own, decides=self._decides_with(ref.id)
        )

    def batch_requests(
        self, model: str, inputs: Iterable[tuple[int, Input]]
    ) -> Iterator[Iterator[bytes]]:
        return batches.requests(self._asking(model), inputs)

    def submit_batch(self, journal: Journal) -> Ref:
        batch = batches.Batch(self._wire, journal.run_id, largest=self._largest)
        return submit_once(batch, journal, settle=self._settle, timeout=self._wire.timeout)

    def find_batch(self, journal: Journal) -> Ref | None:
        batch = batches.Batch(self._wire, journal.run_id, largest=self._largest)
        return find_started(batch, journal, settle=self._settle, timeout=self._wire.timeout)

    def poll_batch(self, ref: Ref) -> Status:
        return batches.status(self._wire, ref)

    def cancel_batch(self, ref: Ref) -> None:
        batches.cancel(self._wire, ref)

    def batch_lines(self, ref: Ref) -> Iterator[bytes]:
        return batches.lines(self._wire, ref)

    def batch_outcomes(
        self, lines: Iterable[bytes], inputs: Sequence[Input]
    ) -> Iterator[tuple[int, Outcome]]:
        return batches.outcomes(self._wire, lines, inputs)

    def _asking(self, model: str) -> Asking:
        return Asking(
            self._deployment or model,
            self._concurrency,
            self._settings,
            self._logprobs,
            self._decides_with(model),
        )

    def _decides_with(self, model: str) -> bool:
        """Whether a model is asked for decisions: one that was tuned answers as it was trained."""
        return self._decides and not model.startswith("ft:")


def _check_whose(backend: str, given: Mapping[str, Any]) -> None:
    """Raise ConfigError for an organisation or project that no header can name."""
    for option in ("organization", "project"):
        if given[option] is not None and not given[option].isascii():
            raise ConfigError(
                f"{backend}: {option} is no id. Give one such as 'org-…', of ASCII letters."
            )
