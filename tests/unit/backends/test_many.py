"""Many inputs at once: in order, no more than allowed, and one error costs no other answer."""

from __future__ import annotations

import asyncio

import pytest

from tunekit.backends.many import ask_many, until_readable
from tunekit.errors import (
    AuthenticationFailed,
    BackendError,
    InvalidRequest,
    MalformedAnswer,
    ServerFailed,
)
from tunekit.shapes import Failure, Input, Outcome, Passage, Said


class Asked:
    """Answers each text with itself, the later ones first; a text with an error's name raises."""

    def __init__(self, *errors: type[BackendError]) -> None:
        self._errors = {one.__name__: one for one in errors}
        self.texts: list[str] = []
        self.now = self.most = 0

    async def __call__(self, asked: Input) -> Outcome:
        assert isinstance(asked, Passage)
        self.texts.append(asked.text)
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(20 - len(self.texts) % 20):
            await asyncio.sleep(0)
        self.now -= 1
        if asked.text in self._errors:
            raise self._errors[asked.text]("no", backend="b")
        return Said(asked.text)


def run(ask: Asked, texts: list[str], at_once: int = 4) -> list[Outcome]:
    return asyncio.run(ask_many(ask, [Passage(text) for text in texts], at_once))


def test_answers_are_in_order_and_so_many_are_under_way() -> None:
    ask = Asked()
    texts = [f"text {n}" for n in range(50)]
    assert run(ask, texts, at_once=7) == [Said(text) for text in texts]
    assert ask.most == 7


def test_no_inputs_have_no_answers() -> None:
    assert run(Asked(), []) == []


def test_an_error_is_a_failure_in_its_place() -> None:
    answers = run(Asked(ServerFailed), ["a", "ServerFailed", "b"])
    assert (answers[0], answers[2]) == (Said("a"), Said("b"))
    assert isinstance(answers[1], Failure) and answers[1].code == "ServerFailed"


def test_nothing_but_errors_is_an_error() -> None:
    with pytest.raises(InvalidRequest):
        run(Asked(InvalidRequest), ["InvalidRequest"] * 3)


def test_after_a_refused_key_nobody_asks_on() -> None:
    ask = Asked(AuthenticationFailed)
    answers = run(ask, ["a", "AuthenticationFailed", *"bcdefg"], at_once=1)
    assert ask.texts == ["a", "AuthenticationFailed"]
    codes = [one.code for one in answers if isinstance(one, Failure)]
    assert codes == ["AuthenticationFailed", *["not-asked"] * 6]


@pytest.mark.parametrize(("retries", "good"), [(0, False), (2, True)])
def test_what_can_t_be_read_is_asked_again(
    retries: int, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunekit.backends.many.FIRST_WAIT", 0.001)
    calls: list[int] = []

    async def once() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise MalformedAnswer("garbage", backend="b")
        return "read"

    if good:
        assert asyncio.run(until_readable(retries)(once)) == "read"
    else:
        with pytest.raises(MalformedAnswer):
            asyncio.run(until_readable(retries)(once))
    assert len(calls) == (3 if good else 1)
