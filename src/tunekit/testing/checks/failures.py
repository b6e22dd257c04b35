"""Checks of trouble: every fault is one error, no job is started twice, no key is seen."""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import tunekit

from ...backends.base import ModelRef, State
from ...errors import (
    AuthenticationFailed,
    BackendError,
    BackendTimeout,
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    MalformedAnswer,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerFailed,
)
from ...shapes import Input
from ..harness import Case, Check, Provider, check, expect_that
from ..samples import value_of
from ..server import Fault


class Expected(NamedTuple):
    """A fault and the error it has to be, on every backend."""

    fault: Fault
    error: type[BackendError]
    status: int | None = None


RETRY_AFTER = 0.02
EXPECTED = (
    *(
        Expected(Fault("refuse", status=status), error, status)
        for status, error in (
            (400, InvalidRequest),
            (401, AuthenticationFailed),
            (403, PermissionDenied),
            (404, NotFound),
            (409, Conflict),
            (422, InvalidRequest),
            (500, ServerFailed),
            (503, ServerFailed),
        )
    ),
    Expected(Fault("refuse", status=429, retry_after=RETRY_AFTER), RateLimited, 429),
    Expected(Fault("hang"), BackendTimeout),
    Expected(Fault("cut"), ConnectionFailed),
    Expected(Fault("garble"), MalformedAnswer, 200),
    Expected(Fault("reshape"), MalformedAnswer),
)


def scripted(run: Callable[[Case, Provider], None]) -> Check:
    """A check for backends that call a provider; the task makes no difference to it."""

    def with_provider(case: Case) -> None:
        assert case.provider is not None
        run(case, case.provider)

    with_provider.__name__ = run.__name__
    return check(every=False, when=lambda harness, pair: harness.scripted)(with_provider)


def sending(run: Callable[[Case, Provider], None]) -> Check:
    """A check for those whose jobs are sent to the provider."""
    return scripted(run)._replace(when=lambda harness, pair: harness.sends_jobs)


def asking(run: Callable[[Case, Provider], None]) -> Check:
    """A check for those whose answers come from the provider."""
    return scripted(run)._replace(
        when=lambda harness, pair: harness.scripted and not harness.answers_here
    )


def _is_as_expected(case: Case, expected: Expected, call: Callable[[], Any]) -> None:
    fault, kind, status = expected
    what = f"{fault.kind} {status or ''}".strip()
    try:
        call()
    except BackendError as error:
        said = f"{what} became {type(error).__name__}: {error}"
        expect_that(type(error) is kind, f"{said}; expected {kind.__name__}")
        expect_that(error.backend == case.backend().name, f"{said}; .backend is {error.backend!r}")
        expect_that(status in (None, error.status), f"{said}; .status is {error.status!r}")
        expect_that(error.retryable is kind.retryable_by_default, f"{said}; .retryable")
        if fault.kind == "refuse":
            expect_that(error.request_id, f"{said}; there is no .request_id")
        if fault.kind in ("hang", "cut", "garble"):
            expect_that(error.__cause__ is not None, f"{said}; there is no __cause__")
        if fault.retry_after is not None:
            expect_that(error.retry_after == fault.retry_after, f"{said}; {error.retry_after=}")
    else:
        raise AssertionError(f"{what} raises nothing")


@sending
def faults_of_uploading(case: Case, provider: Provider) -> None:
    """Every fault while the data are sent is its error, and no job is there."""
    for expected in EXPECTED:
        provider.script("upload", expected.fault)
        _is_as_expected(case, expected, case.submit)
        provider.clear()
    expect_that(provider.jobs() == 0, f"{provider.jobs()} jobs without data")


@sending
def faults_of_creating(case: Case, provider: Provider) -> None:
    """Every fault while the job is created is its error, and no job is there."""
    for expected in EXPECTED:
        provider.script("create", expected.fault)
        _is_as_expected(case, expected, case.submit)
        provider.clear()
    expect_that(provider.jobs() == 0, f"{provider.jobs()} jobs, though none was accepted")
    case.train()
    expect_that(provider.jobs() == 1, f"{provider.jobs()} jobs after one was accepted")


@sending
def faults_of_polling(case: Case, provider: Provider) -> None:
    """Every fault while a job is looked at is its error, and the job is as it was."""
    job = case.submit()
    trains: Any = case.backend()
    for expected in EXPECTED:
        provider.script("poll", expected.fault, always=True)
        _is_as_expected(case, expected, lambda: trains.poll(job.record.ref))
        provider.clear()
    expect_that(not job.status.terminal, f"faults of looking made the job {job.status}")
    job.wait(timeout=case.harness.patience)


