"""What the prompt cache would have kept: prefixes, really compared."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import NamedTuple

import orjson

from .checking import Request, tokens_in
from .state import State

__all__ = ["Used", "count"]

#: Blocks before a mark in which an earlier end of a kept prefix is looked for.
LOOKED_BACK = 20


class Used(NamedTuple):
    """Input tokens: those read from the cache, those written to it, and all others."""

    read: int
    written: int
    rest: int


def count(state: State, request: Request) -> Used:
    """What a request reads and writes; what it writes is kept from now on."""
    prefixes = list(_prefixes(request))
    sizes = [tokens_in(block.text) for block in request.blocks]
    marks = [place for place, block in enumerate(request.blocks) if block.mark is not None]
    if not marks or sum(sizes[: marks[-1] + 1]) < state.least_cached:
        return Used(0, 0, sum(sizes))
    moment = time.monotonic()
    known = next(
        (
            place
            for mark in reversed(marks)
            for place in range(mark, max(-1, mark - LOOKED_BACK), -1)
            if state.kept.get(prefixes[place], 0.0) > moment
        ),
        -1,
    )
    for mark in marks:
        state.kept[prefixes[mark]] = moment + (request.blocks[mark].mark or 0.0)
    read = sum(sizes[: known + 1])
    written = sum(sizes[known + 1 : marks[-1] + 1])
    return Used(read, written, sum(sizes) - read - written)


def _prefixes(request: Request) -> Iterator[bytes]:
    """A digest of all up to the end of each block, model and schema included."""
    digest = hashlib.sha256(orjson.dumps([request.model, request.schema]))
    for block in request.blocks:
        digest.update(orjson.dumps([block.role, block.text]))
        yield digest.copy().digest()
