"""The suite is worth what it catches: each planted fault has to fail the check that is named."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

import tunekit
from tunekit.backends.anthropic import AnthropicBackend
from tunekit.backends.base import Backend, Journal, ModelRef, Ref, State, Status
from tunekit.backends.http import HttpClient
from tunekit.data.dataset import Dataset
from tunekit.errors import PermissionDenied, TunekitError
from tunekit.formats.openai_chat import OpenAIChat
from tunekit.job import Job
from tunekit.model import Model
from tunekit.planning import Estimate, Route, Setup, Work
from tunekit.shapes import Example, Failure, Input, Outcome, Shape, Turn, Turns
from tunekit.tasks.base import Prompt
from tunekit.tasks.classification import Classification
from tunekit.testing.conformance import CHECKS, run_check
from tunekit.testing.fake import ROUTES, FakeBackend
from tunekit.testing.harness import checks_of
from tunekit.testing.samples import SAMPLES

from .harnesses import AnthropicHarness, FakeHarness, ServedFakeHarness

# --- faults of a backend --------------------------------------------------------------------------


class DropsARoute(FakeBackend):
    def routes(self, model: str) -> Sequence[Route]:
        return [route for route in ROUTES if route.method != "spans"]


class AddsARoute(FakeBackend):
    def routes(self, model: str) -> Sequence[Route]:
        return [*ROUTES, Route("tags", Shape.SPANNED, "examples")]


class ClaimsToCarryTies(FakeBackend):
    def routes(self, model: str) -> Sequence[Route]:
        everything = frozenset({"context", "overlap", "ties", "ranking"})
        return [route._replace(carries=everything) for route in ROUTES]


class CallsBeforeItRefuses(FakeBackend):
    def routes(self, model: str) -> Sequence[Route]:
        self._client.get("/jobs")
        return ROUTES


class DriftsAtPrediction(FakeBackend):
    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        return await super().predict(ref, [_reworded(one) for one in inputs])


def _reworded(asked: Input) -> Input:
    if not isinstance(asked, Turns):
        return asked
    system, *rest = asked.turns
    # The words that decide the answer stay: only an exact comparison sees the difference.
    return asked._replace(turns=(Turn("system", system.text + " Be careful."), *rest))


class ChangesTheSetup(FakeBackend):
    def prepare(self, setup: Setup) -> Estimate:
        changed: Any = setup.hyperparameters
        changed["seen"] = True
        return super().prepare(setup)


class EstimatesByChance(FakeBackend):
    numbers = itertools.count()

    def prepare(self, setup: Setup) -> Estimate:
        return Estimate(note=f"estimate {next(self.numbers)}")


class ForgetsItsJournal(FakeBackend):
    def submit(self, work: Work, journal: Journal) -> Ref:
        return super().submit(work, _Blank(journal))

    def find(self, run_id: str) -> Ref | None:
        return None


class _Blank:
    """A journal that remembers nothing."""

    steps: Sequence[Any] = ()

    def __init__(self, journal: Journal) -> None:
        self.run_id = journal.run_id
        self.folder = journal.folder

    def note(self, name: str, **facts: Any) -> None:
        pass


class RetriesCreates(FakeBackend):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._client = _Eager(self.name, self._client.base_url, key_env=self._client.key.variable)
        self._client.timeout = 1.0
        self._client.first_wait = 0.01


class _Eager(HttpClient):
    def create(self, path: str, **rest: Any) -> Any:
        if path == "/jobs":
            return self.repeat("POST", path, json=rest["json"])
        return super().create(path, **rest)


class ShowsItsKey(FakeBackend):
    def __repr__(self) -> str:
        return f"FakeBackend(key={os.environ.get('CONFORMANCE_KEY')})"


class WritesItsKey(FakeBackend):
    def submit(self, work: Work, journal: Journal) -> Ref:
        journal.note("connected", headers=self._client._headers())
        return super().submit(work, journal)


class TurnsAnswersRound(FakeBackend):
    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        return (await super().predict(ref, inputs))[::-1]


class LosesARow(FakeBackend):
    def submit(self, work: Work, journal: Journal) -> Ref:
        path = journal.folder / "data" / "train.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]) if len(lines) > 1 else lines[0])
        return super().submit(work, journal)


class SwallowsFailures(FakeBackend):
    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        answers = await super().predict(ref, inputs)
        return [answer for answer in answers if not isinstance(answer, Failure)]


class RaisesForOneBadInput(FakeBackend):
    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        answers = await super().predict(ref, inputs)
        if any(isinstance(answer, Failure) for answer in answers):
            raise PermissionDenied("a bad input", backend=self.name)
        return answers


class MixesUpErrors(FakeBackend):
    def poll(self, ref: Ref) -> Status:
        try:
            return super().poll(ref)
        except TunekitError as error:
            raise PermissionDenied(str(error), backend=self.name) from error


class EndsOnUnknownStates(FakeBackend):
    def poll(self, ref: Ref) -> Status:
        status = super().poll(ref)
        if status.state is State.UNKNOWN:
            return Status(State.FAILED, status.raw, "unknown state")
        return status


class ForgetsItsEndpoint(FakeBackend):
    @property
    def options(self) -> Mapping[str, Any]:
        return {}


class DropsHyperparameters(FakeBackend):
    def hyperparameters(self, route: Route, given: Mapping[str, Any]) -> Mapping[str, Any]:
        known = {name: value for name, value in given.items() if name == "epochs"}
        return super().hyperparameters(route, known)


class CannotResume(FakeBackend):
    def submit(self, work: Work, journal: Journal) -> Ref:
        created = [step.facts["id"] for step in journal.steps if step.name == "created"]
        return str(created[-1]) if created else super().submit(work, journal)


class SharesItsInputs(FakeBackend):
    shared: Sequence[Input] = ()

    async def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        self.shared = [*self.shared, *inputs]
        await asyncio.sleep(0.2)  # long enough for the other callers to come
        answers = await super().predict(ref, self.shared[: len(inputs)])
        self.shared = self.shared[len(inputs) + 1 :]
        return answers


class NeverCancels(FakeBackend):
    def cancel(self, ref: Ref) -> None:
        pass


class BlocksWhenAsked(FakeBackend):
    def predict(self, ref: ModelRef, inputs: Sequence[Input]) -> Any:
        return super().predict(ref, inputs)


class ClaimsToPrompt(FakeBackend):
    trains_weights = False


class AsksBeforeItCompiles(AnthropicBackend):
    def submit(self, work: Work, journal: Journal) -> Ref:
        self._wire.get("/v1/messages/batches", "looking round")
        return super().submit(work, journal)


class HidesThatItPrompts(AnthropicBackend):
    trains_weights = True


class SubmitsWithoutAJournal(FakeBackend):
    def submit(self, work: Work) -> Ref:  # type: ignore[override]
        return "job-1"


# --- faults of a task, a format or the library ----------------------------------------------------


@contextmanager
def prompt_by_chance() -> Iterator[None]:
    numbers = itertools.count()

    def prompt(task: Classification) -> Prompt:
        return Prompt(system=f"Classify, for the {next(numbers)}th time.")

    with mock.patch.object(Classification, "prompt", prompt):
        yield


@contextmanager
def another_wording() -> Iterator[None]:
    newer = Prompt(system="Classify the text, please.")
    with mock.patch.object(Classification, "prompt", return_value=newer):
        yield


@contextmanager
def todays_prompt_at_prediction() -> Iterator[None]:
    result = Job.result

    def drifting(job: Job) -> Model:
        model = result(job)
        return replace(model, prompt=model.task.prompt())

    with mock.patch.object(Job, "result", drifting):
        yield


@contextmanager
def loaded_with_todays_prompt() -> Iterator[None]:
    load = tunekit.load

    def drifting(path: Path) -> Model:
        return replace(load(path), prompt=Prompt(system="Today's words."))

    with mock.patch.object(tunekit, "load", drifting):
        yield


@contextmanager
def encoder_that_strips() -> Iterator[None]:
    encode = OpenAIChat.encode

    def stripping(self: OpenAIChat, example: Example, header: Any) -> dict[str, Any]:
        record = encode(self, example, header)
        for message in record["messages"]:
            message["content"] = message["content"].strip()
        return record

    with mock.patch.object(OpenAIChat, "encode", stripping):
        yield


@contextmanager
def rows_that_are_eaten() -> Iterator[None]:
    from_rows = Dataset.from_rows.__func__  # type: ignore[attr-defined]

    def eating(cls: type[Dataset], rows: Any, task: Any) -> Dataset:
        rows = list(rows)
        data: Dataset = from_rows(cls, rows, task)
        for row in rows:
            if isinstance(row, dict):
                row.clear()
        return data

    with mock.patch.object(Dataset, "from_rows", classmethod(eating)):
        yield


@contextmanager
def loop_that_reorders() -> Iterator[None]:
    predict = FakeBackend.predict

    async def late(self: FakeBackend, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        answers = await asyncio.gather(*(predict(self, ref, [one]) for one in inputs))
        return [answer for (answer,) in sorted(answers, key=repr)]

    with mock.patch.object(FakeBackend, "predict", late):
        yield


# --- which check has to catch what ----------------------------------------------------------------


class Plant(NamedTuple):
    """A fault, and the test of the suite that it has to fail."""

    test: str
    backend: type[Backend] = FakeBackend
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    served: bool = False


PLANTS = {
    "a dropped route": Plant("support_is_as_pinned__extraction_spans", DropsARoute),
    "a dropped route, in the table": Plant("nothing_is_trained_that_is_not_pinned", DropsARoute),
    "a route that nobody pinned": Plant("nothing_is_trained_that_is_not_pinned", AddsARoute),
    "a feature that is lost": Plant(
        "what_is_written_reads_back__preference_choose_sft", ClaimsToCarryTies
    ),
    "a call before a refusal": Plant(
        "what_is_not_declared_is_refused_before_io", CallsBeforeItRefuses, served=True
    ),
    "a prompt that drifts at prediction": Plant(
        "answers_are_those_trained__transformation_sft", DriftsAtPrediction
    ),
    "today's prompt at prediction": Plant(
        "asked_as_trained__classification_sft", around=todays_prompt_at_prediction
    ),
    "a setup that is changed": Plant(
        "nothing_given_is_changed__classification_head", ChangesTheSetup
    ),
    "rows that are changed": Plant(
        "nothing_given_is_changed__extraction_sft", around=rows_that_are_eaten
    ),
    "bytes by chance": Plant(
        "the_same_bytes_every_time__classification_sft", around=prompt_by_chance
    ),
    "an estimate by chance": Plant(
        "the_same_bytes_every_time__classification_head", EstimatesByChance
    ),
    "another wording": Plant("the_bytes_are_golden__classification_sft", around=another_wording),
    "an encoder that strips": Plant(
        "what_is_written_reads_back__transformation_sft", around=encoder_that_strips
    ),
    "a second job after a time-out": Plant(
        "a_timed_out_submit_is_never_sent_twice", ForgetsItsJournal, served=True
    ),
    "a create that is retried": Plant(
        "a_timed_out_submit_is_never_sent_twice", RetriesCreates, served=True
    ),
    "a key in a repr": Plant("no_key_is_seen", ShowsItsKey, served=True),
    "a key in a file": Plant("no_key_is_seen", WritesItsKey, served=True),
    "answers turned round": Plant("one_is_as_many__classification_head", TurnsAnswersRound),
    "answers as they come": Plant("one_is_as_many__transformation_sft", around=loop_that_reorders),
    "a row that is lost": Plant("answers_are_those_trained__transformation_sft", LosesARow),
    "an answer that is swallowed": Plant(
        "a_bad_input_costs_no_other__classification_head", SwallowsFailures
    ),
    "one bad input that costs all": Plant(
        "a_bad_input_costs_no_other__extraction_sft", RaisesForOneBadInput
    ),
    "errors mixed up": Plant("faults_of_polling", MixesUpErrors, served=True),
    "an unknown state as the end": Plant(
        "states_only_move_forward", EndsOnUnknownStates, served=True
    ),
    "a job of one process": Plant(
        "a_job_survives_a_fresh_process", ForgetsItsEndpoint, served=True
    ),
    "a saved model with another prompt": Plant(
        "a_saved_model_answers_alike__classification_sft", around=loaded_with_todays_prompt
    ),
    "answers mixed up between threads": Plant(
        "all_ways_of_asking_agree__transformation_sft", SharesItsInputs
    ),
    "a cancel that isn't sent": Plant("a_cancelled_job_stays_cancelled", NeverCancels, served=True),
    "a predict that blocks": Plant("it_is_a_backend", BlocksWhenAsked),
    "a submit of another time": Plant("it_is_a_backend", SubmitsWithoutAJournal),
    "a hyperparameter that is dropped": Plant(
        "hyperparameters_are_mapped_or_refused__classification_head", DropsHyperparameters
    ),
    "a model that says it is prompted": Plant(
        "a_model_says_what_it_is__classification_sft", ClaimsToPrompt
    ),
    "a prompt that says it is trained": Plant(
        "a_model_says_what_it_is__extraction_prompt", HidesThatItPrompts
    ),
    "a call to compile a prompt": Plant(
        "compiling_sends_nothing__classification_prompt", AsksBeforeItCompiles
    ),
    "a failed job that stays failed": Plant("a_failed_job_says_why", CannotResume, served=True),
}


def run(plant: Plant, home: Path, *, healthy: bool) -> None:
    prompts = issubclass(plant.backend, AnthropicBackend)
    harness: Any = ServedFakeHarness() if plant.served else FakeHarness()
    harness = AnthropicHarness() if prompts else harness
    sound = AnthropicBackend if prompts else FakeBackend
    harness.backend = sound if healthy else plant.backend
    by_name = {name: (check, pair) for name, check, pair in checks_of(harness, CHECKS)}
    check, pair = by_name[plant.test]
    with nullcontext() if healthy else plant.around():
        run_check(harness, check, pair, home)


@pytest.mark.parametrize("fault", PLANTS)
def test_a_planted_fault_fails_its_check(fault: str, tmp_path: Path) -> None:
    plant = PLANTS[fault]
    run(plant, tmp_path / "healthy", healthy=True)
    with pytest.raises((AssertionError, TunekitError)):
        run(plant, tmp_path / "faulty", healthy=False)


def test_every_check_is_for_somebody() -> None:
    harnesses = (ServedFakeHarness(), AnthropicHarness())
    tried = {check.name for one in harnesses for _, check, _ in checks_of(one, CHECKS)}
    assert tried == {check.name for check in CHECKS}


def test_every_task_and_method_of_the_table_is_tried() -> None:
    names = {name for name, _, _ in checks_of(FakeHarness(), CHECKS)}
    for pair in FakeHarness().pairs():
        assert f"the_bytes_are_golden__{pair.name}" in names
    assert {pair.sample.name for pair in FakeHarness().pairs()} == set(SAMPLES)
    assert {pair.shape for pair in FakeHarness().pairs()} == set(Shape)