@asking
def faults_of_answering(case: Case, provider: Provider) -> None:
    """Every fault of a prediction as a whole is its error."""
    model = case.train()
    inputs = model.rendered(value_of(case.pair.sample.task, case.rows()[0]))
    for expected in EXPECTED:
        provider.script("answer", expected.fault, always=True)
        _is_as_expected(case, expected, lambda: _predict(model.backend, model.ref, inputs))
        provider.clear()
    expect_that(len(_predict(model.backend, model.ref, inputs)) == 1, "no answer after the faults")


def _predict(backend: Any, ref: ModelRef, inputs: list[Input]) -> Any:
    return asyncio.run(backend.predict(ref, inputs))


@scripted
def a_passing_fault_is_waited_out(case: Case, provider: Provider) -> None:
    """What may pass is tried again, as late as the provider asks; the caller sees nothing."""
    passing = (
        Fault("refuse", status=429, retry_after=RETRY_AFTER),
        Fault("refuse", status=503),
        Fault("cut"),
    )
    if case.harness.sends_jobs:
        provider.story(*[State.RUNNING] * 9, State.SUCCEEDED)
    job = case.submit()
    for fault in passing if case.harness.sends_jobs else ():
        provider.script("poll", fault)
        job.refresh()
    model = job.wait(timeout=case.harness.patience)
    asked = value_of(case.pair.sample.task, case.rows()[0])
    before = model.predict(asked)
    for fault in () if case.harness.answers_here else passing:
        provider.script("answer", fault)
        expect_that(model.predict(asked) == before, f"after {fault.kind} the answer is another")


@sending
def a_timed_out_submit_is_never_sent_twice(case: Case, provider: Provider) -> None:
    """A create that was done, but whose answer was lost, is found again: there is one job."""
    for fault in ("hang", "cut", "garble"):
        rows = [*case.rows(), case.pair.sample.long(fault)]
        jobs = provider.jobs()
        provider.script("create", Fault(fault, worked=True))
        for _ in range(3):
            try:
                job = case.submit(case.data(rows))
                break
            except BackendError as error:
                expect_that(error.retryable, f"{fault}: {error} ends the job")
        else:
            raise AssertionError(f"{fault}: three calls, and no job yet")
        provider.clear()
        job.wait(timeout=case.harness.patience)
        started = provider.jobs() - jobs
        expect_that(started == 1, f"{fault}: {started} jobs for one that was asked for")


@scripted
def no_key_is_seen(case: Case, provider: Provider) -> None:
    """Neither files, logs, reprs nor errors hold the key, not even when the provider says it."""
    seen: list[str] = []
    listener = _Listener(seen)
    root = logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    wrong = f"{provider.key}-mistyped"
    try:
        _use(case, seen)
        with mock.patch.dict(os.environ, {case.harness.key_env: wrong}):
            _use(case, seen)
        os_without = {k: v for k, v in os.environ.items() if k != case.harness.key_env}
        with mock.patch.dict(os.environ, os_without, clear=True):
            _use(case, seen)
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
    refused = [text for text in seen if AuthenticationFailed.__name__ in text]
    expect_that(len(refused) >= 2, "a wrong key and no key aren't refused")
    named = [text for text in refused if case.harness.key_env in text]
    expect_that(len(named) >= 2, f"{case.harness.key_env} isn't named to who has to set it")
    for text in seen:
        expect_that(provider.key not in text, f"the key is in {text[:300]!r}")
    for path in case.home.rglob("*"):
        if path.is_file():
            expect_that(provider.key.encode() not in path.read_bytes(), f"the key is in {path}")


def _use(case: Case, seen: list[str]) -> None:
    """A job from end to end; everything that is said on the way is kept."""
    try:
        job = case.submit()
        model = job.wait(timeout=case.harness.patience)
        answer = model.predict(value_of(case.pair.sample.task, case.rows()[0]))
        seen.extend(map(repr, (case.backend(), case.plan(), job, job.record, model, answer)))
        seen.extend(map(repr, (model.provenance, vars(model), list(job.events()))))
    except tunekit.TunekitError as error:
        seen.append("".join(traceback.format_exception(error)) + repr(vars(error)))


class _Listener(logging.Handler):
    """Keeps what is logged, with its arguments."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.append(f"{record.getMessage()} {record.args!r}")
