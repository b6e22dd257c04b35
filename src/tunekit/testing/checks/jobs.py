"""Checks of jobs: they outlive the process, move forward, and start only what was declared."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import orjson

import tunekit

from ...backends.base import Backend, Predicts, State, Trains, trains_weights
from ...data.dataset import Dataset
from ...errors import HyperparameterError, UnsupportedTask
from ...store import RANK
from ..harness import Case, check, expect_that
from ..samples import SAMPLES, bare, value_of

PORTABLE = (
    "epochs",
    "learning_rate",
    "batch_size",
    "seed",
    "warmup",
    "weight_decay",
    "lora_rank",
    "lora_alpha",
    "beta",
    "max_length",
)

FRESH = """
import sys, orjson, tunekit
from tunekit.testing.samples import bare
asked = orjson.loads(sys.stdin.buffer.read())
model = tunekit.attach(sys.argv[1]).wait(timeout=float(sys.argv[2]))
sys.stdout.buffer.write(repr([bare(one) for one in model.predict(asked)]).encode())
"""


@check(every=False)
def it_is_a_backend(case: Case) -> None:
    """It has all that the protocols ask for, and its options are plain JSON."""
    backend = case.backend()
    for protocol in (Backend, Trains, Predicts):
        expect_that(isinstance(backend, protocol), f"{backend!r} is no {protocol.__name__}")
        for name, promised in inspect.getmembers(protocol, inspect.isfunction):
            if not name.startswith("_"):
                _can_be_called(getattr(backend, name), promised)
    expect_that(
        inspect.iscoroutinefunction(getattr(backend, "predict", None)), "predict isn't async"
    )
    expect_that(backend.name, "it has no name")
    orjson.dumps(dict(backend.options))
    expect_that(case.backend().options == backend.options, "two instances differ in options")


def _can_be_called(method: Callable[..., Any], promised: Callable[..., Any]) -> None:
    """A method takes what the protocol's takes, by position."""
    arguments = list(inspect.signature(promised).parameters)[1:]
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError as error:
        said = f"{promised.__qualname__}({', '.join(arguments)})"
        raise AssertionError(f"it can't be called as {said}: {error}") from error


@check(reads=True)
def a_model_says_what_it_is(case: Case) -> None:
    """A model whose weights were trained is tuned; one of a compiled prompt is prompted, and names
    the version and the hash of what was compiled. Saved and loaded, it stays so."""
    prompts = case.harness.prompts
    expect_that(trains_weights(case.backend()) is not prompts, f"prompts={prompts} isn't declared")
    model = case.done().result()
    kind = "prompted" if prompts else "tuned"
    expect_that(model.kind == kind and kind in repr(model), f"{model!r} isn't {kind}")
    if prompts:
        artifact = model.provenance.get("artifact", {})
        expect_that(artifact.get("version") and artifact.get("hash"), f"{artifact!r} names nothing")
    with tempfile.TemporaryDirectory() as folder:
        loaded = tunekit.load(model.save(Path(folder) / "saved"))
    expect_that(loaded.kind == kind, f"loaded, it is {loaded.kind}")


@check(when=lambda harness, pair: harness.scripted and harness.prompts)
def compiling_sends_nothing(case: Case) -> None:
    """A prompt is compiled without a request to anybody, and without a key."""
    assert case.provider is not None
    without = {name: value for name, value in os.environ.items() if name != case.harness.key_env}
    with mock.patch.dict(os.environ, without, clear=True):
        job = case.submit()
        expect_that(job.status is State.SUCCEEDED, f"compiled at once, it is {job.status}")
        model = tunekit.attach(job.id).result()
    expect_that(case.provider.requests() == 0, f"{case.provider.requests()} requests to compile")
    model.predict(value_of(case.pair.sample.task, case.rows()[0]))
    expect_that(case.provider.requests() == 1, "one input is one request")


@check(every=False)
def a_job_survives_a_fresh_process(case: Case) -> None:
    """Another process finishes the job and predicts; the same call here joins it meanwhile."""
    job = case.submit()
    if not job.status.terminal:
        joined = case.submit()
        expect_that(joined.id == job.id, "the same call started a second job")
        expect_that(joined.reattached, "joining an unfinished job isn't said")
    asked = [value_of(case.pair.sample.task, row) for row in case.rows()]
    done = subprocess.run(  # noqa: S603  # our own interpreter and script
        [sys.executable, "-c", FRESH, job.id, str(case.harness.patience)],
        input=orjson.dumps(asked),
        capture_output=True,
        check=False,
    )
    said = done.stdout.decode()
    expect_that(done.returncode == 0, f"the other process failed: {done.stderr.decode()[-2000:]}")
    here = [bare(one) for one in tunekit.attach(job.id).wait(timeout=5).predict(asked)]
    expect_that(said == repr(here), f"the other process answers {said}, this one {here!r}")


@check(every=False, reads=True)
def a_finished_job_stays_as_it_is(case: Case) -> None:
    """States only go forward, and nothing moves a job that is over."""
    job = case.done()
    seen = [passed.state for passed in job.record.states]
    ranks = [RANK.get(state, 0) for state in seen if state is not State.UNKNOWN]
    expect_that(ranks == sorted(ranks), f"the job went back: {seen}")
    trains: Any = case.backend()
    polled = {trains.poll(job.record.ref) for _ in range(3)}
    expect_that(len(polled) == 1, f"a finished job is polled as {polled}")
    expect_that(polled.pop().state is State.SUCCEEDED, "a finished job isn't succeeded")
    moments = [event.at for event in job.events()]
    expect_that(moments, "a finished job has no events")
    expect_that(job.cancel().status is State.SUCCEEDED, "a finished job was cancelled")
    expect_that(tunekit.attach(job.id).status is State.SUCCEEDED, "it isn't succeeded on disk")


