"""Checks of predictions: asked as trained, in order, one at a time or many, whatever the text."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import orjson

import tunekit

from ...backends.base import ModelRef
from ...errors import DataError, PredictionError
from ...formats.base import Header, Undecoded
from ...formats.registry import codec
from ...job import Job
from ...model import Model
from ...shapes import Failure, Input, Outcome, Turns
from ...tasks.base import Prompt
from ..harness import Case, check, expect_that
from ..samples import bare, value_of

#: A text of more than a megabyte, in characters of one, two and four bytes.
LONG = "word Wörter 🙂 " * 60_000
#: The code of a finding that a row is left out of training, whole, since it is too long.
LEFT_OUT = "row-too-long"


@contextmanager
def listening(model: Model) -> Iterator[list[Input]]:
    """All that a model's backend is asked meanwhile."""
    heard: list[Input] = []
    kind: Any = type(model.backend)
    really = kind.predict

    async def predict(self: Any, ref: ModelRef, inputs: Sequence[Input]) -> list[Outcome]:
        heard.extend(inputs)
        answers: list[Outcome] = await really(self, ref, inputs)
        return answers

    with mock.patch.object(kind, "predict", predict):
        yield heard


def values(case: Case) -> list[Any]:
    """What the sample rows ask."""
    return [value_of(case.pair.sample.task, row) for row in case.rows()]


@check(reads=True)
def asked_as_trained(case: Case) -> None:
    """The inputs at prediction are those of the training file, turn by turn, also when a newer
    version of the task would word its prompt in another way."""
    job = case.done()
    trained = _trained_inputs(case, job)
    expect_that(_asked(case, job.result()) == trained, "prediction asks other than was trained")
    newer = Prompt(system="Another wording.", shots=(("a", "b"),))
    with mock.patch.object(type(case.pair.sample.task), "prompt", return_value=newer):
        again = tunekit.attach(job.id).result()
        expect_that(_asked(case, again) == trained, "prediction asks in today's words")


def _asked(case: Case, model: Model) -> list[object]:
    with listening(model) as heard:
        model.predict(values(case), errors="return")
    return [_words(one) for one in heard]


def _trained_inputs(case: Case, job: Job) -> list[object]:
    """The inputs in the training file, each once where several examples share one."""
    wire = codec(case.route.format)
    inputs: list[object] = []
    for line in (job.folder / "data" / "train.jsonl").read_bytes().splitlines():
        read = wire.decode(orjson.loads(line), Header())
        if isinstance(read, Undecoded):
            raise AssertionError(f"{line!r} can't be read back: {read}")
        if not inputs or inputs[-1] != _words(read.input):
            inputs.append(_words(read.input))
    return inputs


def _words(asked: Input) -> object:
    # What closes the answers isn't part of a training file in every format.
    return asked.turns if isinstance(asked, Turns) else asked


@check(reads=True, when=lambda harness, pair: harness.memorises)
def answers_are_those_trained(case: Case) -> None:
    """What was trained comes back: nothing between rows and provider says it differently."""
    answers = case.done().result().predict(values(case))
    for row, answer in zip(case.rows(), answers, strict=True):
        expect_that(case.pair.sample.agrees(row, answer), f"{row!r} is answered with {answer!r}")


