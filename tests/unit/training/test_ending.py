"""Being told to end, with the real signals."""

from __future__ import annotations

import os
import signal

import pytest

from tunekit.training.ending import Cancelled, on_request, put_off

pytestmark = pytest.mark.usefixtures("signals")


def tell(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_ends_the_work_where_it_is(number: int) -> None:
    with pytest.raises(Cancelled):
        tell(number)


class Block:
    """Work that isn't interrupted; ``done`` says how far it came."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def told_once(self) -> None:
        with put_off() as told:
            assert not told()
            tell()
            assert told()
            self.done.append("the end")

    def told_inside(self) -> None:
        with put_off():
            self.told_once()
            self.done.append("the outer end")

    def told_twice(self) -> None:
        with put_off():
            tell()
            tell()
            self.done.append("the end")

    def failing(self) -> None:
        with put_off():
            tell()
            raise ZeroDivisionError


def test_a_request_that_is_put_off_is_only_noted() -> None:
    block = Block()
    with pytest.raises(Cancelled):
        block.told_once()
    assert block.done == ["the end"]


def test_the_request_is_heard_when_the_outermost_block_ends() -> None:
    block = Block()
    with pytest.raises(Cancelled):
        block.told_inside()
    assert block.done == ["the end", "the outer end"]


def test_a_second_request_waits_for_nothing() -> None:
    block = Block()
    with pytest.raises(Cancelled):
        block.told_twice()
    assert block.done == []


def test_an_error_in_the_block_is_what_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        Block().failing()


def test_nothing_lingers() -> None:
    with pytest.raises(Cancelled), put_off():
        tell()
    on_request()
    with put_off() as told:
        assert not told()


def test_the_end_itself_can_not_be_interrupted() -> None:
    on_request(signal.SIG_IGN)
    tell()
