"""What a format is: a codec between Examples and records, pure in both directions."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from ..shapes import Example, Shape

__all__ = ["Codec", "Header", "Undecoded"]


class Header(NamedTuple):
    """What a whole file has in common and its records don't say: the closed set of answers, and
    the JSON schema they follow."""

    choices: tuple[str, ...] = ()
    schema: str | None = None


class Undecoded(NamedTuple):
    """Why a record is none of this format: the key it is about, and what is wrong."""

    field: str | None
    message: str


class Codec(Protocol):
    """One wire layout. ``encode`` and ``decode`` do no I/O and know no clock and no chance.

    ``decode`` inverts ``encode`` given the same header.
    """

    name: str
    shapes: frozenset[Shape]
    #: The top-level keys of a record that decoding reads.
    keys: frozenset[str]

    def encode(self, example: Example, header: Header) -> dict[str, Any]: ...

    def decode(self, record: Any, header: Header) -> Example | Undecoded: ...