@check(reads=True)
def one_is_as_many(case: Case) -> None:
    """A list is answered in order, and each input as it is alone."""
    model, asked = case.done().result(), values(case)
    alone = [bare(model.predict(one)) for one in asked]
    expect_that(
        [bare(one) for one in model.predict(asked)] == alone, "a list is answered in another way"
    )
    back = [bare(one) for one in model.predict(asked[::-1])]
    expect_that(back == alone[::-1], "the order of the inputs isn't that of the answers")
    many = asked * (200 // len(asked))
    expect_that([bare(one) for one in model.predict(many)] == alone * (200 // len(asked)), "many")
    expect_that(model.predict([]) == [], "no inputs have answers")


@check(reads=True)
def all_ways_of_asking_agree(case: Case) -> None:
    """Eight threads on one model, an event loop of the caller's, and a data set get the answers
    that one caller gets."""
    model, asked = case.done().result(), values(case)
    alone = [bare(one) for one in model.predict(asked)]
    turns = [number % len(asked) for number in range(8)]  # so that a mix-up shows
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(model.predict, [asked[turn:] + asked[:turn] for turn in turns]))
    for turn, answers in zip(turns, found, strict=True):
        expected = alone[turn:] + alone[:turn]
        expect_that([bare(one) for one in answers] == expected, "threads get other answers")
    awaited = asyncio.run(model.apredict(asked))
    expect_that([bare(one) for one in awaited] == alone, "apredict has other answers")
    read = model.predict(case.data())
    expect_that([bare(one) for one in read] == alone, "a data set has other answers")


@check(reads=True)
def a_saved_model_answers_alike(case: Case) -> None:
    """Saved and loaded, a model asks and answers as before."""
    model, asked = case.done().result(), values(case)
    with tempfile.TemporaryDirectory() as folder:
        loaded = tunekit.load(model.save(Path(folder) / "saved"))
        expect_that(loaded.rendered(asked) == model.rendered(asked), "it asks in another way")
        before, after = ([bare(answer) for answer in one.predict(asked)] for one in (model, loaded))
        expect_that(before == after, f"it answers {after!r}, before it was {before!r}")


@check(reads=True, when=lambda harness, pair: harness.refused_text is not None)
def a_bad_input_costs_no_other(case: Case) -> None:
    """An input without an answer is a Failure in its place; the others have theirs."""
    model, (first, second, *_) = case.done().result(), values(case) * 2
    bad = {**first, next(iter(first)): case.harness.refused_text}
    answers = model.predict([first, bad, second], errors="return")
    failed = [isinstance(answer, Failure) for answer in answers]
    expect_that(failed == [False, True, False], f"one bad input of three: {answers!r}")
    alone = [bare(model.predict(one)) for one in (first, second)]
    expect_that([bare(answers[0]), bare(answers[2])] == alone, "a neighbour's answer changed")
    try:
        model.predict([first, bad, second])
    except PredictionError as error:
        expect_that(list(error.failures) == [1], f"failures are {error.failures!r}")
        expect_that(len(error.outcomes) == 3, f"outcomes are {error.outcomes!r}")
    else:
        raise AssertionError("a bad input raises nothing")


@check(reads=True)
def a_long_row_is_trained_or_refused(case: Case) -> None:
    """A row of more than a megabyte is trained on and asked about, beside the usual ones; or it is
    left out, which the plan says, and has no answer, and the usual ones have; or the data are
    refused, before anything is sent, and the usual ones are still answered."""
    sample = case.pair.sample
    long = sample.long(LONG)
    data = case.data([*case.rows(), long])
    findings = case.plan(data).findings
    if any(finding.severity == "error" for finding in findings):
        _refused(case, lambda: case.submit(data))
        asked = [value_of(sample.task, long), *values(case)]
        answers = case.done().result().predict(asked, errors="return")[1:]
        failed = [answer for answer in answers if isinstance(answer, Failure)]
        expect_that(not failed, f"beside a long input others fail: {failed!r}")
        return
    model = case.train(data)
    asked = [value_of(sample.task, long), *values(case)]
    if any(finding.code == LEFT_OUT for finding in findings):
        first, *others = model.predict(asked, errors="return")
        expect_that(isinstance(first, Failure), f"an input that is too long: {first!r:.200}")
        failed = [answer for answer in others if isinstance(answer, Failure)]
        expect_that(not failed, f"beside a long input others fail: {failed!r}")
        return
    answers = model.predict(asked)
    if case.harness.memorises:
        for row, answer in zip([long, *case.rows()], answers, strict=True):
            expect_that(sample.agrees(row, answer), f"{answer!r:.200} to {row!r:.200}")


@check()
def one_row_is_trained_or_refused(case: Case) -> None:
    """One row is enough, or the data are refused with the reason; nothing in between."""
    data = case.data(case.rows()[:1])
    if data.check().errors:
        _refused(case, lambda: case.submit(data))
    else:
        model = case.train(data)
        model.predict(values(case)[0])


@check()
def no_rows_are_refused(case: Case) -> None:
    """Nothing to train on is bad data, before anything is sent."""
    _refused(case, lambda: case.submit(case.data([])))
    _refused(case, lambda: case.submit(case.data().filter(lambda row: False)))


def _refused(case: Case, submit: Any) -> None:
    before = case.provider.requests() if case.provider else 0
    try:
        submit()
    except DataError as error:
        expect_that(str(error), "a DataError says nothing")
    else:
        raise AssertionError("data that can't be trained on raise no DataError")
    after = case.provider.requests() if case.provider else 0
    expect_that(after == before, "bad data were refused after something was sent")
