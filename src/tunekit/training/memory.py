"""How much is computed at once: as much as was asked for, less once the memory didn't suffice."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from ..errors import TunekitError
from .batches import within
from .failures import NO_MEMORY

__all__ = ["Budget", "no_memory", "with_less", "without_retry"]

T = TypeVar("T")


class Budget:
    """The tokens that go through a model at once, with their padding.

    Args:
        lengths: the tokens of each example.
        tokens: to begin with.
    """

    def __init__(self, lengths: Sequence[int], tokens: int) -> None:
        self._lengths, self.tokens = lengths, tokens

    def parts(self, batch: Sequence[int]) -> list[list[int]]:
        """The batch in parts that are computed one after the other."""
        return list(within(self._lengths, batch, self.tokens))

    def lower(self, batch: Sequence[int], why: str) -> None:
        """Halve what was too much of this batch, and free what memory can be freed.

        Raises:
            TunekitError: it was a single example.
        """
        lengths = self._lengths
        largest = max(
            self.parts(batch), key=lambda part: len(part) * max(lengths[place] for place in part)
        )
        longest = max(1, *(lengths[place] for place in largest))
        if len(largest) == 1:
            raise TunekitError(
                f"not even one example of {longest} tokens fits into memory ({why}). Lower "
                "max_length, take a smaller base model, or a machine with more memory."
            )
        self.tokens = len(largest) * longest // 2
        _free()


def _free() -> None:
    """Give back what memory can be given back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class _Retry:
    """Whether what lacked memory may be done again with less."""

    allowed = True


@contextmanager
def without_retry() -> Iterator[None]:
    """Within this nothing is done again with less at once: other processes, which have to do it as
    often, wouldn't know."""
    _Retry.allowed = False
    try:
        yield
    finally:
        _Retry.allowed = True


def with_less(work: Callable[[int], T], at_once: int) -> T:
    """Do something with so much at once; where the memory doesn't suffice, with half of it, and so
    on. For what may be done again."""
    while True:
        try:
            return work(at_once)
        except (MemoryError, RuntimeError) as error:
            if no_memory(error) is None or at_once == 1 or not _Retry.allowed:
                raise
        # Only here, where nothing holds the error and what it holds, can memory come back.
        at_once = max(1, at_once // 2)
        _free()


def no_memory(error: BaseException) -> str | None:
    """The first line of an error that says that the memory didn't suffice; ``None`` for others."""
    said = str(error).strip()
    if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not any(
        words in said.lower() for words in NO_MEMORY
    ):
        return None
    return said.splitlines()[0] if said else "out of memory"