@check(every=False, when=lambda harness, pair: harness.sends_jobs)
def states_only_move_forward(case: Case) -> None:
    """A provider that goes back, or says what nobody knows, neither ends nor rewinds a job."""
    assert case.provider is not None
    paused = (State.PAUSED,) * case.harness.pauses
    story = (State.QUEUED, State.RUNNING, State.QUEUED, *paused, State.UNKNOWN, State.RUNNING)
    case.provider.story(*story, State.SUCCEEDED)
    job = case.submit()
    while not job.status.terminal:
        job.refresh()
    seen = [passed.state for passed in job.record.states]
    ranks = [RANK[state] for state in seen if state is not State.UNKNOWN]
    expect_that(ranks == sorted(ranks), f"the job went back: {seen}")
    for state in (*paused, State.UNKNOWN, State.SUCCEEDED):
        expect_that(state in seen, f"{state} was lost on the way: {seen}")


@check(every=False, when=lambda harness, pair: harness.sends_jobs)
def a_failed_job_says_why(case: Case) -> None:
    """A job that fails at the provider is a JobFailed with the provider's reason; resumed, it is a
    new job there."""
    assert case.provider is not None
    case.provider.story(State.RUNNING, State.FAILED)
    job = case.submit()
    try:
        job.wait(timeout=case.harness.patience)
    except tunekit.JobError as error:
        expect_that(job.record.last.error, "a failed job has no reason")
        expect_that(str(job.record.last.error) in str(error), f"the reason isn't in: {error}")
    else:
        raise AssertionError("a failed job has a model")
    case.provider.story(State.RUNNING, State.SUCCEEDED)
    resumed = case.submit(resume=True)
    expect_that(resumed.id == job.id, "resume started another run")
    resumed.wait(timeout=case.harness.patience)
    expect_that(case.provider.jobs() == 2, f"{case.provider.jobs()} jobs after one was resumed")


@check(every=False)
def a_cancelled_job_stays_cancelled(case: Case) -> None:
    """Cancelling is final, and an error to wait for; resumed, the same run ends in a model."""
    if case.provider is not None and case.harness.sends_jobs:
        case.provider.story(*[State.RUNNING] * 9, State.SUCCEEDED)
    job = case.submit()
    if job.cancel().status is State.SUCCEEDED:
        return  # a backend that is done at once has nothing to cancel
    try:
        job.wait(timeout=case.harness.patience)
    except tunekit.JobCancelled:
        expect_that(tunekit.attach(job.id).status is State.CANCELLED, "not cancelled on disk")
    else:
        raise AssertionError("a cancelled job has a model")
    if case.provider is not None:
        case.provider.story(State.RUNNING, State.SUCCEEDED)
    resumed = case.submit(resume=True)
    expect_that(resumed.id == job.id, "resume started another run")
    resumed.wait(timeout=case.harness.patience)


@check(every=False)
def what_is_not_declared_is_refused_before_io(case: Case) -> None:
    """A task or method without a route is an UnsupportedTask, and nothing was sent or written."""
    declared = {(pair.sample.name, pair.method) for pair in case.harness.pairs()}
    methods = {route.method for route in case.backend().routes(case.model)} | {"no-such-method"}
    before = _traces(case)
    for name, sample in SAMPLES.items():
        data = case.data_of(sample)
        for method in sorted(methods):
            if (name, method) not in declared:
                _is_unsupported(case, data, method)
        if not any(task == name for task, _ in declared):
            _is_unsupported(case, data, "auto")
    expect_that(_traces(case) == before, "something was sent or written for what isn't supported")


@check()
def what_a_route_loses_is_refused(case: Case) -> None:
    """Rows with a feature that the route doesn't carry are refused, naming it, before I/O."""
    task, carries = case.pair.sample.task, case.route.carries
    before = _traces(case)
    for row in case.pair.sample.rows:
        lost = set(task.needs(row)) - carries
        if lost:
            data = case.data([*case.rows(), row])
            said = _is_unsupported(case, data, case.pair.method)
            expect_that(any(feature in said for feature in lost), f"{lost} isn't named in: {said}")
    expect_that(_traces(case) == before, "something was sent or written for what isn't supported")


def _is_unsupported(case: Case, data: Dataset, method: str) -> str:
    try:
        case.plan(data, method=method)
    except UnsupportedTask as error:
        return str(error)
    raise AssertionError(f"{data!r} by {method!r} isn't declared, and isn't refused")


def _traces(case: Case) -> tuple[int, list[str]]:
    sent = case.provider.requests() if case.provider else 0
    return sent, sorted(str(path) for path in case.home.rglob("*"))


@check()
def hyperparameters_are_mapped_or_refused(case: Case) -> None:
    """Each portable one is applied or refused by name; unknown ones are refused. None is lost."""
    backend, route = case.backend(), case.route
    for name in (*PORTABLE, "no_such_parameter"):
        given = {name: 1}
        try:
            applied = backend.hyperparameters(route, given)
        except HyperparameterError as error:
            expect_that(name in str(error), f"{name} isn't named in: {error}")
        else:
            expect_that(name != "no_such_parameter", "an unknown hyperparameter is taken")
            expect_that(applied.get(name) == 1, f"{name}=1 became {applied!r}")
        expect_that(given == {name: 1}, f"the caller's mapping was changed: {given!r}")
