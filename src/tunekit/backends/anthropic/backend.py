"""The backend of Anthropic's models: a prompt is compiled, and no weights are trained."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from ...errors import ConfigError, NotFound, UnsupportedTask
from ...planning import Estimate, Route, Setup, Work
from ...prompted import Compiled, tokens_of
from ...shapes import Input, Outcome, Shape, Turns
from ...tasks.base import Task
from ..abilities import Called, Price
from ..base import Event, Journal, ModelRef, Ref, State, Status, Trained
from ..keys import Key
from ..once import find_started, submit_once
from ..prices import price_of_tokens
from . import batches, kept
from .asking import ask_all
from .bodies import Asking, CacheTime
from .estimates import estimate
from .settings import ROUTE, checked
from .wire import VERSION, WITH_TEMPERATURE, Wire

__all__ = ["AnthropicBackend"]

ANTHROPIC_URL = "https://api.anthropic.com"
#: Options as they are where nobody sets them; a job stores those that differ.
USUAL: Mapping[str, Any] = {
    "base_url": ANTHROPIC_URL,
    "api_key_env": "ANTHROPIC_API_KEY",
    "model": None,
    "timeout": 60.0,
    "retries": 5,
    "concurrency": 32,
    "temperature": None,
    "max_tokens": None,
    "cache_ttl": "5m",
    "structured": True,
    "context_tokens": 200_000,
    "price_per_million_input": None,
    "price_per_million_output": None,
    "settle": 60.0,
}


class AnthropicBackend:
    """Answers through Anthropic's API, from the task's words and examples of the training set.

    Nothing is trained: ``tune`` chooses examples and keeps them as a file, without a call to
    anybody, and its models say ``kind="prompted"``.

    Args:
        name: the name in config.
        home: the folder that runs live under.
        base_url: the address of the API; ``ANTHROPIC_BASE_URL`` or Anthropic's own without it.
        api_key_env: the environment variable with the key; ``""`` for a server that wants none.
        model: the model to ask where a call names none.
        timeout: seconds that one call may take.
        retries: how often a call that may be repeated is repeated.
        concurrency: predictions that may be under way at the same time.
        temperature: of predictions, for models and servers that take one; it is asked for by the
            last version of the API that has it. The present one has none.
        max_tokens: of an answer; without it, some more than the task's answers need.
        cache_ttl: how long the provider keeps the part of the prompt that never changes, ``"5m"``
            or ``"1h"``; ``None``: not at all.
        structured: whether the provider holds answers to the task's JSON schema.
        context_tokens: what the model reads; longer rows are findings of the plan.
        price_per_million_input, price_per_million_output: dollars for a million tokens, for the
            plan.
        settle: seconds in which a batch may still appear whose creation nobody saw the answer of.
        http_client, async_http_client: clients of httpx2 to use instead of our own, from code.

    Example:
        >>> import tunekit
        >>> backend = tunekit.backend("anthropic", base_url="http://127.0.0.1:8000")
        >>> [route.method for route in backend.routes("claude-haiku-4-5")]
        ['prompt']
    """

    type = "anthropic"
    default_model = "claude-haiku-4-5"
    trains_weights = False

    def __init__(
        self,
        name: str = "anthropic",
        *,
        home: Path,
        base_url: str | None = None,
        api_key_env: str = "ANTHROPIC_API_KEY",
        model: str | None = None,
        timeout: float = 60.0,
        retries: int = 5,
        concurrency: int = 32,
        temperature: float | None = None,
        max_tokens: int | None = None,
        cache_ttl: CacheTime | None = "5m",
        structured: bool = True,
        context_tokens: int = 200_000,
        price_per_million_input: float | None = None,
        price_per_million_output: float | None = None,
        settle: float = 60.0,
        http_client: httpx2.Client | None = None,
        async_http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        given = dict(locals())
        self.name = name
        self._home = home
        # Resolved now, so that a model is asked where it was, whatever the environment says later.
        given["base_url"] = base_url or os.environ.get("ANTHROPIC_BASE_URL") or ANTHROPIC_URL
        self._options = {
            one: given[one] for one in USUAL if given[one] != USUAL[one] or one == "base_url"
        }
        for least, option in (
            (1, "concurrency"),
            (0, "retries"),
            (1, "context_tokens"),
            (0.001, "timeout"),
            (0, "settle"),
        ):
            if given[option] < least:
                raise ConfigError(f"{name}: {option}={given[option]}. Give {least} or more.")
        self._concurrency = concurrency
        self._settings = {} if temperature is None else {"temperature": temperature}
        self._max_tokens = max_tokens
        self._cache: CacheTime | None = cache_ttl
        self._structured = structured
        self._context_tokens = context_tokens
        self._prices = (price_per_million_input, price_per_million_output)
        self._settle = settle
        #: Compiled prompts that were read; a file never changes.
        self._read: dict[Path, Compiled] = {}
        self._wire = Wire(
            name,
            given["base_url"],
            Key(name, api_key_env or None),
            timeout=timeout,
            retries=retries,
            version=VERSION if temperature is None else WITH_TEMPERATURE,
            http_client=http_client,
            async_http_client=async_http_client,
        )

    def __repr__(self) -> str:
        return f"AnthropicBackend({self.name!r}, {self._wire.base_url!r})"

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self._options)

    def calls(self) -> Sequence[Called]:
        return (Called(self._wire.base_url, self._wire.key.variable),)

    def routes(self, model: str) -> Sequence[Route]:
        return (ROUTE,)

    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return checked(self.name, given)

    def prepare(self, setup: Setup) -> Estimate:
        return estimate(setup, self._context_tokens, self._prices)

    # --- compiling ------------------------------------------------------------------------------

    def submit(self, work: Work, journal: Journal) -> Ref:
        if self.find(journal.run_id) is None:
            compiled = kept.compile_run(work, journal.folder)
            journal.note("compiled", hash=compiled.hash)
        return journal.run_id

    def find(self, run_id: str) -> Ref | None:
        return run_id if (self._folder(run_id) / kept.FILE).is_file() else None

    def poll(self, ref: Ref) -> Status:
        if not self._folder(ref).parent.is_dir():
            raise NotFound(
                f"no run {ref!r} in {self._home / 'runs'}. Set TUNEKIT_HOME to where it is.",
                backend=self.name,
            )
        if self.find(ref) is None:
            return Status(State.INTERRUPTED, "not compiled")
        return Status(State.SUCCEEDED, "compiled")

    def events(self, ref: Ref) -> Iterator[Event]:
        """Compiling takes a moment, and there is nothing to tell of it."""
        yield from ()

    def cancel(self, ref: Ref) -> None:
        """There is nothing to stop: ``submit`` compiles at once."""

    def result(self, ref: Ref) -> Trained:
        compiled = self._compiled(self._folder(ref))
        return Trained(
            ModelRef(self.name, f"{kept.RUN}{ref}"),
            metrics={
                "shots": len(compiled.shots),
                "pool": len(compiled.pool),
                "prefix_tokens": tokens_of(*(turn.text for turn in compiled.prefix)),
            },
            artifact={"kind": "prompt", "version": compiled.version, "hash": compiled.hash},
        )

    def clean(self, journal: Journal) -> None:
        """Nothing was left anywhere."""

    def _folder(self, run_id: str) -> Path:
        return self._home / "runs" / Path(run_id).name / "artifact"

    def _compiled(self, folder: Path) -> Compiled:
        path = folder / kept.FILE
        if path not in self._read:
            self._read[path] = Compiled.read(path)
        return self._read[path]

    # --- keeping --------------------------------------------------------------------------------

    def save(self, ref: ModelRef, folder: Path) -> None:
        there = kept.folder_of(self._home, ref.id)
        if there is None:
            kept.write_name(folder, ref.id)
        else:
            self._compiled(there).write(folder / kept.FILE)

    def open(self, folder: Path) -> ModelRef:
        named = kept.named_in(folder)
        if named is None:
            self._compiled(folder.resolve())
            named = f"{kept.FOLDER}{folder.resolve()}"
        return ModelRef(self.name, named)

    # --- answers --------------------------------------------------------------------------------

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        return await ask_all(self._wire, self._asking(ref.id), inputs, self._concurrency)

    def zero_shot(self, task: Task, model: str) -> ModelRef:
        if Shape.CHAT not in task.offers:
            raise UnsupportedTask(
                f"{self.name} answers chats, and {task.kind} offers none here. Take another one."
            )
        return ModelRef(self.name, model)

    def price_of(self, ref: ModelRef, inputs: Sequence[Input], said: Sequence[str]) -> Price:
        compiled = self._asking(ref.id).compiled
        asked = (one for one in inputs if isinstance(one, Turns))
        sent = (one if compiled is None else compiled.turns_for(one) for one in asked)
        read = sum(tokens_of(*(turn.text for turn in one.turns)) for one in sent)
        note = "tokens estimated at 4 bytes, before what the provider takes off for kept ones"
        return price_of_tokens(len(inputs), read, tokens_of(*said), self._prices, note=note)

    def batch_requests(
        self, model: str, inputs: Iterable[tuple[int, Input]]
    ) -> Iterator[Iterator[bytes]]:
        return batches.requests(self._asking(model), inputs)

    def submit_batch(self, journal: Journal) -> Ref:
        batch = batches.Batch(self._wire, journal)
        return submit_once(batch, journal, settle=self._settle, timeout=self._wire.timeout)

    def find_batch(self, journal: Journal) -> Ref | None:
        batch = batches.Batch(self._wire, journal)
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
        return batches.outcomes(self._wire, lines, inputs, self._structured)

    def _asking(self, id: str) -> Asking:
        folder = kept.folder_of(self._home, id)
        compiled = None if folder is None else self._compiled(folder)
        return Asking(
            id if compiled is None else compiled.model,
            compiled,
            self._settings,
            self._max_tokens,
            self._cache,
            self._structured,
        )
